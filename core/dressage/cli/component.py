"""A component in the catalog: found by name, shown with its options."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from dressage.host.catalog import state_of
from dressage.host.known import DISTRIBUTIONS, closest_distribution, normal
from dressage.spec.components import KINDS
from dressage.spec.errors import DressageError, PluginError, UsageError

if TYPE_CHECKING:
    from dressage.host import Discovery
    from dressage.spec.options import Options
    from dressage.spec.plan import Entry

_BOUNDS = (("minimum", ">="), ("exclusiveMinimum", ">"), ("maximum", "<="), ("exclusiveMaximum", "<"))


def find(found: Discovery, name: str) -> list[Entry]:
    """Every component called `NAME`, `DIST/NAME` or `KIND/...`; raises the most telling error where there is none."""
    head, _, tail = name.partition("/")
    kinds, wanted = ([head], tail) if head in KINDS and tail else (list(KINDS), name)
    errors: list[DressageError] = []
    entries: list[Entry] = []
    for kind in kinds:
        have = found.catalog.entries(kind)
        same = [entry for entry in have if wanted in (entry.name, f"{entry.distribution}/{entry.name}")]
        if same:
            entries += same
            continue
        try:
            entries.append(found.catalog.find(kind, wanted))
        except DressageError as error:
            errors.append(error)
    if not entries:
        raise _absent(found, name, wanted, errors)
    return entries


def _absent(found: Discovery, name: str, wanted: str, errors: list[DressageError]) -> DressageError:
    """Of all that was said of a name, kind by kind, what helps most."""
    distribution = wanted.rpartition("/")[0]
    record = found.catalog.record(distribution)
    if record is not None and record.state != "loaded":
        return PluginError(f"{name!r} cannot be used: {state_of(record)}")
    if distribution and record is None and normal(distribution) not in DISTRIBUTIONS:
        guess = closest_distribution(distribution, [*found.catalog.distributions(), *DISTRIBUTIONS])
        tail = f"; did you mean {guess!r}?" if guess else "; see dressage plugins"
        return UsageError(f"no plugin is named {distribution!r}{tail}")
    unusable = [error for error in errors if "cannot be used: " in str(error)]
    told = [error for error in errors if "did you mean" in str(error) or "pip install" in str(error)]
    for most in (unusable, errors if len(errors) == 1 else [], told):
        if most:
            return most[0]
    return UsageError(f"no component is named {name!r}; see dressage plugins")


def as_json(entry: Entry) -> dict[str, Any]:
    """What is known of a component without importing it."""
    fields = ("kind", "name", "distribution", "version", "doc", "online", "needs", "target")
    return {field: getattr(entry, field) for field in fields}


def describe(entry: Entry) -> Iterator[str]:
    """Lines that say what a component is, and each option's type, default and meaning."""
    loop = "" if entry.online is None else "online " if entry.online else "offline "
    yield f"{entry.name}: {loop}{entry.kind} of {entry.distribution} {entry.version}"
    if entry.doc:
        yield f"  {entry.doc}"
    if entry.needs:
        yield f"  learns from data.{entry.needs}"
    schema = entry.options.model_json_schema()
    options: Mapping[str, Any] = schema.get("properties", {})
    yield "  options:" if options else "  no options"
    texts = meanings(entry.options)
    for name, option in options.items():
        must = name in schema.get("required", ())
        default = "required" if must else f"default {json.dumps(option.get('default'), ensure_ascii=False)}"
        yield f"    {name}: {type_of(option)}, {default}"
        if text := option.get("description") or texts.get(name):
            yield f"      {text}"


def type_of(schema: Mapping[str, Any]) -> str:
    """A JSON schema's type in a few words: `number >= 0`, `one of "a", "b"`, `list of string`, `component`."""
    if "enum" in schema:
        return "one of " + ", ".join(json.dumps(value) for value in schema["enum"])
    if "const" in schema:
        return json.dumps(schema["const"])
    if "oneOf" in schema and any("use" in choice.get("properties", {}) for choice in schema["oneOf"]):
        return "component"
    for choices in ("anyOf", "oneOf"):
        if choices in schema:
            return " or ".join(dict.fromkeys(type_of(choice) for choice in schema[choices]))
    if schema.get("type") == "array":
        return f"list of {type_of(schema.get('items') or {})}"
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    bounds = [f"{sign} {schema[key]}" for key, sign in _BOUNDS if key in schema]
    return " ".join([str(schema.get("type", "any value")), *bounds])


def meanings(options: type[Options]) -> dict[str, str]:
    """The text under each field in the source; empty for a model whose source is not at hand."""
    found: dict[str, str] = {}
    for model in reversed(options.__mro__):
        if model.__module__.partition(".")[0] in ("builtins", "pydantic"):
            continue
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(model)))
        except (OSError, TypeError, SyntaxError):
            continue
        body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
        for field, text in pairwise(body):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
                value = getattr(text.value, "value", None)
                if isinstance(value, str):
                    found[field.target.id] = " ".join(value.split())
    return found
