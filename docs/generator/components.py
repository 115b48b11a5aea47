"""The page of components: everything that the project's own plugins register, with its options."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from generator.markdown import one_line, page, table
from generator.texts import text

ROOT = Path(__file__).parents[2]

TITLES = {
    "model": ("Models", "`model: {base: NAME}`"),
    "data": ("Data sets", "`{use: NAME, with: {...}}` wherever a data path may stand"),
    "filter": ("Filters", "entries of `filters:`"),
    "reward": ("Rewards", "entries of a stage's `rewards:`, and the `source` of components that ask a reward"),
    "optimizer": ("Optimizers", "`use` of an entry of `stages:`"),
    "evaluator": ("Measures", "entries of `evaluate: {measures: [...]}`"),
    "observer": ("Observers", "entries of `observers:`"),
}


def render() -> str:
    """The page."""
    parts = []
    for kind, (title, where) in TITLES.items():
        entries = catalog().entries(kind)
        if entries:
            parts += [f"## {title}", f"Used as {where}.", *(_entry(entry) for entry in entries)]
    return page("Components", text("components"), _overview(), *parts)


def own_distributions() -> list[str]:
    """The distributions of the project's plugins, by their folders."""
    found = sorted((ROOT / "plugins").glob("*/pyproject.toml"))
    return [tomllib.loads(path.read_text(encoding="utf-8"))["project"]["name"] for path in found]


def catalog() -> Any:
    """What the project's own plugins register; raises `LookupError` where one of them is not installed."""
    from dressage.host import discover

    own = own_distributions()
    found = discover({"DRESSAGE_PLUGINS": ",".join(own)})
    loaded = {record.distribution for record in found.plugins if record.state == "loaded"}
    if absent := sorted(set(own) - loaded):
        raise LookupError(f"not installed, or broken: {', '.join(absent)}; pip install -r requirements-dev.txt")
    return found.catalog


def option_rows(options: Any) -> Iterator[tuple[str, str, str, str]]:
    """Name, type, default and meaning of each option of a model."""
    from dressage.cli.component import meanings, type_of
    from dressage.host.annotations import fields_by_key

    schema = options.model_json_schema(by_alias=True)
    texts, fields = meanings(options), fields_by_key(options)
    for name, option in schema.get("properties", {}).items():
        default = "required" if name in schema.get("required", ()) else f"`{value(option.get('default'))}`"
        kind = _component_of(fields[name].annotation) or type_of(option)
        yield name, kind, default, one_line(option.get("description") or texts.get(name))


def value(default: object) -> str:
    """A default as the YAML has it."""
    return json.dumps(default, ensure_ascii=False).replace('"', "") if default != "" else '""'


def _component_of(annotation: object) -> str:
    from dressage.host.annotations import uses_in
    from dressage.spec.components import KINDS

    for base in uses_in(annotation):
        for kind, classes in KINDS.items():
            if issubclass(base, classes):
                return f"a {kind}: NAME, or {{use: NAME, with: ...}}"
    return ""


def _overview() -> str:
    rows = (
        (kind, f"[`{e.name}`](#{anchor(kind, e.name)})", e.distribution, one_line(e.doc))
        for kind in TITLES
        for e in catalog().entries(kind)
    )
    return table(("kind", "name", "plugin", "what it does"), rows)


def anchor(kind: str, name: str) -> str:
    """Where a component's section is found."""
    return f"{kind}-{name}"


def _entry(entry: Any) -> str:
    loop = "" if entry.online is None else "Online: it learns from its own samples. " if entry.online else "Offline: "
    needs = f"it learns from `data: {{{entry.needs}: ...}}`. " if entry.needs else ""
    needs = needs if loop.endswith(": ") or not needs else needs.capitalize()
    parts = [
        f'<a id="{anchor(entry.kind, entry.name)}"></a>',
        f"### `{entry.name}`",
        _full_stop(entry.doc),
        f"{loop}{needs}From `{entry.distribution}`.",
        table(("option", "type", "default", "meaning"), (_cells(row) for row in option_rows(entry.options)))
        or "No options.",
    ]
    return "\n\n".join(part for part in parts if part)


def _cells(row: tuple[str, str, str, str]) -> tuple[str, str, str, str]:
    name, kind, default, about = row
    return f"`{name}`", kind, default, about


def _full_stop(sentence: str) -> str:
    return sentence if not sentence or sentence.endswith(".") else f"{sentence}."
