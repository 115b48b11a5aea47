"""The clipped losses of PPO, and the preference loss."""

import math
import random

import pytest
import torch
from dressage.ops import bradley_terry, policy_loss, probability_ratio, value_loss
from hypothesis import given, settings
from hypothesis import strategies as st

cases = settings(max_examples=60, deadline=None, derandomize=True)
ONE = torch.ones(1, 1)


def f64(rows):
    return torch.tensor(rows, dtype=torch.float64)


def slow_policy(delta, advantage, clip):
    ratio = math.exp(min(max(delta, -20), 20))
    return max(-advantage * ratio, -advantage * min(max(ratio, 1 - clip), 1 + clip))


def slow_value(value, old, target, clip):
    plain = (value - target) ** 2
    if clip is None:
        return plain / 2
    return max(plain, (min(max(value, old - clip), old + clip) - target) ** 2) / 2


@cases
@given(st.lists(st.tuples(st.floats(-60, 0), st.floats(-60, 0), st.booleans()), min_size=1, max_size=5))
def test_a_ratio_equals_the_obvious_one(tokens):
    new, old, mask = (f64([list(column)]) for column in zip(*tokens, strict=True))
    expected = [math.exp(min(max(n - o, -20), 20)) if kept else 1.0 for n, o, kept in tokens]
    assert probability_ratio(new, old, mask)[0].tolist() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("delta", "advantage", "expected"),
    [(0, 1, -1), (0.5, 1, -1.2), (0.1, 1, -1.105171), (-1, 1, -0.367879), (-1, -1, 0.8), (0.5, -1, 1.648721)],
)
def test_policy_loss_by_hand(delta, advantage, expected):
    loss = policy_loss(f64([[delta - 2]]), f64([[-2]]), f64([[advantage]]), ONE, clip=0.2)
    assert loss.item() == pytest.approx(expected, abs=1e-6)


def test_policy_loss_has_no_gradient_where_the_clip_binds():
    new = torch.tensor([[0.5, 0.1]], requires_grad=True)
    policy_loss(new, torch.zeros(1, 2), torch.ones(1, 2), torch.ones(1, 2), clip=0.2).backward()
    assert new.grad[0].tolist() == pytest.approx([0, -math.exp(0.1) / 2])


def test_policy_loss_at_the_old_policy_is_minus_the_mean_advantage():
    logprobs = torch.tensor([[-1.0, -3.0]])
    assert policy_loss(logprobs, logprobs, torch.tensor([[2.0, 4.0]]), torch.ones(1, 2), clip=0.2) == -3


def test_ratio_at_the_old_policy_is_exactly_one():
    logprobs = torch.randn(2, 3)
    assert torch.equal(probability_ratio(logprobs, logprobs.clone(), torch.ones(2, 3)), torch.ones(2, 3))


def test_ratio_of_a_huge_difference_stays_finite():
    ratio = probability_ratio(torch.tensor([[0.0, -900.0]]), torch.tensor([[-900.0, 0.0]]), torch.ones(1, 2))
    assert ratio[0].tolist() == pytest.approx([math.exp(20), math.exp(-20)])


def test_ratio_is_one_behind_the_mask():
    assert probability_ratio(torch.tensor([[math.inf]]), torch.zeros(1, 1), torch.zeros(1, 1)) == 1


def test_policy_loss_gives_a_finite_gradient_where_the_ratio_would_overflow():
    new = torch.zeros(1, 1, requires_grad=True)
    policy_loss(new, torch.full((1, 1), -900.0), -ONE, ONE, clip=0.2).backward()
    assert torch.isfinite(new.grad).all()


def test_policy_loss_ignores_masked_tokens_even_where_they_are_nan():
    new = torch.tensor([[0.1, math.nan]], requires_grad=True)
    loss = policy_loss(new, torch.zeros(1, 2), torch.tensor([[1.0, math.nan]]), torch.tensor([[1.0, 0]]), clip=0.2)
    loss.backward()
    assert loss.item() == pytest.approx(-1.105171)
    assert new.grad[0].tolist() == pytest.approx([-math.exp(0.1), 0])


def test_one_batch_and_eight_weighted_microbatches_give_the_same_gradient():
    generator = torch.Generator().manual_seed(3)
    old, advantages = (torch.randn(8, 5, generator=generator, dtype=torch.float64) for _ in range(2))
    mask = (torch.arange(5) < torch.tensor([5, 1, 2, 3, 4, 5, 1, 2])[:, None]).double()
    gradients = []
    for size in (8, 1):
        new = (old + 0.1).requires_grad_()
        for rows in torch.arange(8).split(size):
            loss = policy_loss(new[rows], old[rows], advantages[rows], mask[rows], clip=0.2)
            (loss * mask[rows].sum() / mask.sum()).backward()
        gradients.append(new.grad)
    assert torch.allclose(gradients[0], gradients[1], atol=1e-15)


