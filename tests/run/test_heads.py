"""Heads: hand-computed scores, and what a sequence's summary is."""

from __future__ import annotations

import pytest
import torch
from dressage.run.heads import BilinearHead, LinearHead, summary
from hypothesis import given
from hypothesis import strategies as st

CPU = torch.device("cpu")


def test_the_bilinear_score_is_that_of_the_formula():
    """q = (1, 2), a = (3, 4), W = [[1, 0], [2, -1]], w = (.5, 0): q W = (5, -2), so (5.5, -2) . (3, 4) = 8.5."""
    head = BilinearHead(2, CPU)
    head.scale.fill_(1.0)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[1.0, 0.0], [2.0, -1.0]]))
        head.bias.copy_(torch.tensor([0.5, 0.0]))
    assert head(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])).tolist() == [[8.5]]


def test_a_bilinear_head_starts_at_zero():
    assert BilinearHead(8, CPU)(torch.randn(3, 2, 8)).tolist() == [[0.0]] * 3


@given(st.integers(2, 20), st.floats(-50, 50), st.floats(0.01, 50))
def test_standardised_states_have_mean_0_and_squared_norm_1(rows, shift, spread):
    states = torch.randn(rows, 2, 8, generator=torch.Generator().manual_seed(rows)) * spread + shift
    head = BilinearHead(8, CPU)
    head.standardise(states)
    standard = (states - head.mean) * head.scale
    assert standard.mean(0).abs().max() < 1e-3
    assert standard.square().sum(-1).mean(0).tolist() == pytest.approx([1.0, 1.0], rel=1e-2)


def test_a_dimension_that_never_moved_counts_for_nothing():
    states = torch.randn(301, 2, 8, generator=torch.Generator().manual_seed(0))
    states[:, :, 3] = 0.1  # its mean is not quite 0.1 in fp32, and its spread not quite 0
    head = BilinearHead(8, CPU)
    head.standardise(states)
    assert head.scale[:, 3].tolist() == [0.0, 0.0]
    assert (head.scale[:, [0, 1, 2, 4, 5, 6, 7]] > 0).all()


def test_of_one_sequence_nothing_is_learnt_and_nothing_breaks():
    head = BilinearHead(8, CPU)
    head.standardise(torch.ones(1, 2, 8))
    assert head(torch.randn(3, 2, 8)).tolist() == [[0.0]] * 3
    assert head.scale.tolist() == [[0.0] * 8] * 2


def test_a_summary_is_the_prompts_last_state_and_the_answers_mean():
    states = torch.tensor([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [5.0, 50.0], [99.0, 99.0]])
    assert summary(states, (False, False, True, True)).tolist() == [[2.0, 20.0], [4.0, 40.0]]


def test_without_a_prompt_its_first_state_stands_for_it():
    assert summary(torch.tensor([[1.0], [3.0]]), (True, True)).tolist() == [[1.0], [2.0]]


def test_without_an_answer_its_last_state_stands_for_it():
    assert summary(torch.tensor([[1.0], [3.0]]), (False, False)).tolist() == [[1.0], [3.0]]


def test_a_linear_heads_first_weights_come_from_its_generator():
    first, again, other = (LinearHead(8, CPU, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first.weight, again.weight)
    assert not torch.equal(first.weight, other.weight)
    assert first.bias.item() == 0.0
