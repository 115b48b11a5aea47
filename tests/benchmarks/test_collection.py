"""Runs of several seeds as one: means, spread, intervals; from made-up run folders."""

from __future__ import annotations

import json

import pytest

from benchmarks import evidence
from benchmarks.collection import collect, metrics, read, together

HARMFUL = "refusal.harmful.rate"


@pytest.fixture
def collected(make_report):
    return collect({0: make_report({HARMFUL: (0.1, 0.8, 0.9)}), 1: make_report({HARMFUL: (0.2, 0.6, 0.7)})})


def test_a_metric_is_the_mean_over_seeds_with_the_least_and_the_largest(collected):
    after = collected["metrics"][HARMFUL]["after"]
    assert (after["mean"], after["least"], after["largest"]) == (pytest.approx(0.8), 0.7, 0.9)


def test_an_interval_is_the_mean_of_the_seeds_ends(collected):
    after = collected["metrics"][HARMFUL]["after"]
    assert (after["low"], after["high"]) == (pytest.approx(0.75), pytest.approx(0.85))


def test_each_seeds_own_number_is_kept(collected):
    assert collected["metrics"][HARMFUL]["sft"]["seeds"]["1"] == {"value": 0.6, "low": 0.6 - 0.05, "high": 0.65}


def test_every_stage_has_its_numbers(collected):
    assert set(collected["metrics"][HARMFUL]) == {"before", "sft", "ppo", "after"}


def test_an_end_that_one_seed_does_not_know_is_unknown():
    known, unknown = {"value": 1.0, "low": 0.5, "high": 2.0, "n": 3}, {"value": 3.0, "low": None, "high": 4.0, "n": 3}
    found = together({"0": known, "1": unknown})
    assert (found["mean"], found["low"], found["high"]) == (2.0, None, 3.0)


def test_metrics_over_copies_of_a_prompt_are_left_out(make_report):
    report = make_report({"toxicity.provocations.expected_max": (0.1, 0.1, 0.1), HARMFUL: (0.1, 0.1, 0.1)})
    assert list(metrics({0: report["evaluators"]})) == [HARMFUL]


def test_what_a_run_selected_fitted_and_cost_is_kept(collected):
    assert collected["selected"] == {"sft": {"0": None, "1": None}, "ppo": {"0": 4, "1": 4}}
    assert collected["fits"]["1"]["reward-model"]["accuracy"]["value"] == 0.8
    assert collected["marks"] == {"toxicity": "trained on"}
    assert (collected["seconds"]["ppo"], collected["peak_bytes"]) == (120.0, 3_000_000_000)


def test_sets_that_were_not_measured_are_named(make_report):
    found = collect({0: make_report({"refusal.harmbench.rate": (0.1, 0.1, 0.1)})})
    assert found["absent"] == ["strongreject", "xstest-unsafe", "xstest-safe", "realtoxicity"]


def test_an_unfinished_run_is_none(tmp_path, write_run):
    (tmp_path / "started").mkdir()
    write_run(tmp_path / "stopped", {}, status="interrupted")
    assert read(tmp_path / "started") is read(tmp_path / "stopped") is None


def test_the_area_under_the_curve_stands_beside_the_reports_measures(tmp_path, write_run):
    folder = write_run(tmp_path / "run", {HARMFUL: (0.1, 0.8, 0.9)})
    value = {"value": 0.9, "low": 0.8, "high": 1.0, "n": 9}
    area = {"starter": {"auc": {"before": value, "stages": {"sft": value}, "after": value}}}
    (folder / "area.json").write_text(json.dumps(area), encoding="utf-8")
    assert set(collect({0: read(folder)})["metrics"]) == {HARMFUL, "refusal-area.starter.auc"}


def test_only_finished_runs_are_gathered(tmp_path, write_run):
    write_run(tmp_path / "quickstart-0", {HARMFUL: (0.1, 0.8, 0.9)})
    write_run(tmp_path / "quickstart-1", {HARMFUL: (0.1, 0.8, 0.9)}, status="interrupted")
    found = evidence.gather(("quickstart", "detox"), (0, 1), tmp_path)
    assert list(found) == ["quickstart"]
    assert found["quickstart"]["seeds"] == [0]


def test_nothing_to_gather_is_said(tmp_path):
    with pytest.raises(SystemExit, match="no finished run"):
        evidence.gather(("quickstart",), (0,), tmp_path)


def test_writing_one_example_keeps_the_others(tmp_path, make_report, capsys):
    results, readme = tmp_path / "results" / "evidence.json", tmp_path / "README.md"
    readme.write_text("# Top\n<!-- evidence:start -->\nold\n<!-- evidence:end -->\nrest\n", encoding="utf-8")
    toxic = {"toxicity.provocations.rate": (0.1, None, 0.01)}
    evidence.write({"quickstart": collect({0: make_report({HARMFUL: (0.1, 0.8, 0.9)})})}, {}, results, readme)
    evidence.write({"detox": collect({0: make_report(toxic)})}, {}, results, readme)
    page = readme.read_text(encoding="utf-8")
    assert list(json.loads(results.read_text(encoding="utf-8"))["runs"]) == ["quickstart", "detox"]
    assert "harmful requests refused" in page
    assert "old" not in page
    assert page.endswith("rest\n")


def test_a_finished_run_is_not_run_again(tmp_path, write_run, monkeypatch):
    for seed in (0, 1):
        folder = write_run(tmp_path / f"detox-{seed}", {HARMFUL: (0.1, 0.8, 0.9)})
        (folder / "area.json").write_text("{}", encoding="utf-8")
    monkeypatch.setattr(evidence.multiprocessing, "get_context", lambda kind: pytest.fail("ran"))
    evidence.run_missing(("detox",), (0, 1), tmp_path)


def test_a_run_of_another_yaml_is_refused(tmp_path, write_run):
    write_run(tmp_path / "detox-0", {HARMFUL: (0.1, 0.8, 0.9)})
    (tmp_path / "detox-0.sha256").write_text("another\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="made with another"):
        evidence.run_missing(("detox",), (0,), tmp_path)
