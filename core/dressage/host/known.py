"""The project's own components by kind and name, so that a missing one comes with its install line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from dressage.host.suggest import closest

KNOWN: Mapping[str, Mapping[str, str]] = {
    "model": {"smollm2-135m": "dressage-starter"},
    "data": {"starter": "dressage-starter"},
    "filter": {
        "exact-duplicates": "dressage-filters",
        "near-duplicates": "dressage-filters",
        "pii": "dressage-filters",
        "by-score": "dressage-filters",
        "mojibake": "dressage-filters",
        "length": "dressage-filters",
    },
    "reward": {
        "reward-model": "dressage-reward-model",
        "toxicity": "dressage-toxicity",
        "classifier": "dressage-toxicity",
        "profanity": "dressage-toxicity",
        "minilm": "dressage-toxicity",
        "bias": "dressage-bias",
        "bias-classifier": "dressage-bias",
        "length": "dressage-rules",
        "repetition": "dressage-rules",
        "pattern": "dressage-rules",
        "python": "dressage-rules",
    },
    "optimizer": {"sft": "dressage-sft", "ppo": "dressage-ppo"},
    "evaluator": {
        "toxicity": "dressage-evals",
        "profane-words": "dressage-evals",
        "bias": "dressage-evals",
        "refusal": "dressage-evals",
        "answered": "dressage-evals",
        "length": "dressage-evals",
        "perplexity": "dressage-evals",
        "distinct": "dressage-evals",
        "repetition": "dressage-evals",
    },
}

DISTRIBUTIONS = frozenset(distribution for names in KNOWN.values() for distribution in names.values())
"""The project's own distributions."""

PREFIX = "dressage-"
ALIKE = 0.9
"""Likeness of whole names; `dresage-dpo` and `dressage-ppo` (0.87) are two."""


def normal(distribution: str) -> str:
    """A distribution's name as package indexes compare it: lower case, one hyphen for each run of `-_.`."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def closest_distribution(name: str, known: Iterable[str]) -> str | None:
    """The known distribution that `name` most likely stands for.

    Names are told apart by what follows `dressage-`; where that word itself is misspelt, whole names are compared.
    """
    wholes = {normal(one): one for one in known}
    tails = {whole.removeprefix(PREFIX): one for whole, one in wholes.items()}
    if found := closest(normal(name).removeprefix(PREFIX), tails):
        return tails[found]
    alike = [] if normal(name).startswith(PREFIX) else get_close_matches(normal(name), wholes, n=1, cutoff=ALIKE)
    return wholes[alike[0]] if alike else None
