"""A limited source: its stream, its values, its multipliers, and what they make of an iteration."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from dressage import ops
from dressage.run import checkpoint
from dressage.run.limits import Limit
from dressage.run.scoring import Column
from dressage.spec.components import Context
from dressage.spec.console import Quiet
from dressage.spec.policy import Losses
from dressage.spec.sections import ConstraintConfig
from dressage.spec.types import Span
from dressage_ppo.optimizer import PPO
from dressage_ppo.options import PPOOptions


def length(prompt, response):
    return float(len(response))


def policy(stage):
    return stage.network.adapters.state("default")


def same(one, other):
    return all(torch.equal(one[path], other[path]) for path in one)


def at_last(scores, mask):
    """Scores at the last token of each row, 0 elsewhere."""
    rewards = torch.zeros_like(mask)
    for row, score in enumerate(scores):
        if mask[row].any():
            rewards[row, int(mask[row].sum()) - 1] = score
    return rewards


def mean_of_rows(outputs, experience):
    """A loss whose units are replies: each one's mean squared error of its values."""
    error = (outputs.values - experience.returns).square() * outputs.mask
    loss = (error.sum(1) / outputs.mask.sum(1)).mean()
    return Losses(loss + 0.0 * outputs.logprobs.sum(), {})


def estimated(stage):
    """What an iteration's update is given, caught on its way."""
    seen, take = [], stage._update
    stage._update = lambda parts, found, rng: (seen.append(found), take(parts, found, rng))[1]
    stage.iterate(1)
    return seen[0]


# --- streams ---------------------------------------------------------------------------------------------------------


def test_an_optimizer_is_asked_once_a_stream(make_stage):
    stage = make_stage(cost=lambda p, r: 2.0 + p.columns["n"], limit={"max": 1.0}, kl={"beta": 0.3})
    stage.iterate(1)
    turn = stage.iterate(2)
    assert len(stage.optimizer.trajectories) == 4
    total, cost = stage.optimizer.trajectories[2:]
    costs = [2.0 + prompt.columns["n"] for prompt in turn.batch.prompts]
    assert torch.equal(cost.rewards, at_last(costs, cost.mask)), "the source's own scores, without sign, weight and KL"
    assert not torch.equal(total.rewards, at_last(turn.scores.totals, total.mask)), "the KL penalty is in the total's"
    assert torch.equal(total.groups, cost.groups)
    assert torch.equal(total.mask, cost.mask)


def test_without_a_limit_there_is_one_stream(make_stage):
    stage = make_stage()
    stage.iterate(1)
    assert len(stage.optimizer.trajectories) == 1
    assert stage.critic.head.linear.out_features == 1


def test_spans_are_costs_of_their_tokens(make_stage):
    stage = make_stage(cost=lambda p, r: [Span(0, 1, 3.0)] if r else [], limit={"max": 1.0})
    turn = stage.iterate(1)
    cost = stage.optimizer.trajectories[1]
    assert cost.rewards.sum(1).tolist() == [3.0 if response else 0.0 for response in turn.batch.responses]
    assert not torch.equal(cost.rewards, at_last(cost.rewards.sum(1), cost.mask))
    assert turn.metrics["limit.cost.mean"] == pytest.approx(float(cost.rewards.sum(1).mean()))


def test_a_reply_without_an_opinion_is_not_in_the_stream(make_stage):
    """No opinion is not a cost of 0: it has no part in the mean, in the advantages, or in a baseline."""
    odd = lambda p, r: None if p.columns["n"] % 2 else 4.0  # noqa: E731
    stage = make_stage(cost=odd, limit={"max": 1.0}, update={"whiten": False})
    found = estimated(stage)
    total, cost = stage.optimizer.trajectories
    silent = [row for row, n in enumerate(total.groups.tolist()) if n % 2]
    assert total.mask[silent].any(dim=1).all()
    assert not cost.mask[silent].any()
    assert not set(cost.groups[silent].tolist()) & set(total.groups.tolist())
    multiplier = stage.limits.limits[0].multipliers["max"]
    raw = (total.rewards.flip(1).cumsum(1).flip(1) * total.mask)[silent]
    assert torch.allclose(found.whole.advantages[silent], raw / (1 + multiplier))


def test_a_batch_that_the_limited_source_says_nothing_of_moves_nothing(make_stage):
    stage = make_stage(cost=lambda p, r: None, limit={"max": 1.0})
    metrics = stage.iterate(1).metrics
    assert len(stage.optimizer.trajectories) == 1
    assert metrics["limit.cost.max.multiplier"] == 1.0
    assert "limit.cost.mean" not in metrics


def test_bounds_clip_what_a_limit_reads(make_stage):
    stage = make_stage(cost=lambda p, r: 9.0, limit={"max": 1.0})
    stage.sources[1].plan = replace(stage.sources[1].plan, bounds=(0.0, 2.0), normalize="whiten")
    assert stage.iterate(1).metrics["limit.cost.mean"] == 2.0
    assert float(stage.optimizer.trajectories[1].rewards.sum()) == 12.0


