"""One online iteration: what is asked, what the optimizer is given, and what is learnt from it."""

from __future__ import annotations

import pytest
import torch
from dressage import ops
from dressage.run.sampling import Sample
from dressage.spec.components import Context
from dressage.spec.errors import DataError
from dressage.spec.types import Batch, Message, Origin, Prompt, Span
from dressage_ppo.optimizer import PPO
from dressage_ppo.options import PPOOptions

from tests.run.conftest import policy, same, scored


def test_rewards_are_the_score_at_the_last_token(make_stage):
    stage = make_stage(lambda prompt, response: 2.0 + prompt.columns["n"], weight=0.5)
    turn = stage.iterate(1)
    (given,) = stage.optimizer.trajectories
    assert [int(n) for n in given.mask.sum(1)] == [len(s.ids) for s in stage.samples]
    for row, sample in enumerate(stage.samples):
        expected = torch.zeros(given.rewards.shape[1])
        expected[len(sample.ids) - 1] = 0.5 * (2.0 + turn.batch.prompts[row].columns["n"])
        assert torch.equal(given.rewards[row], expected)


def test_the_kl_penalty_is_at_every_token(make_stage):
    stage = make_stage(lambda prompt, response: 0.0, kl={"beta": 0.3})
    stage.sources[0].reward.judge = lambda prompt, response: float(len(response))
    stage.iterate(1)
    stage.network.adapters.add("before")
    stage.network.adapters.load("before", policy(stage))
    stage.sources[0].reward.judge = lambda prompt, response: 0.0
    stage.iterate(2)
    given = stage.optimizer.trajectories[1]
    for row, s in enumerate(stage.samples):
        expected = -0.3 * (scored(stage, "before", s) - scored(stage, "reference", s))
        assert torch.allclose(given.rewards[row, : len(s.ids)], expected, atol=1e-5)
        assert not given.rewards[row, len(s.ids) :].any()


def test_spans_are_rewards_of_their_tokens(make_stage):
    stage = make_stage(lambda prompt, response: [Span(0, 1, 3.0)] if response else [], weight=0.5)
    turn = stage.iterate(1)
    (given,) = stage.optimizer.trajectories
    assert any(turn.batch.responses)
    for row, response in enumerate(turn.batch.responses):
        assert float(given.rewards[row].sum()) == (1.5 if response else 0.0)


def test_replies_to_one_prompt_are_a_group(make_stage):
    stage = make_stage(rollout={"prompts": 3, "samples": 2})
    turn = stage.iterate(1)
    groups = stage.optimizer.trajectories[0].groups.tolist()
    assert groups == [prompt.columns["n"] for prompt in turn.batch.prompts]
    assert len(set(groups)) == 3
    assert groups[0::2] == groups[1::2]


def test_a_reply_without_an_opinion_is_in_no_baseline(make_stage):
    """5 - 6.5, 6 - 6 and 7 - 5.5: each against the mean of the others that have a return."""
    answers = iter([5.0, 6.0, None, 7.0])
    stage = make_stage(
        lambda prompt, response: next(answers), rollout={"prompts": 1, "samples": 4}, update={"whiten": False}
    )
    stage.optimizer = PPO(PPOOptions(baseline="group"), Context())
    seen, take = [], stage._update
    stage._update = lambda parts, found, rng: (seen.append(found.whole), take(parts, found, rng))[1]
    stage.iterate(1)
    assert seen[0].advantages[:, 0].tolist() == [-1.5, 0.0, 0.0, 1.5]


def test_rows_without_an_opinion_leave_the_update(make_stage):
    stage = make_stage(lambda prompt, response: None if prompt.columns["n"] % 2 else 1.0 + len(response))
    turn = stage.iterate(1)
    (given,) = stage.optimizer.trajectories
    silent = [row for row, total in enumerate(turn.scores.totals) if total is None]
    assert len(silent) == 3
    assert turn.metrics["no_opinion"] == 0.5
    assert not given.mask[silent].any()
    assert not given.rewards[silent].any()
    assert sum(len(outputs.mask) for outputs in stage.optimizer.outputs) == 3
    assert all(outputs.mask.any(dim=1).all() for outputs in stage.optimizer.outputs)


def test_what_silent_rows_said_changes_nothing(make_stage):
    """Two batches that differ in rows without an opinion alone teach the same."""

    def asked(word):
        return [Prompt((Message("user", f"{word if i % 2 else 'question'} {i}"),), columns={"n": i}) for i in range(6)]

    found = []
    for word in ("one", "anything else"):
        stage = make_stage(lambda prompt, response: None if prompt.columns["n"] % 2 else float(len(response)),
                           asked=asked(word), update={"microbatch": 1})  # fmt: skip
        stage._rollout = with_fixed_replies(stage)
        stage.iterate(1)
        found.append(policy(stage))
    assert same(*found)


