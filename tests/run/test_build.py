"""How a run's components end."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from dressage.run import loop
from dressage.run.build import Workshop
from dressage.spec.components import Evaluator
from dressage.spec.console import Quiet
from dressage.spec.options import NoOptions


class Listens(Quiet):
    def __init__(self):
        self.warnings = []

    def warn(self, text):
        self.warnings.append(text)


class Closes(Evaluator[NoOptions]):
    closed: list[str] = []

    def measure(self, batch):
        return {}

    def close(self):
        self.closed.append(self.ctx.name)
        if self.ctx.name == "bad":
            raise OSError("gone")


@pytest.fixture
def workshop(planned):
    Closes.closed = []
    made = Workshop(Path(), Path(), "cpu", 0, Listens())
    for name in ("first", "bad", "last"):
        made.make(planned(Closes, name))
    return made


def test_a_component_that_cannot_be_closed_keeps_no_other_open(workshop):
    workshop.close()
    assert Closes.closed == ["last", "bad", "first"]
    assert workshop.console.warnings == ["evaluator 'bad' could not be closed: OSError: gone"]


def test_components_are_closed_where_a_run_cannot_begin(planned, tmp_path, monkeypatch):
    def session(plan, record, workshop, stop):
        workshop.make(planned(Closes, "first"))
        raise OSError("no such model")

    Closes.closed = []
    monkeypatch.setattr(loop, "_session", session)
    with pytest.raises(OSError, match="no such model"):
        plan = SimpleNamespace(folder=tmp_path, seed=0, model=SimpleNamespace(device="cpu"))
        loop.measure(plan, tmp_path / "run", Quiet())
    assert Closes.closed == ["first"]