def test_a_limited_source_that_is_asked_alone_is_a_reason_to_stay(make_stage):
    """The total is 0 where no source with a weight is asked, and no opinion where one is asked and has none."""
    stage = make_stage(lambda p, r: None, cost=lambda p, r: 1.0, limit={"max": 0.5})
    assert stage.iterate(1).scores.totals == (None,) * 6
    stage.sources[0].plan = replace(stage.sources[0].plan, when={"n": (0, 1)})
    turn = stage.iterate(2)
    asked = [prompt.columns["n"] in (0, 1) for prompt in turn.batch.prompts]
    assert turn.scores.totals == tuple(None if one else 0.0 for one in asked)
    assert stage.learner.step_count == 1


# --- advantages ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whiten", [True, False])
@pytest.mark.parametrize(("bound", "sign"), [("max", 1.0), ("min", -1.0)])
def test_advantages_are_combined_raw_and_whitened_once(make_stage, whiten, bound, sign):
    stage = make_stage(cost=lambda p, r: float(p.columns["n"]), limit={bound: 2.0, "rate": 1.0},
                       update={"whiten": whiten})  # fmt: skip
    found = estimated(stage)
    total, cost = ((t.rewards.flip(1).cumsum(1).flip(1) - t.values) * t.mask for t in stage.optimizer.trajectories)
    multiplier = math.exp(sign * (2.5 - 2.0))  # from 1, at rate 1, by a mean cost of 2.5
    raw = (total - sign * multiplier * cost) / (1 + multiplier)
    expected = ops.whiten(raw, found.whole.mask) if whiten else raw
    assert torch.allclose(found.whole.advantages, expected, atol=1e-5)


def test_a_group_baseline_works_on_each_stream(make_stage):
    """Rewards 5, 6, 7 against the others' mean: -1.5, 0, 1.5. Costs 2, 4 and no opinion: -2, 2, 0. Multiplier e."""
    scores, costs = iter([5.0, 6.0, 7.0]), iter([2.0, 4.0, None])
    stage = make_stage(lambda p, r: next(scores), cost=lambda p, r: next(costs), limit={"max": 1.0, "rate": 1.0},
                       rollout={"prompts": 1, "samples": 3}, update={"whiten": False})  # fmt: skip
    stage.optimizer = PPO(PPOOptions(baseline="group"), Context())
    found, e = estimated(stage), math.e
    expected = [(-1.5 + 2 * e) / (1 + e), -2 * e / (1 + e), 1.5 / (1 + e)]
    assert found.whole.advantages[:, 0].tolist() == pytest.approx(expected, rel=1e-5)


def test_a_reply_that_leaves_the_update_leaves_the_costs_baseline(make_stage):
    """Rewards 5, 6 and no opinion, costs 2, 4, 3: of two replies each against the other, -2 and 2."""
    scores, costs = iter([5.0, 6.0, None]), iter([2.0, 4.0, 3.0])
    stage = make_stage(lambda p, r: next(scores), cost=lambda p, r: next(costs), limit={"max": 1.0, "rate": 1e-9},
                       rollout={"prompts": 1, "samples": 3}, update={"whiten": False})  # fmt: skip
    stage.sources[1].plan = replace(stage.sources[1].plan, weight=0.0)
    stage.optimizer = PPO(PPOOptions(baseline="group"), Context())
    found = estimated(stage)
    assert found.whole.advantages[:, 0].tolist() == pytest.approx([(-1 + 2) / 2, (1 - 2) / 2, 0.0], abs=1e-6)


def test_both_bounds_have_a_multiplier(make_stage):
    stage = make_stage(cost=lambda p, r: 3.5, limit={"max": 3.0, "min": 1.0, "rate": 0.1})
    metrics = stage.iterate(1).metrics
    assert metrics["limit.cost.max.multiplier"] == pytest.approx(math.exp(0.05))
    assert metrics["limit.cost.min.multiplier"] == pytest.approx(math.exp(-0.25))
    assert metrics["limit.cost.max.violation"] == pytest.approx(0.5)
    assert metrics["limit.cost.min.violation"] == pytest.approx(-2.5)


# --- values ----------------------------------------------------------------------------------------------------------


def test_each_stream_has_values_of_its_own(make_stage):
    stage = make_stage(lambda p, r: 5.0, cost=lambda p, r: 2.0, limit={"max": 1.0}, value={"ridge": 1e-3})
    stage.iterate(1)
    stage.iterate(2)
    total, cost = stage.optimizer.trajectories[2:]
    assert float(total.values[total.mask.bool()].mean()) == pytest.approx(5.0, abs=0.5)
    assert float(cost.values[cost.mask.bool()].mean()) == pytest.approx(2.0, abs=0.3)


def test_values_of_a_stream_are_solved_on_what_it_knows(make_stage):
    """Constant costs on half the replies: zeros of the silent ones would pull the values down."""
    stage = make_stage(cost=lambda p, r: None if p.columns["n"] % 2 else 2.0, limit={"max": 1.0}, value={"ridge": 1e-6})
    stage.iterate(1)
    assert float(stage.critic.head.linear.bias[1]) == pytest.approx(2.0, abs=1e-2)
    assert float(stage.critic.head.linear.weight[1].abs().max()) < 1e-2


