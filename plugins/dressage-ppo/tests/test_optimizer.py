"""PPO's advantages and loss, by hand."""

import math
import random

import pytest
import torch
from dressage import Context, Experience, Outputs, TrainingError, Trajectories
from dressage.testing import OptimizerContract
from dressage_ppo.optimizer import PPO
from dressage_ppo.options import PPOOptions
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError


def f64(rows):
    return torch.tensor(rows, dtype=torch.float64)


def ppo(**options):
    return PPO(PPOOptions(**options), Context(name="ppo"))


def trajectories(rewards, values=None, mask=None, groups=None):
    rewards = f64(rewards)
    return Trajectories(
        rewards,
        torch.zeros_like(rewards) if values is None else f64(values),
        torch.ones_like(rewards) if mask is None else f64(mask),
        torch.zeros(len(rewards), dtype=torch.long) if groups is None else torch.tensor(groups),
    )


def step(new, old, *, advantages=1.0, values=0.0, old_values=0.0, returns=0.0, mask=None):
    """One microbatch; numbers stand for whole rows."""
    new, old = f64(new), f64(old)

    def rows(x):
        return f64(x) if isinstance(x, list) else torch.full_like(new, x)

    mask = torch.ones_like(new) if mask is None else f64(mask)
    reference = old - 3.0  # other than the old policy: nothing of a loss is measured from it
    experience = Experience(old, reference, rows(old_values), rows(advantages), rows(returns), mask)
    return Outputs(new, rows(values), torch.zeros_like(new), mask), experience


class WithoutValues(PPO):
    """PPO as `baseline: group` makes it, said on the class, where the contract reads it."""

    uses_values = False


class TestValueBaseline(OptimizerContract):
    component = PPO


class TestGroupBaseline(OptimizerContract):
    component = WithoutValues
    options = {"baseline": "group"}


def test_advantages_are_gae_by_hand():
    advantages, returns = ppo(gamma=0.9).advantages(trajectories([[0, 0, 0, 1]], [[0, 0, 0, 1]]))
    assert advantages[0].tolist() == pytest.approx([0.6579225, 0.7695, 0.9, 0])
    assert returns[0].tolist() == pytest.approx([0.6579225, 0.7695, 0.9, 1])


def test_lambda_reaches_gae():
    advantages, _ = ppo(lam=0.0).advantages(trajectories([[0, 1]], [[0.5, 0.25]]))
    assert advantages[0].tolist() == pytest.approx([-0.25, 0.75])


def test_group_baseline_takes_the_mean_of_the_other_replies():
    rewards = [[0, 1], [0, 2], [0, 3], [0, 6]]
    advantages, returns = ppo(baseline="group").advantages(trajectories(rewards))
    assert advantages[:, 0].tolist() == pytest.approx([-2.6667, -1.3333, 0, 4], abs=1e-4)
    assert returns[:, 0].tolist() == [1, 2, 3, 6]


def test_group_baseline_is_the_same_at_each_token_and_zero_behind_the_mask():
    advantages, _ = ppo(baseline="group").advantages(trajectories([[0, 1, 9], [0, 0, 3]], mask=[[1, 1, 0], [1, 1, 1]]))
    assert advantages.tolist() == [[-2, -2, 0], [2, 2, 2]]


def test_group_baseline_counts_the_kl_penalty_of_the_whole_reply():
    advantages, _ = ppo(baseline="group").advantages(trajectories([[-0.5, 1], [0, 1]]))
    assert advantages[:, 0].tolist() == [-0.5, 0.5]


def test_group_baseline_keeps_prompts_apart():
    advantages, _ = ppo(baseline="group").advantages(trajectories([[1], [3], [10], [30]], groups=[0, 0, 1, 1]))
    assert advantages[:, 0].tolist() == [-2, 2, -20, 20]


def test_group_baseline_with_one_reply_a_prompt_is_refused():
    with pytest.raises(TrainingError, match="samples"):
        ppo(baseline="group").advantages(trajectories([[1], [2]], groups=[0, 1]))


def test_a_reply_left_without_siblings_gets_no_advantage():
    advantages, _ = ppo(baseline="group").advantages(trajectories([[1], [3], [9]], groups=[0, 0, 1]))
    assert advantages[:, 0].tolist() == [-2, 2, 0]


