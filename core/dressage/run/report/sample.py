"""The replies to show: worst first, before beside after, a bounded number of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, TypeAlias

from dressage.run.report.figure import Figure
from dressage.run.report.numbers import as_float, number

LIMIT = 200
_LETTERS = 2000
_TAG = 24

Harms: TypeAlias = Mapping[tuple[str, str], bool]
"""By evaluation set and score: whether a higher score is worse (else a lower one)."""


@dataclass(frozen=True)
class Reply:
    """One reply and what each source scored it."""

    text: str
    scores: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Column:
    """The replies of one model to one prompt, the worst first."""

    title: str
    replies: tuple[Reply, ...]


@dataclass(frozen=True)
class Sample:
    """One prompt with the replies of each model."""

    set: str
    turns: tuple[tuple[str, str], ...]
    columns: tuple[Column, ...]
    tags: tuple[tuple[str, str], ...]
    trend: str
    """`better`, `worse`, `same`, or the empty string where no harm score was given twice."""
    harm: str
    """The name of the score that the order goes by."""
    rank: tuple[float, float]


def choose_samples(raw: Sequence[Mapping[str, Any]], figures: Sequence[Figure], limit: int = LIMIT) -> list[Sample]:
    """The `limit` worst samples, worst first: by the first harm score after training, then before.

    Scores of two sets may differ in scale, so the sets take turns until the limit is reached.
    """
    harms = harm_scores(figures)
    by_set: dict[str, list[Sample]] = {}
    for row in raw:
        sample = _sample(row, harms)
        by_set.setdefault(sample.set, []).append(sample)
    ranked = [sorted(samples, key=lambda s: s.rank, reverse=True) for samples in by_set.values()]
    turns = [sample for turn in zip_longest(*ranked) for sample in turn if sample is not None]
    return sorted(turns[:limit], key=lambda s: s.rank, reverse=True)


def harm_scores(figures: Sequence[Figure]) -> Harms:
    """The scores that say what is worse, independent judges first; harm (lower is better) before the rest."""
    ordered = [f for f in figures if f.better == "lower"] + [f for f in figures if f.better == "higher"]
    return {(f.set, f"{f.measure}.{f.metric}"): f.better == "lower" for f in ordered}


def _sample(row: Mapping[str, Any], harms: Harms) -> Sample:
    set_name, scores = str(row.get("set") or ""), row.get("scores") or {}
    harm = next((name for place, name in harms if place == set_name and name in scores), "")
    sign = 1.0 if harms.get((set_name, harm), True) else -1.0
    offset = 0.0 if sign > 0 else 1.0  # of a share of good replies, the rest is the harm
    worst: dict[str, list[float | None]] = {}
    for when in ("before", "after"):
        values = [as_float(v) for v in ((scores.get(harm) or {}).get(when) or ())]
        worst[when] = [None if v is None else offset + sign * v for v in values]
    before, after = _highest(worst["before"]), _highest(worst["after"])
    return Sample(
        set=set_name,
        turns=tuple(_turns(row.get("prompt") or {})),
        columns=tuple(_columns(row, worst, scores)),
        tags=tuple(_tags(row.get("columns") or {}, set_name)),
        trend=_trend(worst["before"], worst["after"]),
        harm=harm,
        rank=(after, before),
    )


def _tags(columns: Mapping[str, Any], set_name: str) -> Iterator[tuple[str, str]]:
    """The short columns; a long one may be a text, which must not stand beside the veil."""
    for key, value in columns.items():
        if isinstance(value, str | int | float) and len(text := str(value)) <= _TAG and text != set_name:
            yield str(key), text


def _highest(values: Sequence[float | None]) -> float:
    return max((v for v in values if v is not None), default=float("-inf"))


def _trend(before: Sequence[float | None], after: Sequence[float | None]) -> str:
    means = [[v for v in values if v is not None] for values in (before, after)]
    if not all(means):
        return ""
    first, second = (sum(values) / len(values) for values in means)
    return "same" if first == second else "worse" if second > first else "better"


def _turns(prompt: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for message in prompt.get("messages") or ():
        yield str(message.get("role", "")), _cut(str(message.get("content", "")))
    if prompt.get("text") is not None:
        yield "to continue", _cut(str(prompt["text"]))


def _columns(row: Mapping[str, Any], worst: Mapping[str, Sequence[float | None]], scores: Any) -> Iterator[Column]:
    after = row.get("after") or ()
    stages = [(name, replies or ()) for name, replies in (row.get("stages") or {}).items()]
    title = "After"
    if stages and after and list(stages[-1][1]) == list(after):  # the last stage is what "after" shows
        title = f"After {stages.pop()[0]}"
    yield Column("Before", _replies(row.get("before") or (), "before", worst["before"], scores))
    for name, replies in stages:
        yield Column(f"After {name}", _replies(replies, "", (), scores))
    if after:
        yield Column(title, _replies(after, "after", worst["after"], scores))


def _replies(texts: Sequence[Any], when: str, harm: Sequence[float | None], scores: Any) -> tuple[Reply, ...]:
    def badness(index: int) -> float:
        value = harm[index] if index < len(harm) else None
        return float("-inf") if value is None else value

    order = sorted(range(len(texts)), key=badness, reverse=True)
    return tuple(Reply(_cut(str(texts[i])), tuple(_scores(scores, when, i))) for i in order)


def _scores(scores: Any, when: str, index: int) -> Iterator[tuple[str, str]]:
    for name, values in scores.items():
        given = (values or {}).get(when) or ()
        if index < len(given) and as_float(given[index]) is not None:
            yield name, number(given[index])


def _cut(text: str) -> str:
    return text if len(text) <= _LETTERS else f"{text[:_LETTERS]}… ({len(text) - _LETTERS:,} more characters)"
