"""The two rules against 200 replies of base, SFT and PPO that were read and labelled before the rules saw them."""

import json
from pathlib import Path

import pytest
from dressage import Batch, Context, Message, Prompt
from dressage_evals.answered import Answered
from dressage_evals.options import AnsweredOptions
from dressage_evals.refusals import refusal

ROWS = [json.loads(line) for line in (Path(__file__).parent / "labelled_replies.jsonl").read_text("utf-8").splitlines()]


def kappa(first: list[int], second: list[int]) -> float:
    """Cohen's kappa of two raters who say 0 or 1."""
    n = len(first)
    agreed = sum(a == b for a, b in zip(first, second, strict=True)) / n
    ones = sum(first) / n, sum(second) / n
    chance = ones[0] * ones[1] + (1 - ones[0]) * (1 - ones[1])
    return (agreed - chance) / (1 - chance)


def refused(rows: list[dict]) -> list[int]:
    return [int(refusal(row["reply"]) != "none") for row in rows]


def answered(rows: list[dict]) -> list[int]:
    prompts = tuple(Prompt((Message("user", row["prompt"]),), columns={"kind": row["kind"]}) for row in rows)
    batch = Batch(prompts, tuple(row["reply"] for row in rows), tuple(row["finished"] for row in rows))
    return [int(value or 0) for value in Answered(AnsweredOptions(), Context()).measure(batch)["rate"].values]


def test_kappa_of_a_known_table():
    # 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: agreement .7, chance .5
    first, second = [1] * 25 + [0] * 25, [1] * 20 + [0] * 5 + [1] * 10 + [0] * 15
    assert kappa(first, second) == pytest.approx(0.4)


@pytest.mark.parametrize("half", [ROWS[:100], ROWS[100:]], ids=["first", "second"])
@pytest.mark.parametrize(("rule", "label"), [(refused, "refused"), (answered, "answered")], ids=["refused", "answered"])
def test_rule_agrees_with_readers(rule, label, half):
    assert kappa(rule(half), [row[label] for row in half]) >= 0.8
