"""A run that goes on, or is measured later, still knows what it was trained on and selected by."""

from __future__ import annotations

import json

import pytest
from dressage.run.loop import measure
from dressage.run.report.figure import read_figures
from dressage.spec.console import Quiet
from dressage.spec.errors import GateError, Interrupted

JUDGED = """
stages:
  - use: ppo
    iterations: 1
    rollout: {prompts: 4, max_new_tokens: 4}
    select: {every: 1, metric: {size.valid.mean: 1.0, size.valid.any: -1.0}}
    rewards: [letters]
  - {use: sft, update: {batch: 4}}
evaluate:
  sets: {valid: valid.jsonl, other: other.jsonl}
  measures: [size, {use: share, with: {source: letters}, on: [other]}]
  resamples: 20
"""
GATED = JUDGED + "gate: {share.other.mean: {max: 1000}}\n"


BOTH = {"size": "", "share": "trained on"}


@pytest.fixture
def made(make_plan, monkeypatch):
    """Grows each time the detector is made."""
    detector = make_plan(JUDGED).stages[0].rewards[0].component.entry.load()
    begin, found = detector.__init__, []
    monkeypatch.setattr(detector, "__init__", lambda self, *given: (found.append(1), begin(self, *given))[1])
    return found


def marks_of(report):
    return {m["name"]: m["mark"] for m in report["measures"]}


def test_a_run_that_goes_on_knows_what_earlier_stages_trained_on(run, tmp_path, stop_at, made):
    with pytest.raises(Interrupted):
        run(JUDGED, tmp_path, stop=stop_at(2))
    assert len(made) == 2
    assert marks_of(run(JUDGED, tmp_path, resume=True).report) == BOTH
    assert len(made) == 3, "the judge alone is made again"


def test_measuring_a_run_knows_what_it_trained_on_and_selected_by(whole, make_plan, tmp_path, made):
    trained = whole(JUDGED)
    made.clear()
    with pytest.raises(GateError, match=r"share\.other\.mean cannot count \(trained on: stage ppo used the same"):
        measure(make_plan(GATED), tmp_path, Quiet(), model=trained.folder / "model")
    report = json.loads((tmp_path / "report.json").read_text())
    assert marks_of(report) == marks_of(trained.report) == BOTH
    assert len(made) == 1
    standings = {f.path: f.standing for f in read_figures(report)}
    assert {standings["size.valid.mean"], standings["size.valid.any"]} == {"selected on"}
    assert standings["size.other.mean"] == "independent"


def test_a_run_whose_report_does_not_tell_makes_its_detectors(whole, make_plan, tmp_path, made):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "model").symlink_to(whole(JUDGED).folder / "model")
    made.clear()
    assert marks_of(measure(make_plan(JUDGED), tmp_path, Quiet(), model=tmp_path / "run" / "model")) == BOTH
    assert len(made) == 2


def test_a_bare_base_was_not_trained(make_plan, tmp_path):
    assert marks_of(measure(make_plan(JUDGED), tmp_path, Quiet())) == {"size": "", "share": ""}
