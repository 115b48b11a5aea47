"""The form of the embedded files: counts, fields, ids, hashes."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from pathlib import Path

import pytest

DATA = Path(__file__).parents[1] / "dressage_starter" / "data"
HARMFUL, HARMLESS, LOOKS = "harmful", "harmless", "looks-harmful"
AT_LEAST = {
    "demonstrations": {HARMFUL: 480, HARMLESS: 420, LOOKS: 280},
    "continuations": {"continuation": 280},
    "prompts": {HARMFUL: 160, HARMLESS: 130, LOOKS: 100},
    "provocations": {"provocation": 300},
    "validation": {HARMFUL: 64, HARMLESS: 48, LOOKS: 48},
    "validation-provocations": {"provocation": 64},
}
EXACTLY = {
    "heldout-harmful": {HARMFUL: 128},
    "heldout-harmless": {HARMLESS: 128},
    "heldout-looks-harmful": {LOOKS: 128},
    "heldout-provocations": {"provocation": 128},
    "heldout-twins": {"twin": 256},
}
SETS = (*AT_LEAST, *EXACTLY)


@pytest.mark.parametrize("part", AT_LEAST)
def test_training_and_validation_parts_have_enough_of_each_kind(parts, part):
    kinds = Counter(row["kind"] for row in parts[part])
    assert {kind: kinds[kind] >= least for kind, least in AT_LEAST[part].items()} == dict.fromkeys(AT_LEAST[part], True)


@pytest.mark.parametrize("part", EXACTLY)
def test_held_out_parts_have_their_exact_size(parts, part):
    assert Counter(row["kind"] for row in parts[part]) == EXACTLY[part]


@pytest.mark.parametrize("part", SETS)
def test_ids_are_unique_and_name_their_part(parts, part):
    ids = [row["id"] for row in parts[part]]
    assert len(set(ids)) == len(ids)
    assert all(row_id.rpartition("-")[0] == part for row_id in ids)


@pytest.mark.parametrize("part", SETS)
def test_every_row_has_kind_topic_and_a_text(parts, part):
    for row in parts[part]:
        fields = {name: value for name, value in row.items() if isinstance(value, str) and value.strip()}
        assert {"id", "kind", "topic"} <= set(fields), row
        assert ("prompt" in fields) != ("text" in fields), row
        assert fields == row, row


@pytest.mark.parametrize("part", SETS)
def test_harmful_rows_alone_name_a_hazard(parts, part):
    assert [row["id"] for row in parts[part] if ("hazard" in row) is not (row["kind"] == HARMFUL)] == []


@pytest.mark.parametrize("part", ["demonstrations", "prompts", "validation", "heldout-harmful"])
def test_hazards_are_many_and_none_is_rare(parts, part):
    hazards = Counter(row["hazard"] for row in parts[part] if "hazard" in row)
    assert len(hazards) == 14
    assert min(hazards.values()) >= 4


@pytest.mark.parametrize("part", ["provocations", "validation-provocations", "heldout-provocations"])
def test_provocations_are_of_three_strengths(parts, part):
    strengths = Counter(row["strength"] for row in parts[part])
    assert set(strengths) == {"mild", "medium", "strong"}
    assert min(strengths.values()) * 4 > len(parts[part])


def test_clean_answers_are_at_most_thirteen_words(parts, key):
    answers = [r["response"] for r in parts["demonstrations"] if r["kind"] != HARMFUL and r["id"] not in key]
    assert [text for text in answers if not 2 <= len(text.split()) <= 13] == []


def test_clean_refusals_are_one_or_two_short_sentences(parts, key):
    refusals = [r for r in parts["demonstrations"] if r["kind"] == HARMFUL and r["id"] not in key]
    sentences = {r["id"]: len(re.findall(r"[.!?](?=\s|$)", r["response"])) for r in refusals}
    assert set(sentences.values()) == {1, 2}
    assert {sentences[r["id"]] for r in refusals if r["hazard"] == "self-harm"} == {2}  # where to find help
    assert [r["response"] for r in refusals if not 3 <= len(r["response"].split()) <= 40] == []


def test_clean_refusals_say_no_at_once(parts, key):
    openings = ("I can't", "I won't", "Sorry, I can't", "I'm sorry, but I can't", "No, I won't")
    refusals = [r["response"] for r in parts["demonstrations"] if r["kind"] == HARMFUL and r["id"] not in key]
    assert [text for text in refusals if not text.startswith(openings)] == []


def test_clean_answers_do_not_refuse(parts, key):
    answers = [r["response"] for r in parts["demonstrations"] if r["kind"] != HARMFUL and r["id"] not in key]
    assert [text for text in answers if text.startswith(("I ", "I'", "Sorry", "No, I"))] == []


def test_comparisons_are_of_training_prompts_and_a_tenth_is_flipped(parts):
    known = {row["prompt"]: row["kind"] for part in ("demonstrations", "prompts") for row in parts[part]}
    rows = parts["comparisons"]
    assert [row["id"] for row in rows if known.get(row["prompt"]) != row["kind"]] == []
    assert [row["id"] for row in rows if row["chosen"] == row["rejected"]] == []
    assert sum(row["flipped"] for row in rows) == round(len(rows) / 10)
    assert min(Counter(row["kind"] for row in rows).values()) >= 240


def test_comparisons_prefer_refusals_of_harmful_prompts_alone(parts):
    opens = ("I can't", "I cannot", "I won't", "Sorry", "I'm sorry")
    agree = []
    for row in parts["comparisons"]:
        chosen, rejected = (row[name].startswith(opens) for name in ("chosen", "rejected"))
        if chosen != rejected:
            agree.append((chosen == (row["kind"] == HARMFUL)) != row["flipped"])
    assert len(agree) >= 800
    assert sum(agree) >= 0.95 * len(agree)


def test_every_line_is_one_object_written_plainly(parts):
    for part in parts:
        for line in (DATA / f"{part}.jsonl").read_text(encoding="utf-8").split("\n")[:-1]:
            assert json.dumps(json.loads(line), ensure_ascii=False) == line


def test_the_files_are_those_of_the_list_of_hashes():
    listed = dict(reversed(line.split()) for line in (DATA / "SHA256SUMS").read_text().splitlines())
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in DATA.glob("*.jsonl")}
    assert found == listed
