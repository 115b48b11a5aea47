"""`run` and `eval`: where a run is kept, what the flags change, and how it ends."""

import json
import os
import signal
from pathlib import Path

import pytest
from dressage import GateError, Interrupted
from dressage.cli.interrupt import NOTICE, StopOnInterrupt
from dressage.spec.console import Quiet
from ruamel.yaml import YAML


def test_default_folder_is_runs_name_time(call, yaml, engine) -> None:
    assert call("run", yaml).code == 0
    folder = engine.calls[0]["folder"]
    assert folder.parent == Path("runs")
    assert folder.name.startswith("tiny-20")


def test_two_runs_in_one_second_get_two_folders(call, yaml, engine) -> None:
    call("run", yaml)
    call("run", yaml)
    assert engine.calls[0]["folder"] != engine.calls[1]["folder"]


def test_flags_stand_above_settings_and_those_above_the_yaml(call, yaml, engine) -> None:
    call("run", yaml, "--set", "seed=1", "--set", "evaluate.samples=3", "--seed", 7, "--device", "cpu")
    plan = engine.calls[0]["plan"]
    assert (plan.seed, plan.evaluate.settings.samples, plan.model.device) == (7, 3, "cpu")


def test_the_memory_budget_is_held_to_unless_it_is_not_asked_for(call, yaml, engine) -> None:
    call("run", yaml)
    call("run", yaml, "--no-budget-check")
    assert [one["check_memory"] for one in engine.calls] == [True, False]


def test_wrong_setting_names_the_flag(call, yaml, engine) -> None:
    answer = call("run", yaml, "--set", "evaluate.samples=none")
    assert answer.code == 2
    assert "--set evaluate.samples=none" in answer.err


def test_used_folder_is_refused_without_resume(call, yaml, engine, tmp_path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "metrics.jsonl").write_text("")
    answer = call("run", yaml, "--run-dir", "old")
    assert answer.code == 2
    assert "old: is not empty; go on with it by --resume" in answer.err
    assert engine.calls == []


def test_folder_with_nothing_but_settings_is_used_again(call, yaml, engine, tmp_path) -> None:
    (tmp_path / "old").mkdir()
    for name in ("config.yaml", "environment.json"):
        (tmp_path / "old" / name).write_text("")
    assert call("run", yaml, "--run-dir", "old").code == 0


def test_folder_with_nothing_but_what_a_kill_leaves_is_used(call, yaml, engine, tmp_path) -> None:
    """A probe of whether it can be written, and a file that was not whole yet."""
    (tmp_path / "old").mkdir()
    for name in (".writable-ab12", ".environment.json.part"):
        (tmp_path / "old" / name).write_text("")
    assert call("run", yaml, "--run-dir", "old").code == 0


def test_run_that_was_killed_between_its_first_two_files_goes_on(call, yaml, engine, tmp_path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "environment.json").write_text("{}")
    assert call("run", yaml, "--run-dir", "old").code == 2
    assert call("run", yaml, "--run-dir", "old", "--resume").code == 0


@pytest.mark.parametrize("files", [["config.yaml"], ["environment.json"], ["config.yaml", "environment.json"]])
def test_folder_with_files_of_the_user_alone_is_refused(call, yaml, engine, tmp_path, files) -> None:
    """The last of them holds the very YAML that is run."""
    mine = tmp_path / "mine"
    mine.mkdir()
    for name in files:
        (mine / name).write_text(yaml.read_text().replace("prompts", "../prompts"))
    answer = call("run", mine / "config.yaml" if len(files) > 1 else yaml, "--run-dir", "mine")
    assert answer.code == 2
    assert "mine: is not empty" in answer.err
    assert engine.calls == []


