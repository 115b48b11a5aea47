"""Which replies belong together."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from dressage.run.evaluation import Evaluation
from dressage.spec.types import Message, Prompt


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ([{"pair": 7}, {}, {"pair": 7}], [0, 1, 0]),
        ([{"pair": "2"}, {}, {}], [0, 1, 2]),
        ([{"pair": None}, {"pair": None}, {"pair": 0}], [0, 1, 2]),
    ],
    ids=["twins", "a row whose number is a pair's name", "no pair, said so"],
)
def test_replies_are_drawn_by_prompt_or_pair(columns, expected):
    prompts = [Prompt((Message("user", "?"),), columns=c) for c in columns]
    evaluation = SimpleNamespace(sets={"s": prompts}, plan=SimpleNamespace(settings=SimpleNamespace(samples=2)))
    assert Evaluation.clusters(evaluation, "s") == [number for number in expected for _ in (0, 1)]
