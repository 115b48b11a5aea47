"""The page of hooks: what a plugin can implement, what it registers, and what it is told."""

from __future__ import annotations

from generator.markdown import definition, one_line, page, prose, table
from generator.source import Class, Function, classes, functions
from generator.texts import text

COMPONENTS = "dressage.spec.components"
SHOWN = (
    "Component", "Context", "ModelSource", "DataSource", "Filter", "Reward", "FittedReward", "OfflineOptimizer",
    "OnlineOptimizer", "Evaluator", "Observer", "Encoder",
)  # fmt: skip
"""The classes of the components module that a plugin's author meets, in reading order."""


def render() -> str:
    """The page."""
    specs = classes("dressage.spec.hookspecs")
    found = classes(COMPONENTS)
    return page(
        "Hooks and components",
        text("hooks"),
        "## The hooks",
        *(_hook(hook) for hook in functions("dressage.spec.hookspecs").values()),
        "## What `register` takes",
        text("register"),
        *(_register(specs[name]) for name in ("Register", "RegisterOptimizer", "RegisterCommand")),
        text("refused"),
        "## The components",
        *(_component(found[name]) for name in SHOWN),
        "## The events",
        "An observer's methods get one frozen event each and return nothing.",
        *(_event(event) for event in classes("dressage.spec.events").values()),
    )


def _hook(hook: Function) -> str:
    return f"### `{hook.name}`\n\n{definition(hook.signature)}\n\n{prose(hook.text)}"


def _register(protocol: Class) -> str:
    call = next(method for method in protocol.methods if method.name == "__call__")
    signature = call.signature.replace("__call__", "register", 1)
    parts = (f"### `{protocol.name}`", prose(protocol.text), definition(signature), prose(call.text))
    return "\n\n".join(part for part in parts if part)


def _component(found: Class) -> str:
    parts = [f"### `{found.name}`", prose(found.text)]
    parts.append(
        table(
            ("attribute", "type", "default", "meaning"),
            (
                (f"`{f.name}`", f"`{_plain(f.annotation)}`", f"`{f.default}`" if f.default else "", one_line(f.text))
                for f in found.fields
                if f.name not in ("kind", "options_model")
            ),
        )
    )
    parts.append(table(("method", "what it does"), (_method(m) for m in found.methods if m.name != "__init__")))
    return "\n\n".join(part for part in parts if part)


def _method(method: Function) -> tuple[str, str]:
    must = "**Must be written.** " if method.kind == "abstract" else ""
    return f"`{method.signature}`", must + one_line(method.text)


def _plain(annotation: str) -> str:
    return annotation.removeprefix("ClassVar[").removesuffix("]") if annotation.startswith("ClassVar[") else annotation


def _event(event: Class) -> str:
    return f"### `events.{event.name}`\n\n{prose(event.text)}\n\n{fields(event)}"


def fields(found: Class) -> str:
    """The fields of a frozen type as a table."""
    rows = ((f"`{f.name}`", f"`{f.annotation}`", one_line(f.text)) for f in found.fields)
    return table(("field", "type", "meaning"), rows)