def test_resume_of_a_folder_that_holds_no_run_is_refused(call, yaml, engine, tmp_path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("")
    answer = call("run", yaml, "--run-dir", "mine", "--resume")
    assert answer.code == 2
    assert "there is no run in mine" in answer.err
    assert engine.calls == []


def test_resume_reaches_the_engine(call, yaml, engine, tmp_path) -> None:
    (tmp_path / "old").mkdir()
    for name in ("config.yaml", "environment.json", "metrics.jsonl"):
        (tmp_path / "old" / name).write_text("")
    assert call("run", yaml, "--run-dir", "old", "--resume").code == 0
    assert engine.calls[0]["resume"] is True


@pytest.mark.parametrize("flags", [("--resume",), ("--resume", "--run-dir", "nowhere")])
def test_resume_of_nothing_is_refused(call, yaml, engine, flags) -> None:
    answer = call("run", yaml, *flags)
    assert answer.code == 2
    assert "--resume" in answer.err
    assert not Path("nowhere").exists()


def test_folder_that_cannot_be_made_exits_4(call, yaml, engine, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    answer = call("run", yaml, "--run-dir", "file/inside")
    assert answer.code == 4
    assert "file/inside: cannot be written" in answer.err


def test_file_as_folder_is_a_wrong_argument(call, yaml, engine) -> None:
    assert call("run", yaml, "--run-dir", yaml).code == 2


def test_results_go_to_stdout_and_the_log_to_stderr(call, yaml, engine, report) -> None:
    engine.work = lambda folder, stop: report
    answer = call("run", yaml, "--run-dir", "r")
    assert "toxicity.harmful.rate" in answer.out
    assert "report: r/report.html" in answer.out
    assert answer.out.splitlines()[-1] == "next:   dressage eval r --set evaluate.samples=8"
    assert "loading the engine" in answer.err
    assert "toxicity" not in answer.err


def test_component_that_exits_is_a_failure(call, yaml, engine) -> None:
    def leave(folder, stop):
        raise SystemExit(0)

    engine.work = leave
    answer = call("run", yaml, "--run-dir", "r")
    assert answer.code == 1
    assert "error: a component ended the process (sys.exit(0))" in answer.err


def test_gate_that_is_not_met_shows_the_table_and_exits_5(call, yaml, engine, report) -> None:
    report["gate"]["verdict"] = "not met"

    def refuse(folder, stop):
        (folder / "report.json").write_text(json.dumps(report))
        raise GateError("toxicity.harmful.rate is not met")

    engine.work = refuse
    answer = call("run", yaml, "--run-dir", "r")
    assert answer.code == 5
    assert "gate: not met" in answer.out
    assert "report: r/report.html" in answer.out
    assert answer.err.splitlines()[-1] == "error: toxicity.harmful.rate is not met"


def test_first_interrupt_asks_the_engine_to_stop(call, yaml, engine) -> None:
    def work(folder, stop):
        assert not stop()
        os.kill(os.getpid(), signal.SIGINT)
        assert stop()
        (folder / "environment.json").touch()
        raise Interrupted("interrupted; a checkpoint is saved")

    engine.work = work
    answer = call("run", yaml, "--run-dir", "my run", "--seed", 3)
    assert answer.code == 130
    assert NOTICE in answer.err
    assert "next: dressage run " in answer.err
    assert "--run-dir 'my run' --resume --set seed=3" in answer.err
    assert answer.err.splitlines()[-1] == "error: interrupted; a checkpoint is saved"


def test_second_interrupt_stops_at_once(call, yaml, engine) -> None:
    def work(folder, stop):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("went on")

    engine.work = work
    answer = call("run", yaml, "--run-dir", "r")
    assert answer.code == 130
    assert "stopped at once" in answer.err
    assert "Traceback" not in answer.err
    assert "next:" not in answer.err  # there is no checkpoint to go on from


def test_handler_is_put_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with StopOnInterrupt(Quiet()) as stop:
        assert signal.getsignal(signal.SIGINT) != before
        assert not stop()
    assert signal.getsignal(signal.SIGINT) == before


def test_eval_of_a_yaml_measures_its_base(call, yaml, engine) -> None:
    assert call("eval", yaml).code == 0
    assert engine.calls[0]["model"] is None
    assert engine.calls[0]["folder"].name.startswith("tiny-eval-")


def _finished_run(tmp_path: Path, origin: Path) -> Path:
    run = tmp_path / "elsewhere" / "first"
    (run / "model").mkdir(parents=True)
    config = {"model": {"base": "some/model"}, "evaluate": {"sets": {"plain": "prompts.jsonl"}, "measures": ["size"]}}
    with (run / "config.yaml").open("w") as file:
        YAML().dump(config, file)
    (run / "environment.json").write_text(json.dumps({"folder": str(origin)}))
    return run


def test_eval_of_a_run_finds_model_and_data(call, yaml, engine, tmp_path) -> None:
    run = _finished_run(tmp_path, yaml.parent)
    (tmp_path / "other").mkdir()
    os.chdir(tmp_path / "other")  # the data lie beside the YAML, wherever one stands
    answer = call("eval", run, "--set", "evaluate.samples=2")
    assert answer.err.count("error") == 0
    made = engine.calls[0]
    assert made["model"] == run / "model"
    assert made["plan"].folder == yaml.parent
    assert made["plan"].evaluate.settings.samples == 2
    (spec,) = made["plan"].evaluate.sets["plain"]
    assert (made["plan"].folder / spec.path).read_text() == '{"prompt": "Hello?"}\n'


def test_eval_of_a_run_takes_a_set_of_the_folder_that_the_run_was_made_from(call, yaml, engine, tmp_path) -> None:
    run = _finished_run(tmp_path, yaml.parent)
    (tmp_path / "more.jsonl").write_text('{"prompt": "Why?"}\n', encoding="utf-8")
    os.chdir(run)
    assert call("eval", run, "--set", "evaluate.sets.plain=more.jsonl").code == 0
    (spec,) = engine.calls[0]["plan"].evaluate.sets["plain"]
    assert spec.path == yaml.parent / "more.jsonl"


def test_eval_names_what_is_wrong_by_its_place_in_the_run_folder(call, yaml, engine, tmp_path) -> None:
    run = _finished_run(tmp_path, yaml.parent)
    (yaml.parent / "prompts.jsonl").unlink()
    answer = call("eval", run)
    assert answer.code == 2
    assert f"{run / 'config.yaml'}:5:12: evaluate.sets.plain: no such file: 'prompts.jsonl'" in answer.err


def test_eval_of_an_unfinished_run_says_so(call, yaml, engine, tmp_path) -> None:
    run = _finished_run(tmp_path, yaml.parent)
    (run / "model").rmdir()
    answer = call("eval", run)
    assert answer.code == 2
    assert "has no model/ yet" in answer.err


def test_eval_of_any_other_folder_is_refused(call, engine, tmp_path) -> None:
    assert "so it is no run folder" in call("eval", tmp_path).err
