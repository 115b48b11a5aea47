"""The page of metrics: every number that a run logs or reports, with its formula and range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from generator.markdown import page, table
from generator.texts import tables, text


class Metric(NamedTuple):
    """One number."""

    name: str
    formula: str
    range: str
    text: str = ""


def group(name: str) -> Sequence[Metric]:
    """The numbers of every stage (`learner`), of one kind (`online`, `offline`), of a limit (`limits`) or of a fitted
    reward (`fit`)."""
    return [Metric(*row) for row in tables("metrics")[name]]


def groups(name: str) -> Mapping[str, Sequence[Metric]]:
    """The numbers of each optimizer (`optimizers`) or measure (`measures`), by its name."""
    return {key: [Metric(*row) for row in rows] for key, rows in tables("metrics")[name].items()}


def render() -> str:
    """The page."""
    return page(
        "Metrics",
        text("metrics"),
        "## While training: metrics.jsonl",
        text("metrics-lines"),
        *("### Of every stage", _table(group("learner"))),
        *("### Of an online stage", _table(group("online"))),
        *("### Of a reward with a limit", _table(group("limits"))),
        *("### Of an offline stage", _table(group("offline"))),
        *_each("optimizers"),
        "## Of a fitted reward: report.json",
        "Under `stages[].rewards[].fit`.",
        _table(group("fit")),
        "## Of replies: report.json, select and gate",
        "Under `evaluators`, by the dotted path `MEASURE.SET.METRIC`.",
        *_each("measures"),
        "## How intervals are made",
        text("intervals"),
    )


def _each(name: str) -> list[str]:
    return [part for key, rows in groups(name).items() for part in (f"### Of `{key}`", _table(rows))]


def _table(rows: Sequence[Metric]) -> str:
    cells = ((f"`{row.name}`", f"`{row.formula}`", row.range, row.text) for row in rows)
    return table(("metric", "formula", "range", ""), cells)
