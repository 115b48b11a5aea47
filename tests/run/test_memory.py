"""What a run does with the C library's memory, what it counts as its peak, and when it gives memory back."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from dressage.run import devices, learner, offline, sampling
from dressage.run.devices import keep_freed_memory, peak_bytes, return_freed_memory
from dressage.spec.console import Quiet
from dressage.spec.policy import Losses
from dressage.spec.sections import UpdateConfig
from dressage.spec.types import Tokens


@pytest.mark.parametrize(("own", "expected"), [(None, "128"), ("7", "7")])
def test_fewer_compiled_kernels_are_kept_unless_the_user_says_how_many(monkeypatch, own, expected):
    name = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
    monkeypatch.setattr("dressage.run.devices.ctypes.CDLL", lambda name: SimpleNamespace())
    monkeypatch.setattr("dressage.run.devices.os.environ", found := {name: own} if own else {})
    keep_freed_memory()
    assert found[name] == expected


def test_memory_goes_back_every_sixteen_steps(monkeypatch):
    given = []
    monkeypatch.setattr(learner, "return_freed_memory", lambda: given.append(None))
    parameter = torch.nn.Parameter(torch.ones(2))
    found = learner.Learner([parameter], UpdateConfig(), steps=40)
    for _ in range(33):
        found.step([(1.0, lambda: Losses(parameter.square().sum()))], name="test")
    assert len(given) == 2


@pytest.mark.parametrize(("variable", "calls"), [(None, {-3: 32 * 2**20, -1: 2**30}), ("MALLOC_ARENA_MAX", {})])
def test_glibc_is_told_to_keep_what_is_freed_unless_the_user_tells_it_something(monkeypatch, variable, calls):
    """M_MMAP_THRESHOLD is -3, M_TRIM_THRESHOLD -1 (malloc.h)."""
    told = {}
    library = SimpleNamespace(mallopt=lambda name, value: told.update({name: value}))
    monkeypatch.setattr("dressage.run.devices.ctypes.CDLL", lambda name: library)
    monkeypatch.setattr("dressage.run.devices.sys.platform", "linux")
    monkeypatch.setattr("dressage.run.devices.os.environ", {variable: "1"} if variable else {})
    keep_freed_memory()
    assert told == calls


@pytest.mark.parametrize(("platform", "library", "calls"), [
    ("linux", "glibc", [0]),
    ("linux", "musl", []),
    ("darwin", "glibc", []),
])  # fmt: skip
def test_what_is_freed_goes_back_where_the_c_library_can_give_it(monkeypatch, platform, library, calls):
    trimmed = []
    glibc = SimpleNamespace(malloc_trim=trimmed.append)
    found = glibc if library == "glibc" else SimpleNamespace()
    monkeypatch.setattr("dressage.run.devices.ctypes.CDLL", lambda name: found)
    monkeypatch.setattr("dressage.run.devices.sys.platform", platform)
    monkeypatch.setattr("dressage.run.devices.os.environ", {})
    return_freed_memory()
    assert trimmed == calls
    monkeypatch.setattr("dressage.run.devices.os.environ", {"MALLOC_ARENA_MAX": "1"})
    return_freed_memory()
    assert trimmed == calls


def test_the_peak_is_the_processs_own(monkeypatch, tmp_path):
    """Under /proc; elsewhere what the system counts, in bytes on macOS and in KiB otherwise."""
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nVmPeak:\t   999 kB\nVmHWM:\t   123 kB\nVmRSS:\t    99 kB\n")
    monkeypatch.setattr(devices, "Path", lambda name: status)
    monkeypatch.setattr(devices.resource, "getrusage", lambda who: SimpleNamespace(ru_maxrss=7))
    assert peak_bytes(torch.device("cpu")) == 123 * 1024
    status.unlink()
    for platform, expected in (("linux", 7 * 1024), ("darwin", 7)):
        monkeypatch.setattr(devices.sys, "platform", platform)
        assert peak_bytes(torch.device("cpu")) == expected


def test_memory_goes_back_after_sampling(make_network, ids, monkeypatch):
    given = []
    monkeypatch.setattr(sampling, "return_freed_memory", lambda: given.append(None))
    generator = torch.Generator().manual_seed(0)
    sampling.sample(make_network(), [ids(4), ids(6)], sampling.Sampling(2, batch=1), generator=generator)
    assert len(given) == 1


def test_kept_states_are_each_sequences_own_and_lie_in_one_block(make_network, ids):
    network = make_network()
    sequences = [ids(9, 1), ids(4, 2), ids(7, 3), ids(4, 4)]
    pairs = [sequences[:2], sequences[2:]]
    items = [offline.Item(tuple(Tokens(s, (True,) * len(s)) for s in pair)) for pair in pairs]
    offline.keep_states(items, network, Quiet(), "test")
    kept = [states for item in items for states in item.states]
    assert len({states.untyped_storage().data_ptr() for states in kept}) == 1
    for sequence, states in zip(sequences, kept, strict=True):
        assert torch.allclose(states, network.trunk(network.pad([sequence]))[0], atol=1e-5)