def with_fixed_replies(stage):
    """The prompts in order, each answered by the same tokens whatever it asks."""

    def rollout(iteration):
        ids = [tuple(range(20 + i, 24 + i)) for i in range(6)]
        encoded = [stage._encode(prompt) for prompt in stage.prompts]
        stage.samples = [
            Sample(p, r, False, (-1.0,) * 4, stage.network.trunk(stage.network.pad([p + r]))[0])
            for p, r in zip(encoded, ids, strict=True)
        ]
        return list(range(6)), Batch(tuple(stage.prompts), tuple("x" * i for i in range(6)), (False,) * 6)

    return rollout


def test_a_batch_that_nobody_has_an_opinion_on_is_skipped(make_stage):
    stage = make_stage(lambda prompt, response: None)
    before = policy(stage)
    turn = stage.iterate(1)
    assert same(policy(stage), before)
    assert stage.learner.step_count == 0
    assert turn.scores.totals == (None,) * 6
    assert turn.metrics["no_opinion"] == 1.0
    assert "loss" not in turn.metrics


def test_the_controller_moves_beta_by_its_rule(make_stage):
    """At KL 0 the error is clipped to -0.2: 0.2 (1 - 0.2 * 6 / 100)."""
    stage = make_stage(kl={"beta": 0.2, "target": 6.0, "horizon": 100})
    assert stage.iterate(1).metrics["beta"] == 0.2
    assert stage.beta == pytest.approx(0.1976)
    before = stage.beta
    metrics = stage.iterate(2).metrics
    assert metrics["beta"] == pytest.approx(before)
    error = min(max(metrics["kl"] / 6.0 - 1, -0.2), 0.2)
    assert stage.beta == pytest.approx(before * (1 + error * 6 / 100))


def test_the_controller_counts_the_rows_with_an_opinion(make_stage):
    """0.2 (1 - 0.2 * 3 / 100)."""
    judge = lambda prompt, response: None if prompt.columns["n"] % 2 else 1.0  # noqa: E731
    stage = make_stage(judge, kl={"beta": 0.2, "target": 6.0, "horizon": 100})
    stage.iterate(1)
    assert stage.beta == pytest.approx(0.1988)


def test_beta_is_fixed_without_a_target(make_stage):
    stage = make_stage(kl={"beta": 0.2})
    stage.iterate(1)
    assert stage.beta == 0.2


def test_advantages_are_whitened_over_the_batch(make_stage):
    for whiten in (True, False):
        stage = make_stage(update={"whiten": whiten})
        stage.iterate(1)
        (given,) = stage.optimizer.trajectories
        raw = (given.rewards.flip(1).cumsum(1).flip(1) - given.values) * given.mask
        expected = ops.whiten(raw, given.mask) if whiten else raw
        seen = torch.cat([e.advantages[e.mask.bool()] for e in stage.optimizer.experiences])
        assert torch.allclose(seen.sort().values, expected[given.mask.bool()].sort().values, atol=1e-6)


def test_microbatches_change_no_gradient(make_stage):
    gradients = []
    for size in (6, 3, 1):
        stage = make_stage(update={"microbatch": size, "max_grad_norm": 1e6})
        update = stage.learner.optimizer.step
        parameters = stage.network.adapters.parameters("default")
        seen = []
        stage.learner.optimizer.step = lambda: (seen.extend(p.grad.flatten() for p in parameters), update())
        stage.iterate(1)
        assert len(stage.optimizer.outputs) == 6 // size
        gradients.append(torch.cat(seen))
    for found in gradients[1:]:
        assert (found - gradients[0]).norm() <= 1e-4 * gradients[0].norm()


@pytest.mark.parametrize("unit", ["token", "item"])
def test_a_microbatch_counts_by_its_optimizers_unit(make_stage, monkeypatch, unit):
    stage = make_stage(update={"microbatch": 4})
    monkeypatch.setattr(type(stage.optimizer), "unit", unit)
    stage.network.encoder.stop_ids = frozenset(range(0, 600, 3))
    shares, step = [], stage.learner.step
    stage.learner.step = lambda parts, name: step(((shares.append(s) or s, loss) for s, loss in parts), name=name)
    stage.iterate(1)
    masks = [outputs.mask for outputs in stage.optimizer.outputs]
    units = [len(mask) if unit == "item" else float(mask.sum()) for mask in masks]
    assert len(units) == 2
    assert shares == pytest.approx([count / sum(units) for count in units])


def test_epochs_and_minibatches_are_steps(make_stage):
    stage = make_stage(update={"epochs": 2, "minibatches": 3})
    stage.iterate(1)
    assert stage.learner.step_count == 6


def test_a_kl_bound_ends_the_epochs_of_an_iteration(make_stage):
    stage = make_stage(update={"epochs": 5, "minibatches": 2, "stop_kl": 1e-9})
    stage.iterate(1)
    assert stage.learner.step_count == 2
    stage.iterate(2)
    assert stage.learner.step_count == 4