@pytest.mark.parametrize(("value", "expected"), [(1, 0.125), (0.6, 0.18)])
def test_value_loss_by_hand(value, expected):
    loss = value_loss(f64([[value]]), f64([[0.5]]), f64([[1.2]]), ONE, clip=0.2)
    assert loss.item() == pytest.approx(expected)


def test_value_loss_without_a_clip_is_half_the_squared_error():
    assert value_loss(f64([[1]]), f64([[0.5]]), f64([[1.2]]), ONE, clip=None).item() == pytest.approx(0.02)


def test_value_loss_ignores_masked_tokens():
    loss = value_loss(f64([[1, math.nan]]), f64([[1, 0]]), f64([[2, math.inf]]), f64([[1, 0]]), clip=0.2)
    assert loss.item() == pytest.approx(0.5)


def test_every_token_counts_alike_in_a_long_and_a_short_sequence():
    # one row of three tokens whose error is 1, one of one token whose error is 3: not the mean of the rows' means
    mask, zeros = f64([[1, 1, 1], [1, 0, 0]]), f64([[0, 0, 0], [0, 0, 0]])
    assert value_loss(f64([[1, 1, 1], [3, 0, 0]]), zeros, zeros, mask, clip=None).item() == pytest.approx(0.5 * 12 / 4)
    assert policy_loss(zeros, zeros, f64([[1, 1, 1], [3, 0, 0]]), mask, clip=0.2).item() == pytest.approx(-6 / 4)


@cases
@given(st.integers(0, 2**31), st.integers(1, 9), st.floats(0.05, 0.5))
def test_policy_loss_equals_the_obvious_one(seed, width, clip):
    rng = random.Random(seed)
    rows = [(rng.gauss(0, 1), rng.gauss(0, 1), rng.gauss(0, 1), rng.random() < 0.7) for _ in range(width)]
    kept = [slow_policy(new - old, advantage, clip) for new, old, advantage, m in rows if m]
    loss = policy_loss(*(f64([list(column)]) for column in zip(*rows, strict=True)), clip=clip)
    assert loss.item() == pytest.approx(sum(kept) / max(len(kept), 1), abs=1e-12)


@cases
@given(st.integers(0, 2**31), st.integers(1, 9), st.one_of(st.none(), st.floats(0.05, 0.5)))
def test_value_loss_equals_the_obvious_one(seed, width, clip):
    rng = random.Random(seed)
    rows = [(rng.gauss(0, 1), rng.gauss(0, 1), rng.gauss(0, 1), rng.random() < 0.7) for _ in range(width)]
    kept = [slow_value(value, old, target, clip) for value, old, target, m in rows if m]
    loss = value_loss(*(f64([list(column)]) for column in zip(*rows, strict=True)), clip=clip)
    assert loss.item() == pytest.approx(sum(kept) / max(len(kept), 1), abs=1e-12)


def test_preference_loss_of_an_untrained_model_is_log_two():
    assert bradley_terry(f64([0, 0]), f64([0, 0])).item() == pytest.approx(0.693147, abs=1e-6)


def test_preference_loss_of_a_gap_of_one():
    assert bradley_terry(f64([3]), f64([2])).item() == pytest.approx(0.313262, abs=1e-6)


def test_preference_loss_of_the_wrong_order_stays_finite():
    assert bradley_terry(torch.tensor([-500.0]), torch.tensor([500.0])) == 1000


def test_preference_losses_make_the_cost_loss():
    # the pair, and each answer against the boundary 0: unsafe above, safe below
    unsafe, safe, zero = f64([1]), f64([-1]), f64([0])
    loss = bradley_terry(unsafe, safe) + bradley_terry(unsafe, zero) + bradley_terry(zero, safe)
    assert loss.item() == pytest.approx(0.753451, abs=1e-6)


@cases
@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=1, max_size=6), st.floats(0, 0.49))
def test_preference_loss_equals_the_obvious_one(pairs, smoothing):
    def nll(d):
        return math.log1p(math.exp(-d))

    expected = sum((1 - smoothing) * nll(c - r) + smoothing * nll(r - c) for c, r in pairs) / len(pairs)
    chosen, rejected = (f64(list(column)) for column in zip(*pairs, strict=True))
    assert bradley_terry(chosen, rejected, label_smoothing=smoothing).item() == pytest.approx(expected)
