"""Runs the filters over the data they name, and counts what each did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dressage.run.build import guard
from dressage.run.tables import short
from dressage.spec.components import Filter
from dressage.spec.console import Console
from dressage.spec.errors import ComponentError, DataError
from dressage.spec.plan import FilterPlan
from dressage.spec.types import Drop, Example, Origin

SHOWN = 8
"""Examples a filter keeps for the report, at most two a reason."""


@dataclass
class Outcome:
    """What one filter did to one data set."""

    rows: list[Example] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    changed: int = 0
    added: int = 0
    examples: list[dict[str, str]] = field(default_factory=list)

    def show(self, reason: str, before: Example | None, after: Example | None) -> None:
        """Keeps an example for the report."""
        alike = sum(e["reason"] == reason for e in self.examples)
        if alike < 2 and len(self.examples) < SHOWN:
            row = before or after
            assert row is not None
            shown = {"where": _where(row.origin), "reason": reason, "before": _text(before), "after": _text(after)}
            self.examples.append(shown)


def apply(plan: FilterPlan, component: Filter[Any], rows: Sequence[Example], console: Console) -> Outcome:
    """One filter over one data set.

    Raises `ComponentError` where it loses a row without saying so, `DataError` where it leaves none.
    """
    known = {id(row) for row in rows}
    alike: dict[Origin | None, list[Example]] = {}
    for row in rows:
        alike.setdefault(row.origin, []).append(row)
    seen: set[int] = set()

    def source(answer: Example) -> Example | None:
        """The row that an answer stands for: itself, or the first of its line that none stands for yet."""
        if id(answer) in known:
            return answer
        return next((row for row in alike.get(answer.origin, ()) if id(row) not in seen), None)

    outcome = Outcome()
    with guard(plan.component, "filter"):
        for answer in console.progress(component.apply(rows), plan.component.name, len(rows)):
            if isinstance(answer, Drop):
                outcome.dropped[answer.reason] += 1
                outcome.show(answer.reason, answer.example, None)
                seen.add(id(source(answer.example)))
                continue
            outcome.rows.append(answer)
            before = source(answer)
            if before is None:
                outcome.added += 1
                outcome.show("added", None, answer)
            else:
                seen.add(id(before))
                if before is not answer:
                    outcome.changed += 1
                    outcome.show("changed", before, answer)
    _refuse_losses(plan, rows, outcome, lost=sum(id(row) not in seen for row in rows))
    return outcome


def _refuse_losses(plan: FilterPlan, rows: Sequence[Example], outcome: Outcome, *, lost: int) -> None:
    if lost:
        raise ComponentError(
            f"{plan.component} lost {lost} rows without a reason; it must yield each row or a Drop for it"
        )
    if rows and not outcome.rows:
        reasons = ", ".join(f"{count} {reason}" for reason, count in outcome.dropped.most_common())
        raise DataError(f"{plan.component} left no rows of {len(rows)} ({reasons}); loosen it or look at the data")


def summary(plan: FilterPlan, on: str, rows_in: int, outcome: Outcome) -> Mapping[str, Any]:
    """A filter's line in the report."""
    return {
        "name": plan.component.name,
        "use": plan.component.entry.name,
        "on": on,
        "rows_in": rows_in,
        "rows_out": len(outcome.rows),
        "dropped": dict(outcome.dropped),
        "changed": outcome.changed,
        "added": outcome.added,
        "examples": outcome.examples,
    }


def _where(origin: Origin | None) -> str:
    """`FILE:LINE` with the last parts of the file's path."""
    return "" if origin is None else str(replace(origin, file=short(Path(origin.file))))


def _text(row: Example | None) -> str:
    if row is None:
        return ""
    turns = [*(m.content for m in row.prompt), *row.answers]
    return "\n".join(turns)[:600]
