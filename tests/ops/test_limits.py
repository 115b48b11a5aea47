"""Multipliers and the advantages that they weigh, against numbers worked out by hand and a reference in float64."""

from __future__ import annotations

import math

import pytest
import torch
from dressage.ops import constrained_advantages, lagrange_multiplier
from hypothesis import given
from hypothesis import strategies as st

PART = st.floats(-10, 10)


def test_a_multiplier_rises_by_its_own_size_up_to_its_ceiling():
    found = [1.0]
    for _ in range(5):
        found.append(lagrange_multiplier(found[-1], 2.0, rate=0.1, ceiling=5.0))
    assert found[1:] == pytest.approx([1.221403, 1.559368, 2.130069, 3.261437, 5.0], abs=1e-6)


def test_a_multiplier_stays_where_the_limit_is_met_exactly():
    assert lagrange_multiplier(0.7, 0.0, rate=1.0, ceiling=5.0) == 0.7


def test_one_step_is_at_most_a_factor_of_e():
    assert lagrange_multiplier(2.0, 1e9, rate=1.0, ceiling=100.0) == pytest.approx(2 * math.e)
    assert lagrange_multiplier(2.0, -1e9, rate=1.0, ceiling=100.0) == pytest.approx(2 / math.e)


@given(st.floats(1e-3, 50), st.floats(-100, 100), st.floats(1e-3, 2), st.floats(1, 100))
def test_a_multiplier_moves_in_its_logarithm(multiplier, excess, rate, ceiling):
    step = rate * multiplier * excess
    logarithm = math.log(multiplier) + max(-1.0, min(1.0, step))
    expected = math.exp(min(logarithm, math.log(ceiling)))
    assert lagrange_multiplier(multiplier, excess, rate=rate, ceiling=ceiling) == pytest.approx(expected)


def test_advantages_under_two_constraints_by_hand():
    """(6 - 1 * 2 - 0.5 * -4) / (1 + 1 + 0.5) = 2.4."""
    rewards, first, second = (torch.tensor([[x]], dtype=torch.float64) for x in (6, 2, -4))
    assert constrained_advantages(rewards, [(1.0, first), (0.5, second)]).tolist() == [[2.4]]


def test_advantages_without_a_constraint_are_the_rewards_to_the_bit():
    rewards = torch.randn(3, 4)
    assert torch.equal(constrained_advantages(rewards, []), rewards)


@given(st.lists(PART, min_size=1, max_size=4), st.lists(st.tuples(st.floats(0, 50), PART), max_size=3))
def test_advantages_are_a_weighted_difference(rewards, costs):
    tensors = [(m, torch.full((1, len(rewards)), c, dtype=torch.float64)) for m, c in costs]
    found = constrained_advantages(torch.tensor([rewards], dtype=torch.float64), tensors)
    weight = 1 + sum(m for m, _ in costs)
    expected = [(r - sum(m * c for m, c in costs)) / weight for r in rewards]
    assert found[0].tolist() == pytest.approx(expected)
