"""Pydantic's errors as sentences of our own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from dressage.host.document import Steps
from dressage.host.findings import Findings, shown
from dressage.host.suggest import hint

_WANTED: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "bool_parsing": lambda c: "true or false",
    "bool_type": lambda c: "true or false",
    "dict_type": lambda c: "a mapping (key: value)",
    "finite_number": lambda c: "a finite number",
    "float_parsing": lambda c: "a number",
    "float_type": lambda c: "a number",
    "frozen_set_type": lambda c: "a list",
    "greater_than": lambda c: f"greater than {_plain(c['gt'])}",
    "greater_than_equal": lambda c: f"at least {_plain(c['ge'])}",
    "int_from_float": lambda c: "a whole number",
    "int_parsing": lambda c: "a whole number",
    "int_type": lambda c: "a whole number",
    "less_than": lambda c: f"less than {_plain(c['lt'])}",
    "less_than_equal": lambda c: f"at most {_plain(c['le'])}",
    "list_type": lambda c: "a list",
    "literal_error": lambda c: str(c["expected"]),
    "enum": lambda c: str(c["expected"]),
    "mapping_type": lambda c: "a mapping (key: value)",
    "model_attributes_type": lambda c: "a mapping (key: value)",
    "model_type": lambda c: "a mapping (key: value)",
    "multiple_of": lambda c: f"a multiple of {_plain(c['multiple_of'])}",
    "none_required": lambda c: "null",
    "path_type": lambda c: "a path",
    "set_type": lambda c: "a list",
    "string_pattern_mismatch": lambda c: f"text of the pattern {c['pattern']}",
    "string_sub_type": lambda c: "text",
    "string_type": lambda c: "text",
    "tuple_type": lambda c: "a list",
}
"""Per type of error what the value must be; the sentence is `must be ..., not VALUE`."""


def report(findings: Findings, path: Steps, error: ValidationError, *, model: type[BaseModel], raw: object) -> None:
    """Notes each error of a model that was validated from `raw`, which stands at `path`."""
    at: dict[Steps, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        at.setdefault(_steps(detail, raw), []).append(detail)
    for steps, details in at.items():
        if details[0]["type"] == "extra_forbidden":
            findings.unknown((*path, *steps), _siblings(model, steps))
        else:
            findings.add((*path, *steps), _sentence(details))


def _steps(detail: ErrorDetails, raw: object) -> Steps:
    """The error's place as a path in `raw`: pydantic also names members of unions, which a YAML does not have."""
    steps: list[str | int] = []
    here = raw
    last = len(detail["loc"]) - 1
    for i, step in enumerate(detail["loc"]):
        if isinstance(here, Mapping) and step in here:
            here = here[step]
        elif isinstance(here, list | tuple) and isinstance(step, int) and step < len(here):
            here = here[step]
        elif not (isinstance(here, Mapping) and (i == last or step in _names_default(detail))):
            continue
        steps.append(step)
    return tuple(steps)
