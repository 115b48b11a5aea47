"""Puts `--set KEY=VALUE` and the `DRESSAGE_*` variables into a document, above what the YAML says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dressage.host.document import Document, Steps, parse
from dressage.host.findings import Findings, shown
from dressage.spec.errors import ConfigError, Where

VARIABLES = {"DRESSAGE_SEED": ("seed",), "DRESSAGE_DEVICE": ("model", "device")}
"""The variables that stand for a key."""


def apply_variables(findings: Findings, environ: Mapping[str, str]) -> None:
    """Sets the keys that variables stand for; an empty one counts as unset."""
    for variable, path in VARIABLES.items():
        text = environ.get(variable, "").strip()
        if text:
            _assign(findings, path, _integer(text) if path == ("seed",) else text, Where(variable))


def apply_overrides(findings: Findings, overrides: Sequence[str]) -> None:
    """Sets the keys that `KEY=VALUE` texts name, in their order; the values are YAML."""
    for text in overrides:
        where = Where(f"--set {text}")
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            findings.at(where, (), "must be KEY=VALUE, as seed=1")
            continue
        try:
            parsed = parse(value, file=where.file, folder=Path())
        except ConfigError as error:
            findings.at(where, (), error.problems[0].message)
            continue
        for problem in parsed.problems:
            findings.at(where, (), problem.message)
        _assign(findings, tuple(key.strip().split(".")), parsed.data, where)


def _integer(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text


def _assign(findings: Findings, keys: Sequence[str], value: object, where: Where) -> None:
    """Sets one key, making the mappings on the way to it that are not there."""
    document = findings.document
    if document.data is None:
        document.data = {}
    here: Any = document.data
    path: Steps = ()
    rest = list(keys)
    while True:
        step = _step(findings, here, rest, path, where)
        if step is None:
            return
        path = (*path, step)
        if not rest:
            break
        if (isinstance(here, list) and step == len(here)) or (isinstance(here, dict) and here.get(step) is None):
            _put(document, here, path, {}, where)
        elif isinstance(here[step], str) and _names_component(path):
            _put(document, here, path, {"use": here[step]}, document.where(path))
        here = here[step]
    _put(document, here, path, value, where)


def _step(findings: Findings, here: object, rest: list[str], path: Steps, where: Where) -> str | int | None:
    """Takes the next step off `rest`: an index of a list, or the longest key of a mapping that fits."""
    if isinstance(here, list):
        text = rest.pop(0)
        if not text.isdecimal() or int(text) > len(here):
            findings.at(where, path, f"has entries 0 to {len(here) - 1}, and no {text!r}")
            return None
        return int(text)
    if not isinstance(here, dict):
        findings.at(where, path, f"is {shown(here)}, so nothing can be set inside it")
        return None
    length = next((n for n in range(len(rest), 0, -1) if ".".join(rest[:n]) in here), 1)
    if path == ("gate",) and length == 1:
        # a metric has dots of its own, MEASURE.SET.METRIC at least, and max or min may follow it
        length = len(rest) - (len(rest) > 3 and rest[-1] in ("max", "min"))
    key = ".".join(rest[:length])
    del rest[:length]
    return key


def _put(document: Document, here: Any, path: Steps, value: object, where: Where) -> None:
    step = path[-1]
    if isinstance(here, list) and step == len(here):
        here.append(value)
    else:
        here[step] = value
    for places in (document.values, document.keys):
        for inner in [known for known in places if known[: len(path)] == path and len(known) > len(path)]:
            del places[inner]
    document.values[path] = where
    document.keys[path] = where


def _names_component(path: Steps) -> bool:
    """Whether a text at this path is short for `{use: text}`."""
    lists = ("filters", "stages", "rewards", "measures", "observers")
    return len(path) >= 2 and isinstance(path[-1], int) and path[-2] in lists
