"""The YAML as recorded: plain, whole, and read again to the same run."""

from __future__ import annotations

import io

import pytest
from dressage.host.resolved import plain
from ruamel.yaml import YAML

MODEL = "model: {base: tiny}\n"
DEMONSTRATIONS = "[a.jsonl, {path: b.jsonl, where: {x: 1}, sample: 2}]"
DATA = f"data: {{demonstrations: {DEMONSTRATIONS}, comparisons: a.jsonl, prompts: {{use: few}}}}\n"
RUN = (
    MODEL
    + DATA
    + """
requires: [acme>=1]
filters: [{use: by-score, with: {source: {use: loud, with: {level: 2}}}}]
stages:
  - {use: copy, data: comparisons}
  - use: climb
    prompts: [b.jsonl, {use: few}]
    rewards: [{use: loud, bounds: [0, 1], when: {kind: x}}, {use: learnt, update: {batch: 2}}, mix]
    select: {metric: {share.harm.rate: 2.0}}
    mix: {use: copy, weight: 2, data: comparisons}
evaluate: {sets: {harm: a.jsonl, other: a.jsonl}, measures: [{use: share, on: [harm]}, {use: share, as: b}]}
gate: {b.other.rate: {max: 0.1}}
observers: [watch]
"""
)


def dump(values: object) -> str:
    stream = io.StringIO()
    YAML(typ="safe").dump(values, stream)
    return stream.getvalue()


def types(one: object) -> set[type]:
    parts = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
    return {type(one)}.union(*(types(part) for part in parts))


def test_it_is_plain(plan):
    assert types(plan(RUN).resolved) <= {dict, list, int, float, str, bool, type(None)}


def test_defaults_are_filled_in(plan):
    resolved = plan(MODEL + DATA + "stages: [copy]\n").resolved
    assert (resolved["version"], resolved["seed"], resolved["data"]["bad_rows"]) == (1, 0, "fail")
    assert resolved["model"]["adapter"]["r"] == 16
    assert resolved["stages"][0]["update"]["learning_rate"] == 1e-3


def test_overrides_are_in_it(plan):
    assert plan(RUN, "seed=4", "stages.1.rewards.0.weight=3").resolved["stages"][1]["rewards"][0]["weight"] == 3.0


def test_options_of_components_inside_are_whole(plan):
    source = plan(RUN).resolved["filters"][0]["with"]["source"]
    assert source == {"use": "loud", "with": {"level": 2.0, "mode": "soft", "words": []}}


def test_paths_are_relative_to_the_yaml(plan):
    assert plan(RUN).resolved["data"]["demonstrations"] == [
        "a.jsonl",
        {"path": "b.jsonl", "where": {"x": [1]}, "sample": 2},
    ]


def test_a_stage_keeps_the_name_of_its_data(plan):
    stages = plan(RUN).resolved["stages"]
    assert stages[0]["data"] == "comparisons"
    assert stages[1]["prompts"] == ["b.jsonl", {"use": "few", "with": {}}]


def test_only_keys_that_have_an_effect_are_in_it(plan):
    offline, online = plan(RUN).resolved["stages"]
    assert "rollout" not in offline
    assert "epochs" not in online
    assert "epochs" not in online["rewards"][0]
    assert online["rewards"][1]["epochs"] == 1


def test_what_a_stage_mixes_in_is_in_it(plan):
    mix = plan(RUN).resolved["stages"][1]["mix"]
    assert mix == {"use": "copy", "as": "copy", "with": {}, "weight": 2.0, "batch": 16, "data": "comparisons"}
    assert "mix" not in plan(RUN).resolved["stages"][0]


def test_read_again_it_is_the_same_run(plan):
    first = plan(RUN).resolved
    assert plan(dump(first)).resolved == first


def test_an_ambiguous_component_is_named_with_its_distribution(plan, make_plugin, hooks):
    from dressage.host import Discovery

    twin = make_plugin(register_optimizers={"copy": hooks["register_optimizers"]["copy"]})
    discovery = Discovery.of({"acme": make_plugin(**hooks), "zeta": twin})
    resolved = plan(MODEL + DATA + "stages: [zeta/copy]\n", discovery=discovery).resolved
    assert resolved["stages"][0]["use"] == "zeta/copy"


@pytest.mark.parametrize(
    ("value", "expected"),
    [((1, {2}), [1, [2]]), ({"a": float("inf")}, {"a": float("inf")}), ({1: "x"}, {1: "x"}), (b"x", "x")],
)
def test_any_value_can_be_plain(value, expected):
    assert plain(value) == expected


def test_paths_and_enumerations_are_plain():
    from enum import Enum
    from pathlib import Path

    class Colour(Enum):
        RED = "red"

    assert plain([Path("a/b"), Colour.RED]) == ["a/b", "red"]


def test_an_object_of_a_plugins_own_is_text():
    class Odd:
        def __str__(self) -> str:
            return "odd"

    assert plain(Odd()) == "odd"
