"""Pydantic's errors as sentences of our own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from dressage.host.annotations import fields_by_key, types_in, uses_in
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


def report(
    findings: Findings,
    path: Steps,
    error: ValidationError,
    *,
    model: type[BaseModel],
    raw: object,
    beside: Sequence[str] = (),
) -> None:
    """Notes each error of a model that was validated from `raw`, which stands at `path`."""
    at: dict[Steps, list[ErrorDetails]] = {}
    found = error.errors(include_url=False)
    for detail in found:
        if detail["type"] == "too_short" and any(_is_inside(one, detail) for one in found):
            continue  # short for want of its wrong entries, which are noted one by one
        at.setdefault(_steps(detail, raw), []).append(detail)
    for steps, details in at.items():
        if details[0]["type"] == "extra_forbidden":
            also = "; it belongs beside with, not inside it" if len(steps) == 1 and steps[0] in beside else ""
            findings.unknown((*path, *steps), _siblings(model, steps), also=also)
        else:
            findings.add((*path, *steps), _sentence(details))


def _is_inside(one: ErrorDetails, other: ErrorDetails) -> bool:
    place = other["loc"]
    return len(one["loc"]) > len(place) and one["loc"][: len(place)] == place


def _steps(detail: ErrorDetails, raw: object) -> Steps:
    """The error's place as a path in `raw`: pydantic also names members of unions, which a YAML does not have."""
    steps: list[str | int] = []
    here = raw
    last = len(detail["loc"]) - 1
    for i, step in enumerate(detail["loc"]):
        inside = step in here if isinstance(here, dict) else isinstance(step, int) and isinstance(here, list)
        if inside:
            here = here[step]  # type: ignore[index]
        elif not (i == last and detail["type"] == "missing"):
            continue
        steps.append(step)
    return tuple(steps)


def _sentence(details: Sequence[ErrorDetails]) -> str:
    """What is wrong with one value; members of a union are joined by `or`."""
    wanted: dict[str, None] = {}
    for detail in details:
        context = detail.get("ctx", {})
        if detail["type"] == "dict_type" and detail["loc"][-1] == "mapping":  # the second form of a `Use`
            wanted["the name of a component or a mapping with use"] = None
        elif detail["type"] in _WANTED:
            wanted[_WANTED[detail["type"]](context)] = None
        else:
            return _other(detail, context)
    value = details[0]["input"]
    guess = ""
    if details[0]["type"] in ("literal_error", "enum") and isinstance(value, str):
        guess = hint(value, re.findall("'([^']*)'", str(details[0].get("ctx", {}).get("expected", ""))))
    return f"must be {' or '.join(wanted)}, not {shown(value)}{guess}"


def _other(detail: ErrorDetails, context: Mapping[str, Any]) -> str:
    """The errors whose sentence is not `must be ..., not VALUE`."""
    kind = detail["type"]
    if kind == "missing":
        return "is required"
    if kind in ("value_error", "assertion_error"):
        return _lower(str(context.get("error", detail["msg"])).partition("\n")[0])
    if kind == "string_too_short" and context["min_length"] == 1:
        return "must not be empty"
    if kind in ("string_too_short", "too_short"):
        unit = "characters" if kind.startswith("string") else "entries"
        return f"must have at least {context['min_length']} {unit}"
    if kind in ("string_too_long", "too_long"):
        unit = "characters" if kind.startswith("string") else "entries"
        return f"must have at most {context['max_length']} {unit}"
    return _lower(detail["msg"].replace("Input should be", "must be"))


def _siblings(model: type[BaseModel], steps: Steps) -> list[str]:
    """The keys that the model has where an unknown one was found."""
    for step in steps[:-1]:
        field = fields_by_key(model).get(str(step))
        if field and any(uses_in(field.annotation)):
            return ["use", "with"]
        nested = [one for one in types_in(field.annotation) if issubclass(one, BaseModel)] if field else []
        if nested:
            model = nested[0]
    return list(fields_by_key(model))


def _plain(number: object) -> object:
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _lower(text: str) -> str:
    """The text without a capital at its start, unless that is an acronym."""
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text
