"""What goes wrong while a run is going: one clear line, the right exit code, and nothing lost."""

import errno
import json
import os
import subprocess

import pytest

REWARDS = '''
import os

calls = 0

def reward(batch):
    """Right for AFTER calls, then what the environment says."""
    global calls
    calls += 1
    values = [float(len(r)) for r in batch.responses]
    fault = os.environ.get("FAULT") if calls > int(os.environ.get("AFTER", 2)) else None
    if fault == "nan":
        values[1] = float("nan")
    elif fault == "infinite":
        values[1] = float("inf")
    elif fault == "few":
        values.pop()
    elif fault == "text":
        values[1] = "bad"
    elif fault == "raise":
        raise RuntimeError("the scorer fell over\\nbadly")
    elif fault == "interrupt":
        import signal
        os.environ["FAULT"] = ""
        signal.raise_signal(signal.SIGINT)
    return values
'''


@pytest.fixture
def place(place):
    """The folder, with a reward that fails in the third iteration."""
    (place / "rewards.py").write_text(REWARDS)
    return place


def start(call, *more, every=1):
    return call("run", "online.yaml", "--run-dir", "out", "--set", f"checkpoints.iterations={every}", *more)


def metrics(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


# --- rewards ---------------------------------------------------------------------------------------------------------

FAULTS = {
    "nan": "gave nan for the prompt 'The dog number",
    "infinite": "gave inf for the prompt 'The dog number",
    "few": "gave 3 scores for 4 responses",
    "text": "could not score responses: TypeError",
    "raise": "could not score responses: RuntimeError: the scorer fell over",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_reward_that_fails_stops_the_run_and_is_named(fault, call, place, monkeypatch):
    monkeypatch.setenv("FAULT", fault)
    answer = start(call)
    assert answer.code == 1
    assert "Traceback" not in answer.err
    assert len(answer.errors) == 1
    assert FAULTS[fault] in answer.errors[0]
    assert "reward 'python' (dressage-rules 0.1.0, online.yaml:8:" in answer.errors[0]


def test_failed_run_goes_on_once_the_reward_is_right(call, place, monkeypatch):
    monkeypatch.setenv("FAULT", "raise")
    assert start(call).code == 1
    monkeypatch.setenv("FAULT", "")
    answer = start(call, "--resume")
    assert answer.code == 0, answer.err
    assert [row["step"] for row in metrics(place / "out")] == [1, 2, 3, 4, 5, 6]


def test_resumed_run_is_the_run_that_never_failed(call, place, monkeypatch):
    monkeypatch.setenv("FAULT", "raise")
    assert start(call).code == 1
    monkeypatch.setenv("FAULT", "")
    assert start(call, "--resume").code == 0
    assert call("run", "online.yaml", "--run-dir", "whole").code == 0
    for name in ("metrics.jsonl", "samples.jsonl", "model/adapter_model.safetensors"):
        assert (place / "out" / name).read_bytes() == (place / "whole" / name).read_bytes(), name


def test_what_was_logged_after_the_checkpoint_is_logged_once(call, place, monkeypatch):
    monkeypatch.setenv("AFTER", "3")
    monkeypatch.setenv("FAULT", "raise")
    assert start(call, every=2).code == 1
    assert [row["step"] for row in metrics(place / "out")] == [1, 2, 3]
    monkeypatch.setenv("FAULT", "")
    assert start(call, "--resume", every=2).code == 0
    assert [row["step"] for row in metrics(place / "out")] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(("every", "keep", "kept"), [(5, 2, ["000001", "000002"]), (2, 2, ["000003", "000004"]),
                                                     (1, 4, ["000004", "000005", "000006", "000007"])])  # fmt: skip
def test_checkpoints_are_written_and_kept_as_the_yaml_says(call, place, every, keep, kept):
    """Numbered as they are written: in six iterations, and at the stage's end."""
    assert start(call, "--set", f"checkpoints.keep={keep}", every=every).code == 0
    assert sorted(path.name for path in (place / "out" / "checkpoints").iterdir()) == kept


def test_one_checkpoint_alone_is_too_few(call, place):
    answer = start(call, "--set", "checkpoints.keep=1")
    assert answer.code == 2
    assert answer.errors == ["error: --set checkpoints.keep=1: checkpoints.keep: must be at least 2, not 1"]


def test_interrupt_saves_a_checkpoint_and_names_the_command(call, place, monkeypatch):
    monkeypatch.setenv("FAULT", "interrupt")
    answer = start(call)
    assert answer.code == 130
    assert "next: dressage run online.yaml --run-dir out --resume" in answer.err
    assert [row["step"] for row in metrics(place / "out")] == [1, 2, 3]
    assert start(call, "--resume").code == 0
    assert len(metrics(place / "out")) == 6


# --- the disk --------------------------------------------------------------------------------------------------------

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def full_from_the_third_checkpoint_on(monkeypatch, error):
    from dressage.run import checkpoint

    save, count = checkpoint.save_file, []

    def refuse(tensors, path):
        count.append(path)
        if len(count) > 2:
            path.write_bytes(b"half a checkpoint")
            raise error
        save(tensors, path)

    monkeypatch.setattr(checkpoint, "save_file", refuse)


def as_safetensors_says_it():
    from safetensors import SafetensorError

    return SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")


@pytest.mark.parametrize("error", [lambda: FULL, as_safetensors_says_it], ids=["system", "safetensors"])
def test_full_disk_is_said_in_one_line(error, call, place, monkeypatch):
    full_from_the_third_checkpoint_on(monkeypatch, error())
    answer = start(call)
    assert answer.code == 4
    assert answer.errors == ["error: out: no space left on the disk; free some and go on with --resume"]


def test_last_checkpoint_stays_whole_on_a_full_disk(call, place):
    with pytest.MonkeyPatch.context() as patch:
        full_from_the_third_checkpoint_on(patch, FULL)
        assert start(call).code == 4
    answer = start(call, "--resume")
    assert answer.code == 0, answer.err
    assert "resuming at stage 1, step 2" in answer.err
    assert [row["step"] for row in metrics(place / "out")] == [1, 2, 3, 4, 5, 6]


def test_full_disk_at_a_log_line(call, place, monkeypatch):
    from dressage.run.record import RunFolder

    append = RunFolder.append

    def refuse(self, name, row):
        if name == "metrics.jsonl" and row["step"] == 3:
            (self.path / name).unlink()
            (self.path / name).symlink_to("/dev/full")
        append(self, name, row)

    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full on this system")
    monkeypatch.setattr(RunFolder, "append", refuse)
    answer = start(call)
    assert answer.code == 4
    assert answer.errors == ["error: out: no space left on the disk; free some and go on with --resume"]


@pytest.fixture
def small_disk(place, tmp_path):
    """A file system of 400 kB under `place/disk`; only root can mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_disk_that_fills_up_while_the_run_goes(small_disk, call, place):
    answer = call("run", "online.yaml", "--run-dir", small_disk / "out", "--set", "model.adapter={r: 16, layers: 4}")
    assert answer.code == 4, answer.err
    assert len(answer.errors) == 1
    assert "no space left on the disk" in answer.errors[0]


def test_damaged_checkpoint_is_passed_over(call, place, monkeypatch):
    monkeypatch.setenv("FAULT", "raise")
    assert start(call).code == 1
    newest = sorted((place / "out" / "checkpoints").iterdir())[-1]
    (newest / "tensors.safetensors").write_bytes(b"not what was written")
    monkeypatch.setenv("FAULT", "")
    answer = start(call, "--resume")
    assert answer.code == 0, answer.err
    assert f"{newest.name} is damaged" in answer.err
    assert [row["step"] for row in metrics(place / "out")] == [1, 2, 3, 4, 5, 6]


# --- the gate --------------------------------------------------------------------------------------------------------


def gated(call, bound):
    return start(call, "--set", f"gate={{length.held.words: {bound}}}", "--set", "stages.0.iterations=1")


def test_gate_that_is_not_met(call, place):
    answer = gated(call, "{max: 0}")
    assert answer.code == 5
    assert answer.errors == [
        "error: the gate is not met: length.held.words not met; see out/report.html"
    ]  # fmt: skip


def test_refused_model_is_kept_with_its_report(call, place):
    assert gated(call, "{max: 0}").code == 5
    assert json.loads((place / "out" / "report.json").read_text())["gate"]["verdict"] == "not met"
    assert (place / "out" / "report.html").exists()
    assert (place / "out" / "model" / "adapter_model.safetensors").exists()


def test_gate_that_is_met(call, place):
    assert gated(call, "{max: 1000}").code == 0


def test_gate_on_a_measure_that_the_run_lacks(call, place):
    answer = start(call, "--set", "gate={toxicity.held.rate: {max: 0.1}}")
    assert answer.code == 2
    assert "toxicity.held.rate" in answer.errors[0]


def test_gate_on_a_metric_that_the_measure_lacks_is_refused_before_training(call, place):
    answer = start(call, "--set", "gate={length.held.wrods: {max: 0.1}}")
    assert answer.code == 2
    assert "gate: length.held.wrods was not measured; length measures: " in answer.errors[0]
    assert "words" in answer.errors[0]
    assert not (place / "out" / "metrics.jsonl").exists()
