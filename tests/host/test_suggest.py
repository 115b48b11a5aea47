"""Which misspellings are recognised, and which other names are left alone."""

from __future__ import annotations

import pytest
from dressage.host.known import closest_distribution, normal
from dressage.host.suggest import closest, hint


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("toxicty", "toxicity"),
        ("Toxicity", "toxicity"),
        ("pop", "ppo"),
        ("pppo", "ppo"),
        ("near_duplicates", "near-duplicates"),
        ("max_newtokens", "max_new_tokens"),
        ("demonstration", "demonstrations"),
    ],
)
def test_a_misspelling_is_recognised(name, known):
    assert closest(name, [known, "something-else"]) == known


@pytest.mark.parametrize(("name", "known"), [("dpo", "ppo"), ("grpo", "ppo"), ("bias", "abs"), ("", "ppo"), (3, "ppo")])
def test_another_name_is_left_alone(name, known):
    assert closest(name, [known]) is None


def test_a_hint_is_a_sentence_or_nothing():
    assert hint("sede", ["seed"]) == "; did you mean 'seed'?"
    assert hint("zzz", ["seed"]) == ""


def test_distributions_are_told_apart_by_what_is_their_own():
    assert closest_distribution("dressage-dpo", ["dressage-ppo"]) is None
    assert closest_distribution("dressage_toxicty", ["dressage-toxicity"]) == "dressage-toxicity"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("dresage-ppo", "dressage-ppo"),
        ("dressageppo", "dressage-ppo"),
        ("dresage-dpo", None),
        ("acme-ppo-rewards", None),
    ],
)
def test_whole_names_are_compared_where_the_common_word_is_misspelt(name, meant):
    assert closest_distribution(name, ["dressage-ppo", "dressage-sft"]) == meant


def test_a_normal_name():
    assert normal("Dressage_._PPO") == "dressage-ppo"
