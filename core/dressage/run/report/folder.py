"""What a run folder holds, read with patience: any file may be absent, and a killed run leaves half a last line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dressage.spec.errors import DataError


@dataclass(frozen=True)
class RunRecord:
    """The files of a run folder as plain values; an absent file is empty."""

    name: str
    report: Mapping[str, Any] = field(default_factory=dict)
    metrics: tuple[Mapping[str, Any], ...] = ()
    samples: tuple[Mapping[str, Any], ...] = ()
    environment: Mapping[str, Any] = field(default_factory=dict)
    config: str = ""


def read_run(folder: Path) -> RunRecord:
    """The record of `folder`.

    Raises:
        DataError: `folder` is not one, or a file in it is not JSON (an unfinished last line is left out instead).
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such run folder")
    config = folder / "config.yaml"
    report = _read_json(folder / "report.json")
    return RunRecord(
        name=str(report.get("name") or folder.resolve().name),
        report=report,
        metrics=_read_lines(folder / "metrics.jsonl"),
        samples=_read_lines(folder / "samples.jsonl"),
        environment=_read_json(folder / "environment.json"),
        config=config.read_text("utf-8", "replace") if config.is_file() else "",
    )


def _read_json(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: not JSON ({error}); write the run's report again") from error
    if not isinstance(value, dict):
        raise DataError(f"{path}: must hold one JSON object, not {type(value).__name__}")
    return value


def _read_lines(path: Path) -> tuple[Mapping[str, Any], ...]:
    if not path.is_file():
        return ()
    # not str.splitlines, which also breaks at the line separators that JSON strings may hold as they are
    lines = [line for line in path.read_text("utf-8", "replace").split("\n") if line.strip()]
    rows: list[Mapping[str, Any]] = []
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except ValueError as error:
            if number == len(lines):  # the process was killed while it wrote
                break
            raise DataError(f"{path}:{number}: not JSON ({error})") from error
        if not isinstance(row, dict):
            raise DataError(f"{path}:{number}: must hold one JSON object, not {type(row).__name__}")
        rows.append(row)
    return tuple(rows)
