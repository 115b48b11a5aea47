"""Reads `data:` and every other place of the YAML that names rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

from dressage.host.component import Checker
from dressage.host.document import Steps
from dressage.host.findings import shown
from dressage.host.keys import NAME, DataKeys
from dressage.host.suggest import closest, hint
from dressage.spec.plan import DataPlan, Planned

Rows: TypeAlias = tuple[DataPlan, ...]
_KEYS = ("path", "use", "with", "where", "sample")


def read_data(checker: Checker, raw: object) -> tuple[dict[str, Rows], Literal["fail", "skip"]]:
    """The data sets by key, and what to do with a row that cannot be used."""
    findings = checker.findings
    values = findings.mapping(("data",), raw)
    data = read_sets(checker, ("data",), {key: one for key, one in values.items() if key != "bad_rows"})
    bad_rows = values.get("bad_rows", "fail")
    if bad_rows not in ("fail", "skip"):
        findings.add(("data", "bad_rows"), f"must be 'fail' or 'skip', not {shown(bad_rows)}")
    return data, "skip" if bad_rows == "skip" else "fail"


def read_sets(checker: Checker, path: Steps, raw: Mapping[str, object]) -> dict[str, Rows]:
    """Named data sets: of `data:` or of `evaluate.sets:`."""
    sets = {}
    for key, one in raw.items():
        if not NAME.fullmatch(str(key)):
            checker.findings.add((*path, key), "a set's name has letters, digits, - and _ only", key=True)
        sets[str(key)] = read_rows(checker, (*path, key), one, name=str(key))
    return sets


def read_rows(checker: Checker, path: Steps, raw: object, *, name: str, data: Mapping[str, Rows] | None = None) -> Rows:
    """One data spec or a list of them; a text may also name a key of `data`."""
    if isinstance(raw, str) and data is not None and raw in data:
        return data[raw]
    if isinstance(raw, list):
        if not raw:
            checker.findings.add(path, "must name at least one file")
        listed = [read_rows(checker, (*path, i), one, name=name, data=data) for i, one in enumerate(raw)]
        return tuple(row for rows in listed for row in rows)
    spec = _read_spec(checker, path, raw, name=name, data=data or {})
    return (spec,) if spec else ()


def _read_spec(checker: Checker, path: Steps, raw: object, *, name: str, data: Mapping[str, Rows]) -> DataPlan | None:
    findings = checker.findings
    if isinstance(raw, str):
        raw = {"path": raw}
    if not isinstance(raw, dict):
        findings.add(path, f"must be a path or a mapping with path or use, not {shown(raw)}")
        return None
    for key in raw:
        if key not in _KEYS:
            findings.unknown((*path, key), _KEYS)
    keys = checker.section(DataKeys, path, {key: raw[key] for key in ("where", "sample") if key in raw})
    file: Path | None = None
    source: Planned | None = None
    if "use" in raw and "path" in raw:
        findings.add(path, "has path and use; give one of them")
    elif "use" in raw:
        source = checker.planned("data", path, {key: raw[key] for key in ("use", "with") if key in raw}, name=name)
    elif "path" in raw:
        file = _read_path(checker, findings.step(path, "path"), raw["path"], data)
        if "with" in raw:
            findings.add((*path, "with"), "belongs to use; a path takes where and sample", key=True)
    else:
        findings.add(path, "needs a path, or use with the name of a data set")
    if keys is None or (file is None and source is None):
        return None
    return DataPlan(name, file, source, findings.where(path), keys.where, keys.sample)


def _read_path(checker: Checker, path: Steps, raw: object, data: Mapping[str, Rows]) -> Path | None:
    """A file that is there; relative paths start at the YAML's folder."""
    findings = checker.findings
    if not isinstance(raw, str) or not raw:
        findings.add(path, f"must be a path, not {shown(raw)}")
        return None
    file = findings.document.folder / Path(raw).expanduser()
    if file.is_file():
        return file
    if file.is_dir():
        findings.add(path, f"{raw!r} is a folder; name a .jsonl file in it")
    elif "/" not in raw and raw in checker.catalog.names("data"):
        findings.add(path, f"no such file: {raw!r}; to use the data set of that name, write {{use: {raw}}}")
    elif "/" not in raw and "." not in raw and (guess := closest(raw, data)):
        findings.add(path, f"no such file or data key: {raw!r}; did you mean {guess!r}?")
    else:
        beside = [one.name for one in file.parent.iterdir()] if file.parent.is_dir() else []
        guess = closest(file.name, beside)
        tail = f"; did you mean {str(Path(raw).parent / guess)!r}?" if guess else hint(raw, data)
        findings.add(path, f"no such file: {raw!r} (in {findings.document.folder.resolve()}){tail}")
    return None