def test_each_prompt_is_asked_once_before_any_is_asked_again(make_stage):
    stage = make_stage(rollout={"prompts": 4})
    asked = [n for iteration in (1, 2, 3) for n in stage._take(iteration)]
    assert sorted(asked[:6]) == sorted(asked[6:]) == list(range(6))
    assert asked[:6] != asked[6:]


def test_the_policy_learns_what_is_rewarded(make_stage):
    stage = make_stage(
        lambda prompt, response: float(response.count("a")),
        stirred=False,
        kl={"beta": 0.0},
        rollout={"prompts": 32},
        update={"learning_rate": 3e-2, "microbatch": 32, "minibatches": 2},
    )
    stage.network.transform = lambda logits: 4 * logits  # a tiny frozen head gives no token more than a few per cent
    means = [stage.iterate(i).metrics["score"] for i in range(1, 9)]
    assert means[0] < 1
    assert means[-1] > 4


def test_metrics_say_how_replies_ended(make_stage):
    stage = make_stage()
    stage.network.encoder.stop_ids = frozenset(range(0, 600, 2))
    turn = stage.iterate(1)
    lengths = [len(s.ids) for s in stage.samples]
    assert turn.metrics["response_length"] == pytest.approx(sum(lengths) / 6)
    assert turn.metrics["finished"] == pytest.approx(sum(s.ids[-1] % 2 == 0 for s in stage.samples) / 6)
    assert turn.metrics["score"] == pytest.approx(sum(map(len, turn.batch.responses)) / 6)


def test_the_value_head_is_solved_for_the_next_iteration(make_stage):
    stage = make_stage(lambda prompt, response: 5.0, value={"ridge": 1e-3})
    stage.iterate(1)
    stage.iterate(2)
    first, second = stage.optimizer.trajectories
    assert not first.values.any()
    assert float(second.values[second.mask.bool()].mean()) == pytest.approx(5.0, abs=0.5)


def test_no_pass_has_more_tokens_than_so_many_of_the_longest(make_stage):
    """Two prompts' worth of the longest prompt and reply; shorter ones come more at a time."""
    asked = [Prompt((Message("user", "why " * (30 if i == 0 else 0) + f"question {i}?"),)) for i in range(12)]
    stage = make_stage(asked=asked, rollout={"prompts": 12}, update={"microbatch": 2})
    sizes, hidden = [], stage.network.hidden

    def spy(batch, role):
        sizes.append(tuple(batch.ids.shape))
        return hidden(batch, role)

    stage.network.hidden = spy
    stage.iterate(1)
    longest = max(width for _, width in sizes)
    assert longest == max(len(stage._encode(prompt)) for prompt in asked) + 5
    assert max(rows * width for rows, width in sizes) <= 2 * longest
    assert max(rows for rows, _ in sizes) > 2


def test_an_optimizer_without_values_gets_zeros(make_stage):
    stage = make_stage(value={"fit": "gradient"})
    plain = make_stage(value={"fit": "gradient"})
    type(plain.optimizer).uses_values, kept = False, True
    try:
        plain = make_stage(value={"fit": "gradient"})
        plain.iterate(1)
        plain.iterate(2)
    finally:
        type(plain.optimizer).uses_values = kept
    stage.iterate(1)
    stage.iterate(2)
    assert stage.optimizer.trajectories[1].values.any()
    assert not plain.optimizer.trajectories[1].values.any()


def test_a_prompt_that_leaves_no_room_is_refused(make_stage):
    long = Prompt((Message("user", "word " * 800),), origin=Origin("prompts.jsonl", 3))
    with pytest.raises(DataError, match=r"^prompts\.jsonl:3: \d+ tokens, but the model takes 1024"):
        make_stage(asked=[long])


def test_one_seed_gives_one_result(make_stage):
    found = []
    for seed in (0, 0, 1):
        stage = make_stage(seed=seed)
        stage.iterate(1)
        stage.iterate(2)
        found.append(policy(stage))
    assert same(found[0], found[1])
    assert not same(found[0], found[2])


@pytest.mark.parametrize(
    "value", [{"fit": "ridge"}, {"fit": "gradient"}, {"role": "adapter"}, {"role": "model", "base": "other"}]
)
def test_a_restored_stage_goes_on_bit_for_bit(make_stage, make_network, value):
    kl = {"beta": 0.2, "target": 1.0, "horizon": 50}
    own = [make_network() if "base" in value else None for _ in range(3)]
    whole, first, second = (make_stage(kl=kl, value=value, own=network) for network in own)
    expected = [whole.iterate(i).metrics for i in (1, 2, 3, 4)]
    for i in (1, 2):
        first.iterate(i)
    second.load_state_dict(first.state_dict())
    second.network.adapters.load("default", policy(first))
    assert [second.iterate(i).metrics for i in (3, 4)] == expected[2:]
    assert same(policy(second), policy(whole))