def test_values_of_each_stream_are_trained_by_the_optimizers_loss(make_stage):
    settings = {"value": {"fit": "gradient"}, "update": {"value_learning_rate": 1e-2}}
    stage = make_stage(lambda p, r: 5.0, cost=lambda p, r: -2.0, limit={"max": 1.0}, **settings)
    stage.iterate(1)
    assert float(stage.critic.head.linear.bias[0]) == pytest.approx(1e-2, rel=1e-3)
    assert float(stage.critic.head.linear.bias[1]) == pytest.approx(-1e-2, rel=1e-3)


def test_what_trains_a_limited_streams_values_has_nothing_for_the_policy(make_stage):
    """Six microbatches of one reply; the limited source has an opinion on three."""
    stage = make_stage(cost=lambda p, r: None if p.columns["n"] % 2 else 3.0, limit={"max": 1.0},
                       value={"fit": "gradient"}, update={"microbatch": 1})  # fmt: skip
    stage.iterate(1)
    calls = list(zip(stage.optimizer.outputs, stage.optimizer.experiences, strict=True))
    costs = [(outputs, experience) for outputs, experience in calls if not outputs.logprobs.requires_grad]
    assert (len(calls), len(costs)) == (9, 3)
    for outputs, experience in costs:
        assert outputs.values.requires_grad
        assert not experience.advantages.any()
        assert not outputs.entropy.any()
        assert torch.equal(outputs.logprobs, experience.logprobs)
        assert torch.equal(outputs.logprobs, experience.ref_logprobs)


def test_a_cost_has_no_part_in_the_policys_gradient_but_by_the_advantages(make_stage):
    """A multiplier of almost 0 teaches the policy what no limit does, whoever trains the values."""
    found = []
    for limit in (None, {"max": 1e6, "ceiling": 1e-12}):
        stage = make_stage(cost=lambda p, r: 2.0, limit=limit, value={"fit": "gradient"}, update={"max_grad_norm": 1e6})
        stage.iterate(1)
        found.append(torch.cat([x.flatten() for _, x in sorted(policy(stage).items())]))
    assert torch.allclose(*found, atol=1e-6)


@pytest.mark.parametrize("unit", ["token", "item"])
def test_microbatches_change_no_gradient_of_a_limited_streams_values(make_stage, unit):
    """Also where a microbatch has no opinion in it at all."""
    gradients = []
    for size in (6, 1):
        stage = make_stage(cost=lambda p, r: None if p.columns["n"] > 2 else 3.0, limit={"max": 1.0},
                           value={"fit": "gradient"}, update={"microbatch": size, "max_grad_norm": 1e6})  # fmt: skip
        if unit == "item":
            stage.optimizer.unit, stage.optimizer.loss = "item", mean_of_rows
        update, head = stage.learner.optimizer.step, stage.critic.head.linear
        stage.learner.optimizer.step = lambda h=head, u=update: (gradients.append(h.weight.grad.clone()), u())
        stage.iterate(1)
    assert gradients[0][1].any()
    assert torch.allclose(*gradients, rtol=1e-4, atol=1e-5)


# --- multipliers -----------------------------------------------------------------------------------------------------


def limit(make_stage, **config):
    return Limit(make_stage(limit=config).sources[1], ConstraintConfig(**config))


def column(*scores):
    return Column(scores, scores, scores, scores, ((),) * len(scores), ((),) * len(scores))


def test_a_window_is_the_mean_over_its_replies(make_stage):
    """3 and (1, 1), then (1, 1) and 7: means of 5/3 and 3."""
    found = limit(make_stage, max=1.0, window=2, rate=1e-3)
    told = [found.observe(column(*scores)) for scores in ((3.0,), (1.0, None, 1.0), (7.0,))]
    assert [one["limit.cost.max.violation"] for one in told] == pytest.approx([2.0, 2 / 3, 2.0])
    assert [one["limit.cost.mean"] for one in told] == [3.0, 1.0, 7.0]


@pytest.mark.parametrize("fit", ["ridge", "gradient"])
def test_a_restored_stage_goes_on_bit_for_bit(make_stage, tmp_path, fit):
    settings = {"cost": length, "limit": {"max": 4.0, "min": 1.0, "rate": 0.05, "window": 2}, "value": {"fit": fit}}
    whole, first, second = (make_stage(**settings) for _ in range(3))
    expected = [whole.iterate(i).metrics for i in (1, 2, 3)]
    for i in (1, 2):
        first.iterate(i)
    checkpoint.save(tmp_path, 2, first.state_dict())
    second.load_state_dict(checkpoint.load_latest(tmp_path, Quiet()))
    second.network.adapters.load("default", policy(first))
    assert second.iterate(3).metrics == expected[2]
    assert same(policy(second), policy(whole))
    assert second.limits.state_dict() == whole.limits.state_dict()
