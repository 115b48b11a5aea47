"""Where a reply ends: the stop token counts, padding never does, and what is clipped is the score alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.run.conftest import policy, scored


def test_bounds_hold_the_score_and_never_its_sum_with_the_kl(make_stage):
    """Of 7 the bounds leave 1; the penalty, which is larger, comes off afterwards."""
    stage = make_stage(lambda prompt, response: float(len(response)), kl={"beta": 40.0})
    stage.iterate(1)
    stage.sources[0].reward.judge = lambda prompt, response: 7.0
    stage.sources[0].plan = replace(stage.sources[0].plan, bounds=(0.0, 1.0))
    stage.network.adapters.add("before")
    stage.network.adapters.load("before", policy(stage))
    stage.iterate(2)
    given = stage.optimizer.trajectories[1]
    ends = []
    for row, sample in enumerate(stage.samples):
        expected = -40.0 * (scored(stage, "before", sample) - scored(stage, "reference", sample))
        expected[-1] += 1.0
        assert torch.allclose(given.rewards[row, : len(sample.ids)], expected, atol=1e-3)
        ends.append(float(expected[-1]))
    assert min(ends) < 0
    assert max(ends) > 1


@pytest.fixture
def stopped(make_stage):
    """A stage whose every second token is a stop token, the one that pads among them."""
    stage = make_stage(lambda prompt, response: 3.0, kl={"beta": 0.0}, rollout={"samples": 4})
    encoder = stage.network.encoder
    encoder.pad_id = encoder.pad_id - encoder.pad_id % 2
    encoder.stop_ids = frozenset(range(0, 600, 2))
    stage.iterate(1)
    return stage


def test_the_first_stop_token_counts_also_where_it_is_the_padding(stopped):
    (given,) = stopped.optimizer.trajectories
    lengths = [len(sample.ids) for sample in stopped.samples]
    assert len(set(lengths)) > 1
    assert given.mask.sum(1).tolist() == lengths
    for row, sample in enumerate(stopped.samples):
        assert all(token % 2 for token in sample.ids[:-1])
        assert given.rewards[row, len(sample.ids) - 1] == 3.0
        assert given.rewards[row].sum() == 3.0


def test_padding_that_is_a_stop_token_changes_no_log_probability(stopped):
    """Before the first update the policy is the reference; the samples' own numbers were taken without padding."""
    experience = stopped.optimizer.experiences[0]
    rows = [row[mask.bool()] for row, mask in zip(experience.logprobs, experience.mask, strict=True)]
    assert len({len(row) for row in rows}) > 1
    for row in rows:
        alone = [scored(stopped, "reference", s) for s in stopped.samples if len(s.ids) == len(row)]
        assert any(torch.allclose(row, one, atol=1e-5) for one in alone)


def test_a_reply_without_an_end_is_paid_at_its_last_token(make_stage):
    stage = make_stage(lambda prompt, response: 3.0, kl={"beta": 0.0})
    stage.network.encoder.stop_ids = frozenset()
    turn = stage.iterate(1)
    assert turn.metrics["finished"] == 0
    (given,) = stage.optimizer.trajectories
    assert torch.equal(given.rewards[:, -1], torch.full((6,), 3.0))
    assert not given.rewards[:, :-1].any()
