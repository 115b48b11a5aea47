"""Checkpoints: what comes back is what was saved, and a damaged one is named and passed over."""

from __future__ import annotations

import json
import math

import pytest
import torch
from dressage.run import checkpoint
from dressage.spec.console import Quiet
from dressage.spec.errors import CheckpointError


class Listens(Quiet):
    def __init__(self):
        self.warnings = []

    def warn(self, text):
        self.warnings.append(text)


def test_a_state_comes_back_bit_for_bit(tmp_path):
    state = {
        "step": 3,
        "rate": 0.1 + 0.2,
        "tiny": 5e-324,
        "name": "a/b 日本",
        "none": None,
        "yes": True,
        "list": [1, [2.5, "x"], {"y": torch.arange(3)}],
        "nested": {"w": torch.randn(2, 3), 0: {"exp_avg": torch.zeros(0), 7: 1}},
        "half": torch.randn(4).bfloat16(),
        "exact": torch.randn(3, dtype=torch.float64),
        "scalar": torch.tensor(2),
    }
    checkpoint.save(tmp_path, 1, state)
    found = checkpoint.load_latest(tmp_path, Quiet())
    for key in ("step", "rate", "tiny", "name", "none", "yes"):
        assert found[key] == state[key]
        assert type(found[key]) is type(state[key])
    assert found["list"][:2] == [1, [2.5, "x"]]
    assert torch.equal(found["list"][2]["y"], torch.arange(3))
    assert torch.equal(found["nested"]["w"], state["nested"]["w"])
    assert found["nested"][0][7] == 1
    assert found["nested"][0]["exp_avg"].shape == (0,)
    for key in ("half", "exact", "scalar"):
        assert found[key].dtype is state[key].dtype
        assert torch.equal(found[key], state[key])


def test_numbers_that_are_not_finite_come_back(tmp_path):
    checkpoint.save(tmp_path, 1, {"a": float("inf"), "b": float("nan")})
    found = checkpoint.load_latest(tmp_path, Quiet())
    assert found["a"] == math.inf
    assert math.isnan(found["b"])


def test_tensors_that_share_memory_are_saved_apart(tmp_path):
    base = torch.arange(6.0).view(2, 3)
    checkpoint.save(tmp_path, 1, {"a": base, "b": base, "c": base.T, "d": base[0]})
    found = checkpoint.load_latest(tmp_path, Quiet())
    assert all(torch.equal(found[key], value) for key, value in (("b", base), ("c", base.T), ("d", base[0])))
    found["a"].zero_()
    assert torch.equal(found["b"], base)


def test_what_is_no_plain_value_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="a state holds a set"):
        checkpoint.save(tmp_path, 1, {"a": {1, 2}})
    assert checkpoint.load_latest(tmp_path, Quiet()) is None


def test_the_two_newest_are_kept(tmp_path):
    for number in range(1, 5):
        checkpoint.save(tmp_path, number, {"n": number})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000003", "000004"]
    assert checkpoint.load_latest(tmp_path, Quiet()) == {"n": 4}


def test_the_newest_is_the_one_with_the_highest_number(tmp_path):
    for number in (9, 10, 1_000_000):
        checkpoint.save(tmp_path, number, {"n": number})
    assert checkpoint.load_latest(tmp_path, Quiet()) == {"n": 1_000_000}


def test_a_number_that_is_saved_again_is_replaced(tmp_path):
    for value in (1, 2):
        checkpoint.save(tmp_path, 5, {"n": value})
    assert checkpoint.load_latest(tmp_path, Quiet()) == {"n": 2}


def truncate(path):
    file = path / "tensors.safetensors"
    file.write_bytes(file.read_bytes()[:-4])


def alter(path):
    file = path / "tensors.safetensors"
    body = bytearray(file.read_bytes())
    body[-1] ^= 1
    file.write_bytes(bytes(body))


def alter_state(path):
    file = path / "state.json"
    file.write_text(file.read_text().replace('[[\\"n\\", 2]', '[[\\"n\\", 3]'))


def truncate_state(path):
    file = path / "state.json"
    file.write_text(file.read_text()[:-9])


def lose_tensors(path):
    (path / "tensors.safetensors").unlink()


def lose_state(path):
    (path / "state.json").unlink()


def empty_state(path):
    (path / "state.json").write_text("null")


DAMAGES = [truncate, alter, alter_state, truncate_state, lose_tensors, lose_state, empty_state]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_newest_is_named_and_the_one_before_is_used(tmp_path, damage):
    for number in (1, 2):
        checkpoint.save(tmp_path, number, {"n": number, "w": torch.full((3,), float(number))})
    before = (tmp_path / "000002" / "state.json").read_text()
    damage(tmp_path / "000002")
    if damage is alter_state:
        assert (tmp_path / "000002" / "state.json").read_text() != before
    console = Listens()
    assert checkpoint.load_latest(tmp_path, console)["n"] == 1
    (warning,) = console.warnings
    assert f"checkpoint {tmp_path / '000002'} is damaged" in warning
    assert "\n" not in warning


@pytest.mark.parametrize("damage", DAMAGES)
def test_all_damaged_is_an_error(tmp_path, damage):
    checkpoint.save(tmp_path, 1, {"n": 2, "w": torch.ones(3)})
    damage(tmp_path / "000001")
    with pytest.raises(CheckpointError, match="all are damaged"):
        checkpoint.load_latest(tmp_path, Quiet())


def test_a_save_that_was_cut_off_is_not_found(tmp_path):
    checkpoint.save(tmp_path, 1, {"n": 1})
    (tmp_path / ".000002.part").mkdir()
    (tmp_path / ".000002.part" / "state.json").write_text("{")
    console = Listens()
    assert checkpoint.load_latest(tmp_path, console) == {"n": 1}
    assert console.warnings == []
    checkpoint.save(tmp_path, 2, {"n": 2})
    assert checkpoint.load_latest(tmp_path, console) == {"n": 2}


def test_nothing_is_pickled(tmp_path):
    path = checkpoint.save(tmp_path, 1, {"w": torch.ones(2), "n": 1})
    assert sorted(file.name for file in path.iterdir()) == ["state.json", "tensors.safetensors"]
    json.loads((path / "state.json").read_text())
