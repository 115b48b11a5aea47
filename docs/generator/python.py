"""The page of the Python interface: the classes and functions that drive a run without the command line."""

from __future__ import annotations

from generator.hooks import fields
from generator.markdown import code, definition, page, prose, table
from generator.source import Class, Function, classes, functions
from generator.texts import text

API = "dressage.api"
EXPORTED = ("Run", "Report", "Metric", "Estimate")


def render() -> str:
    """The page."""
    found, sample = classes(API), functions(API)["sample"]
    return page(
        "From Python",
        text("python"),
        *(_class(found[name]) for name in EXPORTED),
        "## `sample`",
        definition(sample.signature),
        prose(sample.text),
    )


def _class(found: Class) -> str:
    parts = [f"## `{found.name}`", prose(found.text)]
    start = next((m for m in found.methods if m.name == "__init__"), None)
    if start is not None:
        parts += [code(start.signature.replace("__init__", found.name, 1).removesuffix(" -> None"))]
        parts += [prose(start.text)]
    rows = ((f"`{m.name if m.kind == 'property' else m.signature}`", " ".join(m.text.split())) for m in _members(found))
    parts += [fields(found), table(("member", "what it gives"), rows)]
    return "\n\n".join(part for part in parts if part)


def _members(found: Class) -> list[Function]:
    return [method for method in found.methods if method.name != "__init__"]
