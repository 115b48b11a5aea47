"""What a run that goes on takes over, samples anew, and refuses."""

from __future__ import annotations

import pytest
from dressage.run.loop import measure
from dressage.spec.console import Quiet
from dressage.spec.errors import CheckpointError, Interrupted

TWICE = """
stages:
  - {use: sft, update: {batch: 4}}
  - {use: sft, as: again, update: {batch: 4}}
evaluate: {sets: {valid: valid.jsonl}, measures: [size], resamples: 20}
"""
OTHER = {
    "temperature": ("resamples", "temperature: 0.5, resamples"),
    "samples": ("resamples", "samples: 2, resamples"),
    "prompts": ("valid.jsonl", "other.jsonl"),
}
"""What of `evaluate:` is written otherwise."""


def before(report):
    return report["evaluators"]["size"]["valid"]["mean"]["before"]


@pytest.fixture
def stopped(run, tmp_path, stop_at):
    """A run that was stopped in its first or second stage."""

    def make(steps):
        with pytest.raises(Interrupted):
            run(TWICE, tmp_path / "run", stop=stop_at(steps))
        return tmp_path / "run"

    return make


@pytest.mark.parametrize("key", OTHER)
def test_the_base_is_sampled_anew_where_evaluation_changed(run, make_plan, whole, stopped, tmp_path, key):
    other = TWICE.replace(*OTHER[key])
    found = run(other, stopped(1), resume=True)
    assert before(found.report) == before(measure(make_plan(other), tmp_path / "base", Quiet()))
    assert before(found.report) != before(whole(TWICE).report)
    assert found.same_bits(whole(TWICE))


def test_what_only_measures_otherwise_samples_nothing(run, stopped, monkeypatch):
    folder = stopped(3)
    names = ["before.json", "sft.json"]
    written = [(folder / "replies" / name).stat().st_mtime_ns for name in names]
    run(TWICE.replace("resamples: 20", "resamples: 30"), folder, resume=True)
    assert [(folder / "replies" / name).stat().st_mtime_ns for name in names] == written


def test_replies_of_a_model_that_is_gone_are_not_mixed_with_others(run, stopped):
    folder = stopped(3)
    files = [folder / name for name in ("config.yaml", "environment.json", "replies/before.json")]
    kept = [path.read_text() for path in files]
    gone = r"sft\.json: .*temperature was 1\.0, is 0\.5\), and the model of then is gone"
    with pytest.raises(CheckpointError, match=gone):
        run(TWICE.replace(*OTHER["temperature"]), folder, resume=True)
    with pytest.raises(CheckpointError, match=r"stages\.0\.update\.batch was 4, is 8"):
        run(TWICE.replace("batch: 4", "batch: 8"), folder, resume=True)
    assert [path.read_text() for path in files] == kept, "what is refused changes nothing"


def test_another_seed_takes_no_replies_of_the_first(run, tmp_path, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr("dressage.run.loop.run_stage", lambda session, *_: session.interrupt())
        run(TWICE, tmp_path / "run")
    found, fresh = run(TWICE, tmp_path / "run", resume=True, seed=1), run(TWICE, tmp_path / "fresh", seed=1)
    assert found.report["evaluators"] == fresh.report["evaluators"]


def test_data_that_changed_is_named(run, make_plan, stopped):
    folder = stopped(1)
    path = make_plan(TWICE).folder / "answers.jsonl"
    text = path.read_text()
    try:
        path.write_text(text.replace("answer 3", "answer three"))
        with pytest.raises(CheckpointError, match=r"other data \(demonstrations: \S+/answers\.jsonl\); put back"):
            run(TWICE, folder, resume=True)
    finally:
        path.write_text(text)
