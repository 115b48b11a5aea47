"""`dressage.Run`: check, run, load."""

from __future__ import annotations

import subprocess
import sys

import dressage
import pytest
from dressage import ConfigError, DataError, GateError, UsageError
from dressage.api import Report, Run


def test_run_is_part_of_the_public_api() -> None:
    assert dressage.Run is Run


def test_making_a_run_imports_no_torch() -> None:
    code = "import sys, dressage; dressage.Run('x.yaml'); print({'torch', 'transformers'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


def test_a_file_is_checked_with_its_overrides(tmp_path, host) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("model: {base: tiny}\nevaluate: {samples: 2}\nseed: 3\n", encoding="utf-8")
    plan = Run(path, ["evaluate.samples=5"], discovery=host).check()
    assert (plan.seed, plan.evaluate.settings.samples, plan.file) == (3, 5, path)


def test_a_mapping_is_checked_as_a_file_would_be(values, host) -> None:
    plan = Run.from_dict(
        values(seed=7), folder=values.folder, discovery=host, overrides=["stages.0.iterations=9"]
    ).check()
    assert (plan.seed, plan.stages[0].iterations) == (7, 9)


def test_relative_paths_of_a_mapping_start_at_its_folder(values, host) -> None:
    plan = Run.from_dict(values(), folder=values.folder, discovery=host).check()
    assert plan.folder == values.folder
    assert plan.evaluate.sets["few"][0].path == values.folder / "test.jsonl"


def test_checking_a_mapping_leaves_no_file(values, host) -> None:
    before = sorted(values.folder.iterdir())
    Run.from_dict(values(), folder=values.folder, discovery=host).check()
    assert sorted(values.folder.iterdir()) == before


def test_everything_wrong_with_a_mapping_is_said_at_once(values, host) -> None:
    wrong = values(seed=-1, stages=[{"use": "pop"}])
    with pytest.raises(ConfigError) as caught:
        Run.from_dict(wrong, folder=values.folder, discovery=host).check()
    assert {"seed", "stages.0.use"} <= {problem.path for problem in caught.value.problems}


def test_what_is_wrong_with_a_mapping_is_named_by_its_path_alone(values, host, tmp_path) -> None:
    with pytest.raises(ConfigError) as caught:
        Run.from_dict(values(seed=-1), folder=values.folder, discovery=host).check()
    assert str(caught.value).startswith("Run.from_dict: seed: must be a whole number")


def test_a_mapping_whose_folder_is_not_there_names_what_it_lacks(values, host, tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"no such file: 'ask\.jsonl' \(in .*/nowhere\)"):
        Run.from_dict(values(), folder=tmp_path / "nowhere", discovery=host).check()


def test_a_run_gives_its_report(report) -> None:
    assert isinstance(report, Report)
    assert report.html.read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html>")
    assert report.values["stages"][0]["steps"] == 2


def test_a_report_is_loaded_from_its_folder(report) -> None:
    assert Run.load(report.folder) == report


def test_a_used_folder_is_refused(report, values, host) -> None:
    with pytest.raises(UsageError, match="is not empty; go on with it by resume=True"):
        Run.from_dict(values(), folder=values.folder, discovery=host).run(report.folder)


def test_a_folder_without_a_run_cannot_be_gone_on_with(values, host, tmp_path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="there is no run in it"):
        Run.from_dict(values(), folder=values.folder, discovery=host).run(tmp_path, resume=True)


def test_a_gate_that_is_not_met_leaves_a_report(values, host, tmp_path) -> None:
    gated = values(stages=[], gate={"size.few.mean": {"max": 0.0}})
    with pytest.raises(GateError):
        Run.from_dict(gated, folder=values.folder, discovery=host).run(tmp_path / "gated")
    assert Run.load(tmp_path / "gated").values["gate"]["verdict"] == "not met"


def test_one_text_in_place_of_a_list_of_overrides_is_refused() -> None:
    with pytest.raises(UsageError, match=r"overrides is a list of KEY=VALUE texts, as \['seed=1'\]"):
        Run("b.yaml", "seed=1")


def test_a_folder_without_a_report_is_named(tmp_path) -> None:
    with pytest.raises(DataError, match=r"report\.json: no such file"):
        Run.load(tmp_path)
