"""A run whose online stage goes on learning preferences: what it logs, and what its report says."""

from __future__ import annotations

import json
import math

import pytest

MIXED = """
stages:
  - {use: sft, update: {batch: 4, learning_rate: 0.01}}
  - use: ppo
    iterations: 2
    rollout: {prompts: 4, max_new_tokens: 4}
    update: {learning_rate: 0.01}
    rewards: [letters]
    mix: {use: prefer, weight: 2, batch: 6}
"""


@pytest.fixture(scope="module")
def steps(whole):
    rows = [json.loads(line) for line in whole(MIXED).metrics.splitlines()]
    return [row["metrics"] for row in rows if row["stage"] == "ppo"]


def test_the_reference_of_a_mix_is_the_model_as_the_stage_found_it(steps):
    """Before the first update each preference has a margin of 0, so the loss is that of a coin."""
    assert steps[0]["mix.distance"] == pytest.approx(0, abs=1e-5)
    assert steps[0]["mix.loss"] == pytest.approx(math.log(2), rel=1e-5)
    assert steps[1]["mix.distance"] > 1e-3
    assert steps[1]["mix.loss"] < steps[0]["mix.loss"]


def test_the_loss_is_the_sum_of_both(steps):
    own = steps[0]["policy_loss"] + 0.5 * steps[0]["value_loss"]
    assert steps[0]["loss"] == pytest.approx(own + 2 * math.log(2), abs=1e-4)


def test_the_report_says_what_was_mixed_in(whole):
    sft, ppo = whole(MIXED).report["stages"]
    known = {"use": "prefer", "distribution": "kit", "version": "0.3", "weight": 2.0, "batch": 6, "rows": 6}
    assert ppo["mix"] == known
    assert "mix" not in sft
    page = (whole(MIXED).folder / "report.html").read_text()
    assert "each step also learns 6 of 6 rows by <strong>prefer</strong>, weight 2; kit 0.3" in page
