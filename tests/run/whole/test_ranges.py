"""Every number that a run logs stands on the page of metrics, and lies in the range that the page gives it."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "metrics.md"
RUN = """
stages:
  - {use: sft, epochs: 2, update: {batch: 4, warmup: 0.5}}
  - use: ppo
    iterations: 4
    rollout: {prompts: 4, max_new_tokens: 4}
    update: {epochs: 2, minibatches: 2, learning_rate: 0.02}
    kl: {beta: 0.1, target: 0.5, horizon: 50}
    select: {every: 2, metric: size.valid.mean}
    mix: {use: sft, weight: 0.5, batch: 3}
    rewards: [letters, {use: letters, as: few, limit: {max: 0.01, window: 3}}]
evaluate: {sets: {valid: valid.jsonl}, measures: [size], resamples: 20}
"""
VOCABULARY, NEW = 600, 4
EPSILON = 1e-6
"""Rounding of sums in float32."""
RANGES = {
    "any number": (-math.inf, math.inf),
    "any number; at least 0 in expectation": (-math.inf, math.inf),
    "the source's": (0.0, 1.0),
    "the measure's": (0.0, math.inf),
    "at least 0": (0.0, math.inf),
    "above 0": (1e-300, math.inf),
    "0 to 1": (0.0, 1.0),
    "up to 1": (-math.inf, 1.0),
    "1 to max_new_tokens": (1.0, NEW),
    "0 to log V": (0.0, math.log(VOCABULARY)),
}


def documented():
    """By name as the page has it: its range."""
    text = PAGE.read_text(encoding="utf-8").partition("## Of a fitted reward")[0]
    rows = re.findall(r"^\| `([^`]+)` \| `.+?` \| (.+?) \|", text.replace("\\|", "/"), flags=re.MULTILINE)
    return dict(rows)


def generic(name):
    """A logged name as the page writes it."""
    name = re.sub(r"^reward\.\w+\.", "reward.NAME.", name)
    name = re.sub(r"^limit\.\w+\.(max|min)\.", "limit.NAME.BOUND.", name)
    name = re.sub(r"^limit\.\w+\.mean$", "limit.NAME.mean", name)
    return "validation.MEASURE.SET.METRIC" if name.startswith("validation.") else name


def range_of(name, page):
    for prefix in ("mix.", "held_out_"):
        name = name.removeprefix(prefix)
    return RANGES[page[generic(name)]]


@pytest.fixture(scope="module")
def logged(whole):
    lines = whole(RUN).metrics.splitlines()
    return [(row["stage"], row["step"], *item) for row in map(json.loads, lines) for item in row["metrics"].items()]


def test_every_logged_number_is_in_its_range(logged):
    page = documented()
    wrong = []
    for stage, step, name, value in logged:
        low, high = range_of(name, page)
        if not (low - EPSILON <= value <= high + EPSILON and math.isfinite(value)):
            wrong.append(f"{stage} {step}: {name} is {value}, not within {low} and {high}")
    assert wrong == []


def test_numbers_of_every_kind_were_logged(logged):
    names = {generic(name) for _, _, name, _ in logged}
    absent = {name for name in documented() if name not in names} - {"mix.NAME", "held_out_NAME"}
    assert absent == set()


def test_the_first_numbers_are_what_they_must_be(logged):
    """Before the first step the policy is its own reference, and the multiplier is at its start."""
    first = {name: value for stage, step, name, value in logged if (stage, step) == ("ppo", 1)}
    assert first["kl"] == 0
    assert first["kl_per_token"] == 0
    assert first["limit.few.max.violation"] == pytest.approx(first["limit.few.mean"] - 0.01)
    assert first["reward.letters.weighted"] == pytest.approx(first["reward.letters.raw"])
    assert first["score"] == pytest.approx(first["reward.letters.weighted"])
