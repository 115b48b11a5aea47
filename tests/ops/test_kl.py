"""KL estimates, KL-shaped rewards, and the adaptive controller."""

import math
import random

import pytest
import torch
from dressage.ops import adaptive_kl, kl_estimate, token_rewards
from hypothesis import given, settings
from hypothesis import strategies as st

cases = settings(max_examples=60, deadline=None, derandomize=True)


def f64(rows):
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.parametrize(("kind", "up", "down"), [("k1", 0.5, -0.5), ("k2", 0.125, 0.125), ("k3", 0.106531, 0.148721)])
def test_kl_estimates_by_hand(kind, up, down):
    estimate = kl_estimate(f64([-1.0, -2.0]), f64([-1.5, -1.5]), kind)
    assert estimate.tolist() == pytest.approx([up, down], abs=1e-6)


def test_an_unknown_kl_estimate_is_refused():
    with pytest.raises(ValueError, match="k4"):
        kl_estimate(torch.zeros(1), torch.zeros(1), "k4")


@pytest.mark.parametrize("kind", ["k1", "k2", "k3"])
def test_kl_of_a_policy_to_itself_is_exactly_zero(kind):
    logprobs = torch.randn(9)
    assert not kl_estimate(logprobs, logprobs.clone(), kind).any()


def test_k3_of_a_tiny_difference_is_accurate_in_fp32():
    # d^2 / 2 - d^3 / 6; exp(-d) - 1 + d would be off by a tenth
    estimate = kl_estimate(torch.tensor([0.001]), torch.tensor([0.0]), "k3")
    assert estimate.item() == pytest.approx(4.998334e-7, rel=1e-3)


def test_k3_of_a_huge_difference_stays_finite():
    assert torch.isfinite(kl_estimate(torch.tensor([0.0, -900.0]), torch.tensor([-900.0, 0.0]), "k3")).all()


@cases
@given(st.floats(-25, 0, width=32), st.floats(-25, 0, width=32))
def test_k3_is_never_negative(new, reference):
    assert kl_estimate(torch.tensor([new]), torch.tensor([reference]), "k3") >= 0


@cases
@given(st.floats(-9, 0), st.floats(-9, 0))
def test_kl_estimates_equal_the_obvious_ones(new, reference):
    d = new - reference
    expected = {"k1": d, "k2": d * d / 2, "k3": math.exp(-d) - 1 + d}
    for kind, value in expected.items():
        assert kl_estimate(f64([new]), f64([reference]), kind).item() == pytest.approx(value, abs=1e-9, rel=1e-9)


def expected_gradient(kind):
    """The gradient of a KL estimate as a loss on samples of the policy, averaged exactly over its three tokens."""
    theta = f64([0, 0.5, 1]).requires_grad_()
    logprobs = torch.log_softmax(theta, -1)
    estimate = kl_estimate(logprobs, torch.full_like(logprobs, -math.log(3)), kind)
    (gradient,) = torch.autograd.grad((logprobs.exp().detach() * estimate).sum(), theta)
    return gradient.tolist()


def test_k1_averages_to_the_kl():
    logprobs = torch.log_softmax(f64([0, 0.5, 1]), -1)
    kl = (logprobs.exp() * kl_estimate(logprobs, torch.full_like(logprobs, -math.log(3)), "k1")).sum()
    assert kl.item() == pytest.approx(0.078421, abs=1e-6)


def test_k3_averages_to_the_kl():
    logprobs = torch.log_softmax(f64([0, 0.5, 1]), -1)
    kl = (logprobs.exp() * kl_estimate(logprobs, torch.full_like(logprobs, -math.log(3)), "k3")).sum()
    assert kl.item() == pytest.approx(0.078421, abs=1e-6)


def test_k1_as_a_loss_has_expected_gradient_zero():
    assert expected_gradient("k1") == pytest.approx([0, 0, 0], abs=1e-12)


def test_k2_as_a_loss_has_the_gradient_of_kl_to_the_reference():
    assert expected_gradient("k2") == pytest.approx([-0.1230, -0.0492, 0.1722], abs=1e-4)


def test_k3_as_a_loss_has_the_gradient_of_kl_from_the_reference():
    assert expected_gradient("k3") == pytest.approx([-0.1470, -0.0261, 0.1731], abs=1e-4)


def test_token_rewards_by_hand():
    rewards = token_rewards(f64([0.8]), f64([[-1, -2, -0.5]]), f64([[-1.2, -1.5, -0.7]]), torch.ones(1, 3), beta=0.1)
    assert rewards[0].tolist() == pytest.approx([-0.02, 0.05, 0.78])


def test_the_score_comes_once_at_the_last_real_token():
    zeros = torch.zeros(2, 3)
    rewards = token_rewards(torch.tensor([1.0, 2.0]), zeros, zeros, torch.tensor([[1, 1, 0], [1, 1, 1]]), beta=0.1)
    assert rewards.tolist() == [[0, 1, 0], [0, 0, 2]]


def test_token_rewards_are_zero_behind_the_mask():
    rewards = token_rewards(
        torch.tensor([1.0]), torch.tensor([[0.0, math.nan]]), torch.zeros(1, 2), torch.tensor([[1, 0]]), beta=0.1
    )
    assert rewards.tolist() == [[1, 0]]


def test_a_row_without_a_token_gets_no_reward():
    zeros = torch.zeros(1, 2)
    assert not token_rewards(torch.tensor([1.0]), zeros, zeros, zeros, beta=0.1).any()


def test_the_kl_penalty_may_be_negative_at_one_token():
    # k1, not k3: a token that the reference likes better is paid for
    rewards = token_rewards(f64([0]), f64([[-2, -2]]), f64([[-1, -2]]), torch.ones(1, 2), beta=0.5)
    assert rewards.tolist() == [[0.5, 0]]


@cases
@given(st.integers(0, 2**31), st.integers(1, 4), st.integers(1, 6), st.floats(0, 1))
def test_token_rewards_equal_the_obvious_ones(seed, rows, width, beta):
    rng = random.Random(seed)
    scores = [rng.gauss(0, 1) for _ in range(rows)]
    new, reference = ([[rng.gauss(-2, 1) for _ in range(width)] for _ in range(rows)] for _ in range(2))
    lengths = [rng.randint(0, width) for _ in range(rows)]
    expected = [
        [
            (-beta * (new[i][t] - reference[i][t]) if t < n else 0) + (scores[i] if t == n - 1 else 0)
            for t in range(width)
        ]
        for i, n in enumerate(lengths)
    ]
    mask = f64([[float(t < n) for t in range(width)] for n in lengths])
    assert torch.allclose(token_rewards(f64(scores), f64(new), f64(reference), mask, beta=beta), f64(expected))


@pytest.mark.parametrize(("kl", "expected"), [(12, 0.201024), (6, 0.2), (3, 0.198976)])
def test_adaptive_kl_by_hand(kl, expected):
    assert adaptive_kl(0.2, kl, target=6, horizon=1e4, n=256) == pytest.approx(expected)


@cases
@given(st.floats(0.001, 1), st.floats(-1, 50), st.floats(0.1, 10), st.integers(1, 512))
def test_adaptive_kl_equals_the_obvious_one(beta, kl, target, n):
    error = sorted([-0.2, kl / target - 1, 0.2])[1]
    assert adaptive_kl(beta, kl, target=target, horizon=1e4, n=n) == pytest.approx(beta + beta * error * n / 1e4)
