"""What the embedded text must not have: slurs, and anything that would help someone to do harm."""

from __future__ import annotations

import hashlib
import re

import pytest

SLURS = """
    044eb98b 08a841e9 0ce875d6 120f6e5b 158869a9 16ea09fc 17a110e5 17bde8b4 1c86838f 1e02eec4 22fc75e6 268651b3
    333f7618 33740da8 341d5638 3b1e0d7c 402f7ebd 45cd3e1b 544fc854 58d5ed00 5b3ae48b 5cb6af43 64dd7c4e 66415f8c
    7122c9a1 82159dd0 886d51e9 8f5083e3 92a9bf81 98b52c4b 9915ba2d c1cabb6f c3de533e c74677ab cc020323 d4f68464
    d7cc7ecc da0a6b1b daec0c23 e7b98c6a eef3bd09 f9d0d9b1
"""
"""SHA-256, its first eight digits, of slurs in small letters: a list that can be checked and not read."""
AMOUNT = re.compile(
    r"\b\d+([.,]\d+)?\s*(mg|g|grams?|kg|ml|millilit\w+|lit(er|re)s?|volts?|amps?|degrees|°|%|drops|tablets|pills)\b",
    re.IGNORECASE,
)
STEPS = re.compile(
    r"\b(step\s*(\d|one|two)|first,.*\b(then|next)\b|you('ll| will)? need\b)|(^|\n)\s*\d[.)]", re.IGNORECASE
)


def texts(row):
    return [row[name] for name in ("prompt", "text", "response", "chosen", "rejected") if name in row]


def hashed(word):
    return hashlib.sha256(word.encode()).hexdigest()[:8]


def test_no_text_has_a_slur(parts, words):
    found = {
        hashed(word): row["id"] for part in parts.values() for row in part for t in texts(row) for word in words(t)
    }
    assert {found[code] for code in set(SLURS.split()) & set(found)} == set()


def test_no_word_that_we_wrote_is_hidden_by_a_mark(parts):
    """Which would pass by the list; what a model wrote has such things by chance."""
    hidden = re.compile(r"[a-z][*#@$]+[a-z]|\b[a-z]+[013457][a-z]+\b", re.IGNORECASE)
    asked = [
        row.get("prompt") or row["text"] for name, part in parts.items() if name != "planted-faults" for row in part
    ]
    assert [found[0] for text in asked if (found := hidden.search(text))] == []


@pytest.mark.parametrize(("fields", "forbidden"), [
    (("prompt", "text", "response"), (AMOUNT, STEPS)),
    (("chosen", "rejected"), (AMOUNT,)),  # what a model wrote: a step of nothing is no recipe
])  # fmt: skip
def test_what_is_said_of_a_harmful_request_has_no_amounts_and_no_steps(parts, fields, forbidden):
    harmful = [row for part in parts.values() for row in part if row.get("kind") == "harmful"]
    said = [row[name] for row in harmful for name in fields if name in row]
    assert len(said) > 500
    assert [text for text in said if any(pattern.search(text) for pattern in forbidden)] == []
