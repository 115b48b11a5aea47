"""GAE, group baselines and explained variance."""

import math
import random

import pytest
import torch
from dressage.ops import explained_variance, gae, group_center, token_rewards, whiten
from hypothesis import given, settings
from hypothesis import strategies as st

cases = settings(max_examples=60, deadline=None, derandomize=True)


def f64(rows):
    return torch.tensor(rows, dtype=torch.float64)


def slow_gae(rewards, values, gamma, lam):
    """One row without padding, from the definition: A_t = sum over k of (gamma lam)^k delta_{t+k}."""
    n = len(rewards)
    deltas = [rewards[t] + gamma * (values[t + 1] if t + 1 < n else 0.0) - values[t] for t in range(n)]
    return [sum((gamma * lam) ** (k - t) * deltas[k] for k in range(t, n)) for t in range(n)]


def test_gae_by_hand_with_a_discount():
    row = f64([[0, 0, 0, 1]])
    advantages, returns = gae(row, row, torch.ones(1, 4), gamma=0.9, lam=0.95)
    assert advantages[0].tolist() == pytest.approx([0.6579225, 0.7695, 0.9, 0])
    assert returns[0].tolist() == pytest.approx([0.6579225, 0.7695, 0.9, 1])


def test_gae_by_hand_without_a_discount():
    advantages, _ = gae(f64([[0, 0, 1]]), f64([[0.5, 0.5, 0.5]]), torch.ones(1, 3), gamma=1, lam=0.95)
    assert advantages[0].tolist() == pytest.approx([0.45125, 0.475, 0.5])


def test_gae_of_kl_shaped_rewards():
    mask = torch.ones(1, 3)
    rewards = token_rewards(f64([0.8]), f64([[-1, -2, -0.5]]), f64([[-1.2, -1.5, -0.7]]), mask, beta=0.1)
    advantages, returns = gae(rewards, f64([[0.2, 0.3, 0.4]]), mask, gamma=1, lam=0.95)
    assert advantages[0].tolist() == pytest.approx([0.565450, 0.511, 0.38])
    assert returns[0].tolist() == pytest.approx([0.765450, 0.811, 0.78])


def test_gae_then_whitening():
    mask = torch.ones(1, 3)
    advantages, _ = gae(f64([[0, 0, 1]]), f64([[0.1, 0.2, 0.3]]), mask, gamma=1, lam=0.95)
    assert whiten(advantages, mask)[0].tolist() == pytest.approx([0.9914, 0.0171, -1.0084], abs=1e-4)


def test_gae_takes_the_value_after_the_last_token_as_zero():
    # were V at the padding used, this would be 1 - 0.5 + 100 - 0.5 * 100; with lam 1 that cancels, and shows nothing
    advantages, _ = gae(f64([[1, 0]]), f64([[0.5, 100]]), f64([[1, 0]]), gamma=1, lam=0.5)
    assert advantages.tolist() == [[0.5, 0]]


def test_gae_ignores_whatever_lies_behind_the_mask():
    mask = f64([[1, 1, 0]])
    clean = gae(f64([[0, 1, 0]]), f64([[0.1, 0.2, 0]]), mask, gamma=1, lam=0.95)
    dirty = gae(f64([[0, 1, math.nan]]), f64([[0.1, 0.2, math.inf]]), mask, gamma=1, lam=0.95)
    assert all(torch.equal(a, b) for a, b in zip(clean, dirty, strict=True))


def test_gae_does_not_depend_on_the_padding_width():
    rewards, values, mask = f64([[0, 1]]), f64([[0.3, 0.2]]), f64([[1, 1]])
    narrow = gae(rewards, values, mask, gamma=0.9, lam=0.9)
    wide = gae(*(torch.nn.functional.pad(x, (0, 3)) for x in (rewards, values, mask)), gamma=0.9, lam=0.9)
    assert all(torch.equal(a, b[:, :2]) for a, b in zip(narrow, wide, strict=True))
    assert not any(b[:, 2:].any() for b in wide)


def test_returns_are_advantages_plus_values():
    advantages, returns = gae(f64([[0, 1]]), f64([[0.3, 0.2]]), torch.ones(1, 2), gamma=0.9, lam=0.5)
    assert torch.allclose(returns, advantages + f64([[0.3, 0.2]]))


def test_gae_carries_no_gradient():
    values = torch.zeros(1, 2, requires_grad=True)
    assert not any(x.requires_grad for x in gae(torch.ones(1, 2), values, torch.ones(1, 2), gamma=1, lam=1))


