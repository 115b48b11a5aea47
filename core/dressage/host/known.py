"""The project's own components by kind and name, so that a missing one comes with its install line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

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
    "observer": {"tensorboard": "dressage-tensorboard"},
}

DISTRIBUTIONS = frozenset(
    {distribution for names in KNOWN.values() for distribution in names.values()} | {"dressage-labels"}
)
"""The project's own distributions."""


def normal(distribution: str) -> str:
    """A distribution's name as package indexes compare it: lower case, one hyphen for each run of `-_.`."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def closest_distribution(name: str, known: Iterable[str]) -> str | None:
    """The known distribution that `name` most likely stands for, told apart by what follows `dressage-`."""
    tails = {normal(one).removeprefix("dressage-"): one for one in known}
    found = closest(normal(name).removeprefix("dressage-"), tails)
    return tails[found] if found else None
