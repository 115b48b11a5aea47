"""The page of types: the nouns that flow through a run, the tensors of an optimizer, and the errors."""

from __future__ import annotations

from generator.hooks import fields
from generator.markdown import one_line, page, prose, table
from generator.source import Class, classes
from generator.texts import text


def render() -> str:
    """The page."""
    errors = classes("dressage.spec.errors")
    return page(
        "Types",
        "Everything here is frozen and stands in the module `dressage`.",
        "## What flows through a run",
        text("types"),
        *(_noun(noun) for noun in classes("dressage.spec.types").values()),
        "## Tensors of an optimizer",
        prose(_module_text("dressage.spec.policy")),
        *(_noun(noun) for noun in classes("dressage.spec.policy").values()),
        "## Errors",
        "Every error a user can meet is one of these. The command line prints it on one line and exits with its code.",
        table(
            ("error", "exit code", "when"),
            ((f"`{e.name}`", exit_code(e.name), one_line(e.text)) for e in errors.values() if _is_error(e)),
        ),
    )


def exit_code(name: str) -> str:
    """The exit code of an error class."""
    from dressage.spec import errors

    if name == "ConfigError":
        return "2, or 3 where only plugins are missing"
    return str(getattr(errors, name).exit_code)


def _is_error(found: Class) -> bool:
    return any(base.endswith(("Error", "Exception")) for base in found.bases)


def _noun(found: Class) -> str:
    parts = [f"### `{found.name}`", prose(found.text), fields(found)]
    rows = ((f"`{m.name if m.kind == 'property' else m.signature}`", one_line(m.text)) for m in found.methods)
    parts.append(table(("member", "what it gives"), rows))
    return "\n\n".join(part for part in parts if part)


def _module_text(module: str) -> str:
    from importlib import import_module

    return import_module(module).__doc__ or ""
