"""Reads the data a plan names: from files, or from a registered data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dressage.run.build import Workshop, guard
from dressage.run.data import Table, join, read
from dressage.spec.components import DataSource
from dressage.spec.errors import DataError
from dressage.spec.plan import DataPlan, Plan
from dressage.spec.types import Example, Prompt


class Library:
    """All data of a run, each read once."""

    def __init__(self, plan: Plan, workshop: Workshop) -> None:
        self.plan = plan
        self.workshop = workshop
        self.tables: dict[str, Table] = {}
        self.cards: dict[str, dict[str, Any]] = {}

    def table(self, name: str, plans: Sequence[DataPlan]) -> Table:
        """The rows of one named data set; raises `DataError` where none is left."""
        if name not in self.tables:
            table = join(self._read(plan) for plan in plans)
            if not table.examples:
                raise DataError(f"{plans[0].where}: {name}: no rows are left after `where`; check its values")
            self.tables[name] = table
        return self.tables[name]

    def _read(self, plan: DataPlan) -> Table:
        if plan.source is None:
            assert plan.path is not None
            return read(plan, [plan.path], bad_rows=self.plan.bad_rows, seed=self.plan.seed)
        with guard(plan.source, "open its data"):
            source: DataSource[Any] = self.workshop.make(plan.source)
            files = list(source.files())
            card = source.card()
            self.cards[plan.name] = {
                "name": card.name,
                "licence": card.licence,
                "source": card.source,
                "note": card.note,
            }
        return read(plan, files, bad_rows=self.plan.bad_rows, seed=self.plan.seed)

    def report(self, kept: Mapping[str, int]) -> dict[str, Any]:
        """The `data` part of the report; `kept` are the rows that filters left."""
        return {
            name: {
                "files": [{"path": short(path), "sha256": digest} for path, digest in table.files],
                "shape": table.shape,
                "rows": table.rows,
                "used": len(table.examples),
                "kept": kept.get(name, len(table.examples)),
                "bad_rows": [{"where": short(Path(where)), "reason": reason} for where, reason in table.bad],
                "card": self.cards.get(name),
            }
            for name, table in self.tables.items()
        }


def prompts_of(examples: Sequence[Example]) -> tuple[Prompt, ...]:
    """The rows as prompts, without their answers."""
    return tuple(example.as_prompt() for example in examples)


def refuse_overlap(sets: Mapping[str, Sequence[Prompt]], training: Mapping[str, Sequence[Example]]) -> None:
    """Raises `DataError` where a prompt to be evaluated is also trained on."""
    known = {_key(row.as_prompt().last): (name, row) for name, rows in training.items() for row in rows}
    found = [
        (name, prompt, known[_key(prompt.last)])
        for name, prompts in sets.items()
        for prompt in prompts
        if _key(prompt.last) in known
    ]
    if found:
        name, prompt, (other, row) = found[0]
        raise DataError(
            f"{prompt.origin}: a prompt of the evaluation set {name!r} also stands in {other!r} ({row.origin}), and"
            f" {len(found) - 1} more; take them out of one of the two"
        )


def _key(text: str) -> str:
    return " ".join(text.lower().split())


def short(path: Any) -> str:
    """The last parts of a path: reports are passed on, and a home folder's name is nobody's business."""
    return "/".join(path.parts[-3:])