def test_an_all_equal_group_gives_zero_gradient():
    optimizer = ppo(baseline="group")
    advantages, _ = optimizer.advantages(trajectories([[0.1, 0.2]] * 3))
    new = torch.zeros(3, 2, dtype=torch.float64, requires_grad=True)
    outputs, experience = step([[0.0, 0.0]] * 3, [[0.1, -0.1]] * 3, advantages=advantages.tolist())
    optimizer.loss(Outputs(new, outputs.values, outputs.entropy, outputs.mask), experience).loss.backward()
    assert not new.grad.any()


def test_the_loss_adds_the_value_loss_by_its_coefficient():
    # ratio e^.5 is clipped to 1.2; the value error by hand is .125
    losses = ppo(value_coefficient=0.5).loss(*step([[-0.5]], [[-1.0]], values=1.0, old_values=0.5, returns=1.2))
    assert losses.loss.item() == pytest.approx(-1.2 + 0.5 * 0.125)


def test_the_value_clip_can_be_switched_off():
    losses = ppo(value_clip=None).loss(*step([[0.0]], [[0.0]], values=1.0, old_values=0.5, returns=1.2))
    assert losses.metrics["value_loss"].item() == pytest.approx(0.02)


def test_the_clip_is_an_option():
    assert ppo(clip=0.5).loss(*step([[0.0]], [[-2.0]])).loss.item() == pytest.approx(-1.5)


def test_a_group_baseline_has_no_value_loss():
    losses = ppo(baseline="group").loss(*step([[0.0]], [[0.0]], values=3.0))
    assert (losses.loss.item(), "value_loss" in losses.metrics) == (-1, False)


def test_only_a_value_baseline_asks_for_a_value_head():
    assert [ppo(baseline=name).uses_values for name in ("value", "group")] == [True, False]


def test_the_first_step_has_ratio_one_and_no_kl():
    metrics = ppo().loss(*step([[-1.0, -2.0]], [[-1.0, -2.0]])).metrics
    assert [float(metrics[name]) for name in ("ratio", "approximate_kl", "clip_fraction")] == [1, 0, 0]


def test_metrics_by_hand():
    # ratios e^.5 and e^-.1: one of two outside the clip; k3 of KL(old || new) is ratio - 1 - log ratio
    metrics = ppo().loss(*step([[-0.5, -1.1, 9.0]], [[-1.0, -1.0, 0.0]], mask=[[1, 1, 0]])).metrics
    assert metrics["clip_fraction"].item() == 0.5
    assert metrics["ratio"].item() == pytest.approx((math.exp(0.5) + math.exp(-0.1)) / 2)
    assert metrics["approximate_kl"].item() == pytest.approx((0.148721 + 0.004837) / 2, abs=1e-6)


def test_the_clip_fraction_counts_both_sides():
    metrics = ppo().loss(*step([[-0.5, -1.5, -1.1, -0.9]], [[-1.0, -1.0, -1.0, -1.0]])).metrics
    assert metrics["clip_fraction"].item() == 0.5


def test_metrics_carry_no_gradient():
    outputs, experience = step([[-0.5]], [[-1.0]])
    outputs.logprobs.requires_grad_()
    outputs.values.requires_grad_()
    assert not any(x.requires_grad for x in ppo().loss(outputs, experience).metrics.values())


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 2**31), st.integers(1, 4))
def test_microbatches_weighted_by_tokens_make_the_whole_minibatch(seed, size):
    rng = random.Random(seed)
    lengths = [rng.randint(1, 4) for _ in range(4)]
    columns = [[[rng.gauss(0, 0.5) for _ in range(4)] for _ in lengths] for _ in range(6)]
    mask = [[float(t < n) for t in range(4)] for n in lengths]

    def loss(rows):
        new, old, advantages, values, old_values, returns = ([column[i] for i in rows] for column in columns)
        outputs, experience = step(
            new, old, advantages=advantages, values=values, old_values=old_values, returns=returns,
            mask=[mask[i] for i in rows],
        )  # fmt: skip
        return ppo().loss(outputs, experience).loss.item() * sum(lengths[i] for i in rows)

    parts = [list(range(i, min(i + size, 4))) for i in range(0, 4, size)]
    assert sum(loss(rows) for rows in parts) == pytest.approx(loss(range(4)))


@pytest.mark.parametrize(
    "options", [{"clip": 0}, {"clip": 1}, {"lam": 1.1}, {"gamma": -1}, {"vf": 1}, {"baseline": "mean"}]
)
def test_a_wrong_option_is_refused(options):
    with pytest.raises(ValidationError):
        PPOOptions(**options)
