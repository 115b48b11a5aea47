"""The page of the command line: every built-in command with its arguments and options."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from generator.markdown import code, one_line, page, table
from generator.texts import tables, text
from generator.types_page import exit_code

CODES = (
    ("0", "done"),
    (exit_code("ComponentError"), "a component failed in the run, training cannot go on, or a checkpoint is damaged"),
    (exit_code("UsageError"), "the YAML, the data, the model or a flag is wrong"),
    (exit_code("PluginError"), "the only thing wrong is a plugin that is missing, blocked or broken"),
    (exit_code("MachineError"), "the machine refuses: memory, disk, permissions, or a device that is not there"),
    (exit_code("GateError"), "the gate is not met, or inconclusive; the report is written all the same"),
    (exit_code("Interrupted"), "interrupted by Ctrl-C"),
)


def render() -> str:
    """The page."""
    return page(
        "Command line",
        text("cli"),
        table(("command", "what it does"), ((f"[`{n}`](#{_anchor(n)})", _summary(c)) for n, c in commands())),
        *(_command(name, command) for name, command in commands()),
        "## Exit codes",
        table(("code", "meaning"), CODES),
        "Several problems of one YAML are printed together, a line each, as `file:line:column: path: message`.",
        "## Environment variables",
        table(("variable", "meaning"), ((f"`{name}`", about) for name, about in variables().items())),
    )


def variables() -> Mapping[str, str]:
    """The environment variables that have an effect, and what it is."""
    found: Mapping[str, str] = tables("keys")["variable"]
    return found


def commands() -> Iterator[tuple[str, Any]]:
    """Every built-in command, those inside a group with their group's name in front."""
    from dressage.cli.app import app
    from typer.main import get_command

    yield from _walk("dressage", get_command(app))


def _walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    for inner, found in getattr(command, "commands", {}).items():  # built-in ones; plugins' are looked up elsewhere
        yield f"{name} {inner}", found
        yield from _walk(f"{name} {inner}", found)


def parameters(command: Any) -> Iterator[tuple[str, str, str]]:
    """Name as typed, default, and meaning of each argument and option."""
    for one in command.params:
        if one.param_type_name == "argument":
            name = str(one.metavar or one.name.upper()).strip("[]")
            yield name, "required" if one.required else _default(one), one_line(one.help)
            continue
        if "--help" in one.opts:
            continue
        value = "" if one.is_flag else f" {one.metavar or one.name.upper()}"
        # click keeps what a value may be in `type`, newer versions of typer in `type_descriptor`
        choices = getattr(getattr(one, "type", None) or getattr(one, "type_descriptor", None), "choices", None)
        if choices:
            value = " " + "|".join(str(getattr(choice, "value", choice)) for choice in choices)
        yield f"{one.opts[0]}{value}", "required" if one.required else _default(one), one_line(one.help)


def _default(one: Any) -> str:
    value = one.default
    return "" if value in (None, False, ()) or callable(value) or "UNSET" in str(value).upper() else f"`{value}`"


def _command(name: str, command: Any) -> str:
    about, _, example = (command.help or "").partition("Example:")
    about = one_line(about.replace("\b", ""))
    rows = ((f"`{n}`", default, about) for n, default, about in parameters(command))
    parts = [f"## `{name}`", about, table(("argument or option", "default", "meaning"), rows)]
    lines = [line.strip() for line in example.strip().splitlines() if line.strip()]
    if lines:
        parts.append(code("\n".join(lines)))
    return "\n\n".join(part for part in parts if part)


def _summary(command: Any) -> str:
    return one_line((command.help or "").replace("\b", "").partition("\n\n")[0])


def _anchor(name: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", name.lower()).replace(" ", "-")
