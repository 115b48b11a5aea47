"""Which of a classifier's labels mean harm, and how its logits become probabilities."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from dressage import ModelError

HARM = (
    "toxic", "hate", "offens", "abus", "insult", "obscen", "threat", "harass", "profan", "vulgar", "unsafe", "harmful",
)  # fmt: skip
"""Beginnings of words that name harm."""
COMPOUNDS = frozenset({"identityattack", "severetoxicity", "severetoxic", "identityhate"})
NEGATIONS = frozenset({"not", "non", "no", "none", "neither", "anti", "counter", "free", "without", "never", "nor"})


def harmful_labels(names: Mapping[int, str], chosen: Sequence[str] | None, *, where: str) -> tuple[int, ...]:
    """The indices of the labels that count: the `chosen` ones, else those whose names speak of harm.

    Of two labels called LABEL_0 and LABEL_1 the second counts, as is the custom. Raises `ModelError`, listing the
    labels, where a chosen name is not among them or where the names leave it open.
    """
    listing = ", ".join(names[index] for index in sorted(names))
    if chosen is not None:
        return _find(names, chosen, where=where, listing=listing)
    found = tuple(index for index in sorted(names) if speaks_of_harm(names[index]))
    if not found and [names[index].upper() for index in sorted(names)] == ["LABEL_0", "LABEL_1"]:
        return (sorted(names)[1],)
    if not found:
        raise ModelError(f"{where}: cannot tell which labels mean harm; set `labels` to some of: {listing}")
    return found


def speaks_of_harm(label: str) -> bool:
    """Whether a label's words name harm and none of them denies it ("non-toxic", "NotHate", "counter speech")."""
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", label)]
    if NEGATIONS & set(words):
        return False
    return any(word.startswith(HARM) or word in COMPOUNDS for word in words) or "identity attack" in " ".join(words)


def activation_of(config: Any, chosen: str | None, *, where: str) -> Literal["sigmoid", "softmax"]:
    """`sigmoid` for independent labels, `softmax` for labels that exclude one another.

    Without a `problem_type` one label alone takes a sigmoid and several a softmax. Raises `ModelError` for a
    regression, whose range is unknown.
    """
    kind = getattr(config, "problem_type", None)
    count = len(config.id2label)
    if chosen == "softmax" and count == 1:
        raise ModelError(f"{where}: a softmax over one label is always 1; set `activation: sigmoid`")
    if chosen is not None:
        return "softmax" if chosen == "softmax" else "sigmoid"
    if kind == "regression":
        raise ModelError(f"{where}: a regression's range is unknown; set `activation: sigmoid` if it fits")
    if kind == "multi_label_classification" or count == 1:
        return "sigmoid"
    return "softmax"


def _find(names: Mapping[int, str], chosen: Sequence[str], *, where: str, listing: str) -> tuple[int, ...]:
    index_of = {name.lower(): index for index, name in names.items()}
    unknown = [name for name in chosen if name.lower() not in index_of]
    if unknown:
        raise ModelError(f"{where}: no label {unknown[0]!r}; the model's labels are: {listing}")
    return tuple(dict.fromkeys(index_of[name.lower()] for name in chosen))
