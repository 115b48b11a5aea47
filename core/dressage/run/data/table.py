"""A data set of a run: its rows, and the record of the files they came from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dressage.run.data.dialogue import BadRow
from dressage.run.data.lines import digest, lines
from dressage.run.data.shapes import parse
from dressage.spec.errors import DataError
from dressage.spec.plan import DataPlan
from dressage.spec.types import Example, Origin

_BETWEEN_SHAPES = "; "
_NAMED_ROWS = 3
"""Bad rows that an error names; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of one data set, in file order, with what became of the others."""

    name: str
    examples: tuple[Example, ...]
    """The usable rows that `where` and `sample` left."""
    shape: str
    """What the rows are, for the log: `demonstration (prompt, response)`; several are parted by `; `."""
    files: tuple[tuple[Path, str], ...]
    """Each file with the SHA-256 of its bytes on disk."""
    rows: int
    """All rows of the files, bad ones and those left out included; blank lines are none."""
    bad: tuple[tuple[str, str], ...] = ()
    """`FILE:LINE` and reason of each row that cannot be used."""


def read(plan: DataPlan, files: Sequence[Path], *, bad_rows: Literal["fail", "skip"], seed: int) -> Table:
    """The rows of `files` that `plan` asks for; raises `DataError` where a file or, under `fail`, a row is bad."""
    if not files:
        raise DataError(f"{plan.where}: {plan.name}: has no files to read")
    kept: list[tuple[Example, str]] = []
    bad: list[tuple[str, str]] = []
    digests, rows = [], 0
    for path in files:
        digests.append((path, digest(path)))
        found = _read_file(path, kept, bad)
        if not found:
            raise DataError(f"{path}: is empty; {plan.name} needs one JSON object a line")
        rows += found
    if bad and (bad_rows == "fail" or not kept):
        raise DataError(_complaint(bad, rows, skippable=bool(kept)))
    kept = _matching(kept, plan)
    kept = _sampled(kept, plan, seed)
    shape = _BETWEEN_SHAPES.join(dict.fromkeys(label for _, label in kept))
    return Table(plan.name, tuple(example for example, _ in kept), shape, tuple(digests), rows, tuple(bad))


def join(tables: Iterable[Table]) -> Table:
    """One table of several, in order, under the first one's name; a file that several read is listed once."""
    tables = tuple(tables)
    if not tables:
        raise ValueError("no tables to join")
    shapes = (shape for table in tables for shape in table.shape.split(_BETWEEN_SHAPES))
    return Table(
        tables[0].name,
        tuple(example for table in tables for example in table.examples),
        _BETWEEN_SHAPES.join(dict.fromkeys(shapes)),
        tuple(dict.fromkeys(file for table in tables for file in table.files)),
        sum(table.rows for table in tables),
        tuple(row for table in tables for row in table.bad),
    )


def _read_file(path: Path, kept: list[tuple[Example, str]], bad: list[tuple[str, str]]) -> int:
    name, rows = str(path), 0
    for number, line in lines(path):
        rows += 1
        origin = Origin(name, number)
        try:
            kept.append(parse(line, origin))
        except BadRow as error:
            bad.append((str(origin), str(error)))
    return rows


def _complaint(bad: Sequence[tuple[str, str]], rows: int, *, skippable: bool) -> str:
    named = "; ".join(f"{where}: {reason}" for where, reason in bad[:_NAMED_ROWS])
    more = f"; and {len(bad) - _NAMED_ROWS} more" if len(bad) > _NAMED_ROWS else ""
    advice = " (mend them, or set `data.bad_rows: skip` to leave them out)" if skippable else ""
    count = f"{len(bad)} of {rows} rows" if rows > 1 else "the only row"
    return f"{count} cannot be used: {named}{more}{advice}"


def _matching(rows: list[tuple[Example, str]], plan: DataPlan) -> list[tuple[Example, str]]:
    for column in plan.match:
        if not any(column in example.columns for example, _ in rows):
            known = ", ".join(sorted({name for example, _ in rows for name in example.columns})) or "none"
            raise DataError(f"{plan.where}: {plan.name}: no row has the column {column!r} (columns: {known})")
    matching = [row for row in rows if _matches(row[0].columns, plan.match)] if plan.match else rows
    if not matching:
        wanted = ", ".join(f"{c}: {' or '.join(map(str, values))}" for c, values in plan.match.items())
        raise DataError(f"{plan.where}: {plan.name}: none of {len(rows)} rows is {wanted}")
    return matching


def _matches(columns: Mapping[str, Any], match: Mapping[str, tuple[Any, ...]]) -> bool:
    return all(
        any(_equal(columns[column], value) for value in values) if column in columns else False
        for column, values in match.items()
    )


def _equal(found: Any, wanted: Any) -> bool:
    # In Python, True equals 1; in JSON and YAML it does not.
    return isinstance(found, bool) is isinstance(wanted, bool) and bool(found == wanted)


def _sampled(rows: list[tuple[Example, str]], plan: DataPlan, seed: int) -> list[tuple[Example, str]]:
    if plan.sample is None:
        return rows
    if plan.sample > len(rows):
        raise DataError(
            f"{plan.where}: {plan.name}: asks for a sample of {plan.sample}, but only {len(rows)} rows are there"
        )
    # A hash a row, not a generator: the same on every Python, and a larger sample contains a smaller one.
    order = sorted(range(len(rows)), key=lambda index: hashlib.sha256(f"{seed}:{index}".encode()).digest())
    return [rows[index] for index in sorted(order[: plan.sample])]
