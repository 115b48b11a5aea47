"""Masked means and whitening."""

import math

import pytest
import torch
from dressage.ops import masked_mean, whiten
from hypothesis import given, settings
from hypothesis import strategies as st

cases = settings(max_examples=60, deadline=None, derandomize=True)
numbers = st.lists(st.tuples(st.floats(-5, 5), st.booleans()), min_size=1, max_size=12)


def slow_mean(pairs):
    kept = [x for x, m in pairs if m]
    return sum(kept) / len(kept) if kept else 0.0


def slow_whiten(pairs, shift_mean):
    kept = [x for x, m in pairs if m]
    mean = slow_mean(pairs)
    variance = sum((x - mean) ** 2 for x in kept) / max(len(kept) - 1, 1)
    scale = 1 / math.sqrt(variance + 1e-8)
    return [((x - mean) * scale + (0 if shift_mean else mean)) if m else 0.0 for x, m in pairs]


def split(pairs):
    return (
        torch.tensor([[x for x, _ in pairs]], dtype=torch.float64),
        torch.tensor([[float(m) for _, m in pairs]], dtype=torch.float64),
    )


def test_masked_mean_counts_only_kept_positions():
    assert masked_mean(torch.tensor([[1.0, 2.0, 9.0], [3.0, 9.0, 9.0]]), torch.tensor([[1, 1, 0], [1, 0, 0]])) == 2.0


def test_masked_mean_of_nothing_is_zero():
    assert masked_mean(torch.ones(1, 3), torch.zeros(1, 3)) == 0.0


def test_masked_mean_ignores_nan_behind_the_mask():
    assert masked_mean(torch.tensor([[1.0, math.nan, math.inf]]), torch.tensor([[1.0, 0.0, 0.0]])) == 1.0


def test_masked_mean_gives_no_gradient_behind_the_mask():
    x = torch.tensor([[1.0, math.nan]], requires_grad=True)
    masked_mean(x, torch.tensor([[1.0, 0.0]])).backward()
    assert x.grad.tolist() == [[1.0, 0.0]]


def test_microbatch_means_weighted_by_their_count_give_the_token_mean():
    first, second = torch.ones(1, 4), torch.tensor([[5.0]])
    means = [masked_mean(x, torch.ones_like(x)) * x.numel() for x in (first, second)]
    assert float(sum(means) / 5) == pytest.approx(1.8)


def test_whiten_uses_the_unbiased_variance_of_kept_positions():
    white = whiten(torch.tensor([[1.0, 2, 3, 4]], dtype=torch.float64), torch.tensor([[0, 1, 1, 0]]))
    assert white[0].tolist() == pytest.approx([0, -0.7071, 0.7071, 0], abs=1e-4)


def test_whiten_can_keep_the_mean():
    white = whiten(torch.tensor([[1.0, 2, 3, 4]], dtype=torch.float64), torch.tensor([[0, 1, 1, 0]]), shift_mean=False)
    assert white[0].tolist() == pytest.approx([0, 2.5 - 0.7071, 2.5 + 0.7071, 0], abs=1e-4)


def test_whiten_of_one_number_does_not_divide_by_zero():
    assert whiten(torch.tensor([[7.0, 1.0]]), torch.tensor([[1.0, 0.0]])).tolist() == [[0.0, 0.0]]


def test_whiten_of_equal_numbers_is_exactly_zero():
    # in fp32 (0.9 + 0.9 + 0.9) / 3 is not 0.9, and 1e-8 under the root makes 600 times as much of the difference
    assert whiten(torch.full((1, 3), 0.9), torch.ones(1, 3)).tolist() == [[0, 0, 0]]


def test_whiten_ignores_nan_before_the_first_kept_position():
    white = whiten(torch.tensor([[math.nan, 1.0, 2.0]]), torch.tensor([[0, 1, 1]]))
    assert white[0].tolist() == pytest.approx([0, -0.7071, 0.7071], abs=1e-4)


def test_whiten_of_nothing_is_zero():
    assert whiten(torch.tensor([[math.nan, 2.0]]), torch.zeros(1, 2)).tolist() == [[0, 0]]


def test_whiten_adds_its_epsilon_to_the_variance():
    # deviations of +-1e-4 have variance 2e-8: the scale is (3e-8) ** -0.5
    white = whiten(torch.tensor([[-1e-4, 1e-4]], dtype=torch.float64), torch.ones(1, 2))
    assert white[0, 1].item() == pytest.approx(1e-4 / math.sqrt(3e-8))


@cases
@given(numbers)
def test_masked_mean_equals_the_obvious_one(pairs):
    assert masked_mean(*split(pairs)).item() == pytest.approx(slow_mean(pairs), abs=1e-12)


@cases
@given(numbers, st.booleans())
def test_whiten_equals_the_obvious_one(pairs, shift_mean):
    white = whiten(*split(pairs), shift_mean=shift_mean)
    assert white[0].tolist() == pytest.approx(slow_whiten(pairs, shift_mean), rel=1e-6, abs=1e-9)
