"""What a stage learns where it names several data sets: those of the run as the filters left them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from dressage.run.session import Session
from dressage.spec.errors import Where
from dressage.spec.plan import DataPlan
from dressage.spec.rows import by_key
from dressage.spec.types import Example


def file(name):
    return DataPlan(name, Path(f"{name}.jsonl"), None, Where("run.yaml"))


A, B, C, OWN, MORE = map(file, "abcde")
DATA = {"one": (A, B), "two": (C,)}


@pytest.mark.parametrize(
    ("plans", "expected"),
    [
        ((C,), [("two", (C,))]),
        ((C, A, B), [("two", (C,)), ("one", (A, B))]),
        ((A,), [(None, (A,))]),
        ((OWN, MORE, C, OWN), [(None, (OWN, MORE)), ("two", (C,)), (None, (OWN,))]),
        ((), []),
    ],
    ids=["a set", "two sets", "a part of a set", "rows of its own around a set", "nothing"],
)
def test_rows_are_told_by_the_sets_that_they_are(plans, expected):
    assert by_key(DATA, plans) == expected


def test_rows_of_sets_are_the_filtered_ones_and_its_own_are_read():
    read = []

    def table(name, plans):
        read.append(name)
        return SimpleNamespace(examples=[Example(text=f"{plan.name} read") for plan in plans])

    rows = {"one": [Example(text="one, filtered")], "two": [Example(text="two, filtered")]}
    session = SimpleNamespace(plan=SimpleNamespace(data=DATA), rows=rows, library=SimpleNamespace(table=table))
    stage = SimpleNamespace(name="sft", data=(OWN, C, MORE, A, B), prompts=(), mix=None)
    found = [row.text for row in Session.rows_of(session, stage, "data")]
    assert found == ["d read", "two, filtered", "e read", "one, filtered"]
    assert read == ["sft.data", "sft.data.2"]
