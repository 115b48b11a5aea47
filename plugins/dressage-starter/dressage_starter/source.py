"""The embedded data set, part by part."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dressage import Card, DataError, DataSource

from dressage_starter.options import StarterOptions

DATA = Path(__file__).parent / "data"
_FILES = {"planted-faults-key": "planted-faults.jsonl"}
_COUNTED = ("kind", "hazard", "strength", "axis", "fault")


class Starter(DataSource[StarterOptions]):
    """One part of the set: a JSONL file of this package."""

    def files(self) -> Sequence[Path]:
        """The part's file; raises `DataError` where it is not there."""
        path = DATA / _FILES.get(self.options.part, f"{self.options.part}.jsonl")
        if not path.is_file():
            raise DataError(f"starter: part {self.options.part!r} has no file {path}; install dressage-starter anew")
        return (path,)

    def card(self) -> Card:
        """Licence, counts and hash of the part."""
        (path,) = self.files()
        content = path.read_bytes()
        rows = [json.loads(line) for line in content.decode("utf-8").split("\n") if line]
        return Card(
            name=f"starter/{self.options.part}",
            licence="Apache-2.0",
            source="written for dressage-starter 0.1.0; contains no text of another data set",
            sha256=hashlib.sha256(content).hexdigest(),
            note="Contains offensive and harmful requests on purpose; the README of dressage-starter is the data card.",
            extra={"rows": len(rows), **_counts(rows)},
        )


def _counts(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """How many rows have each value of the columns that a reader asks about."""
    counted = {column: Counter(row[column] for row in rows if column in row) for column in _COUNTED}
    return {column: dict(sorted(values.items())) for column, values in counted.items() if values}
