"""A disk that is full, wherever a run meets it: exit code 4, and a run that goes on once there is room."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from dressage.run import checkpoint
from dressage.spec.console import Quiet
from dressage.spec.errors import MachineError

YAML = """
stages:
  - {use: sft, epochs: 3, update: {batch: 8}}
evaluate: {sets: {valid: valid.jsonl}, measures: [size], resamples: 20}
"""
FULL = "no space left on the disk; free some and go on with --resume"
FILES = [
    ".environment.json.part", ".config.yaml.part", "replies/before.part", "metrics.jsonl", "replies/sft.part",
    "model/adapter_config.json", "model/tokenizer.json", "model/tokenizer_config.json", ".samples.jsonl.part",
    ".report.json.part",
]  # fmt: skip
"""What a run writes, in order; not what safetensors writes, which would put a file of its own in a link's place."""


@pytest.fixture
def no_room():
    """Lets a file of a run folder be one that nothing fits into."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")

    def fill(folder, name):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to("/dev/full")
        return folder / name

    return fill


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_does_not_fit_is_said_in_one_line_and_costs_nothing(run, whole, tmp_path, no_room, name):
    full = no_room(tmp_path, name)
    with pytest.raises(MachineError, match=FULL) as caught:
        run(YAML, tmp_path)
    assert caught.value.exit_code == 4
    full.unlink(missing_ok=True)  # one that was renamed is overwritten
    found = run(YAML, tmp_path, resume=True)
    assert found.same_bits(whole(YAML))
    assert found.metrics == whole(YAML).metrics
    assert found.report["evaluators"] == whole(YAML).report["evaluators"]


@pytest.mark.parametrize("call", ["fsync", "open", "rename"])
def test_a_checkpoint_that_does_not_fit_leaves_the_last_one_whole(run, whole, tmp_path, monkeypatch, call):
    """Some disks say only when a file is flushed, or its folder's entry is made, that they are full."""
    save = checkpoint.save

    def second_fails(folder, number, state, **settings):
        with monkeypatch.context() as patch:
            if number == 2:
                target = os if call == "fsync" else Path
                patch.setattr(target, call, refuse)
            return save(folder, number, state, **settings)

    def refuse(*given, **named):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(checkpoint, "save", second_fails)
    with pytest.raises(MachineError, match=FULL):
        run(YAML, tmp_path)
    monkeypatch.undo()
    assert checkpoint.load_latest(tmp_path / "checkpoints", Quiet())["saves"] == 1
    found = run(YAML, tmp_path, resume=True)
    assert found.same_bits(whole(YAML))
    assert found.metrics == whole(YAML).metrics
