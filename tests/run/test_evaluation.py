"""Which replies belong together."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from dressage.run.evaluation import Evaluation
from dressage.spec.types import Batch, Message, Prompt


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


def test_replies_that_the_base_has_not_scored_are_sampled_again_where_it_must():
    asked = []

    def sample(network, name, when, *, role, base):
        asked.append(base)
        return Batch((), (), (), ((-1.0,),) if base else ())

    evaluation = SimpleNamespace(_sampled={}, _sample=sample)
    network = SimpleNamespace(adapters=SimpleNamespace(fingerprint=str))
    found = [Evaluation.replies(evaluation, network, "s", "w", role="r", base=base) for base in (False, True, False)]
    assert asked == [False, True]
    assert [bool(batch.base_logprobs) for batch in found] == [False, True, True]