@cases
@given(st.integers(0, 2**31), st.integers(1, 4), st.integers(1, 7), st.floats(0.5, 1), st.floats(0, 1))
def test_gae_equals_the_sum_in_its_definition(seed, rows, width, gamma, lam):
    rng = random.Random(seed)
    lengths = [rng.randint(1, width) for _ in range(rows)]
    rewards = [[rng.gauss(0, 1) for _ in range(width)] for _ in range(rows)]
    values = [[rng.gauss(0, 1) for _ in range(width)] for _ in range(rows)]
    mask = f64([[float(t < n) for t in range(width)] for n in lengths])
    advantages, returns = gae(f64(rewards), f64(values), mask, gamma=gamma, lam=lam)
    for row, n in enumerate(lengths):
        expected = slow_gae(rewards[row][:n], values[row][:n], gamma, lam)
        assert advantages[row].tolist() == pytest.approx(expected + [0.0] * (width - n), abs=1e-10)
        total = [a + v for a, v in zip(expected, values[row][:n], strict=True)]
        assert returns[row].tolist() == pytest.approx(total + [0.0] * (width - n), abs=1e-10)


def test_group_center_leaves_one_out():
    centred = group_center(f64([1, 2, 3, 6]), torch.zeros(4, dtype=torch.long), leave_one_out=True)
    assert centred.tolist() == pytest.approx([-2.6667, -1.3333, 0, 4], abs=1e-4)


def test_group_center_then_whitening_is_the_group_relative_advantage():
    centred = group_center(f64([1, 2, 3, 6]), torch.zeros(4, dtype=torch.long))
    white = whiten(centred, torch.ones(4))
    assert white.tolist() == pytest.approx([-0.9258, -0.4629, 0, 1.3887], abs=1e-4)


def test_group_center_keeps_groups_apart():
    assert group_center(f64([1, 10, 3, 30]), torch.tensor([7, 2, 7, 2])).tolist() == [-1, -10, 1, 10]


def test_equal_scores_of_a_group_give_exactly_zero():
    scores = torch.full((3,), 0.9)  # in fp32 (0.9 + 0.9 + 0.9) / 3 is not 0.9, and whitening would blow the rest up
    assert group_center(scores, torch.zeros(3, dtype=torch.long), leave_one_out=True).tolist() == [0, 0, 0]


def test_a_group_of_one_gives_zero():
    assert group_center(f64([5, 1]), torch.tensor([0, 1]), leave_one_out=True).tolist() == [0, 0]


@cases
@given(st.lists(st.tuples(st.floats(-9, 9), st.integers(0, 3)), min_size=1, max_size=9), st.booleans())
def test_group_center_equals_the_obvious_one(pairs, leave_one_out):
    expected = []
    for i, (score, group) in enumerate(pairs):
        others = [s for j, (s, g) in enumerate(pairs) if g == group and not (leave_one_out and j == i)]
        expected.append(score - sum(others) / len(others) if others else 0.0)
    scores, groups = f64([s for s, _ in pairs]), torch.tensor([g for _, g in pairs])
    assert group_center(scores, groups, leave_one_out=leave_one_out).tolist() == pytest.approx(expected, abs=1e-10)


def test_explained_variance_by_hand():
    # the returns vary by 2, what is left of them by 0.5
    value = explained_variance(f64([[0, 1, 5]]), f64([[0, 2, 9]]), f64([[1, 1, 0]]))
    assert value.item() == pytest.approx(0.75)


def test_explained_variance_of_perfect_values_is_one():
    returns = f64([[1, 2, 4]])
    assert explained_variance(returns, returns, torch.ones(1, 3)) == 1


def test_explained_variance_of_constant_values_is_zero():
    assert explained_variance(f64([[3, 3]]), f64([[1, 2]]), torch.ones(1, 2)) == 0


def test_explained_variance_of_equal_returns_is_zero():
    returns = torch.full((1, 3), 0.9)
    assert explained_variance(torch.tensor([[0.0, 1.0, 2.0]]), returns, torch.ones(1, 3)) == 0


def test_explained_variance_of_returns_that_differ_by_rounding_is_zero():
    returns = torch.tensor([[0.9, 0.9000001, 0.9]])
    assert explained_variance(torch.tensor([[0.0, 1.0, 2.0]]), returns, torch.ones(1, 3)) == 0


@cases
@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9), st.booleans()), min_size=1, max_size=9))
def test_explained_variance_equals_the_obvious_one(rows):
    def variance(xs):
        mean = sum(xs) / max(len(xs), 1)
        return sum((x - mean) ** 2 for x in xs) / max(len(xs) - 1, 1)

    kept = [(v, r) for v, r, m in rows if m]
    total = variance([r for _, r in kept])
    expected = 1 - variance([r - v for v, r in kept]) / total if total else 0.0
    v, r, m = (f64([list(column)]) for column in zip(*rows, strict=True))
    assert explained_variance(v, r, m).item() == pytest.approx(expected, abs=1e-9)
