"""Reads signatures, fields and the text under them from source files, without running them."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Field:
    """An attribute of a class: as annotated, with its default and the text under it."""

    name: str
    annotation: str
    default: str
    """As written; empty where there is none."""
    text: str


@dataclass(frozen=True)
class Function:
    """A function or method: its signature on one line, and its docstring."""

    name: str
    signature: str
    text: str
    kind: str = ""
    """`property`, `abstract`, or nothing."""


@dataclass(frozen=True)
class Class:
    """A class with what it declares itself."""

    name: str
    bases: tuple[str, ...]
    text: str
    fields: tuple[Field, ...]
    methods: tuple[Function, ...]


def classes(module: str) -> Mapping[str, Class]:
    """The public classes of a module, in their order."""
    return {node.name: _class(node) for node in _tree(module).body if _is_public(node, ast.ClassDef)}  # type: ignore[attr-defined]


def functions(module: str) -> Mapping[str, Function]:
    """The public functions of a module, in their order."""
    return {node.name: _function(node) for node in _tree(module).body if _is_public(node, ast.FunctionDef)}  # type: ignore[attr-defined, arg-type]


def _tree(module: str) -> ast.Module:
    return ast.parse(inspect.getsource(importlib.import_module(module)))


def _is_public(node: ast.AST, kind: type[ast.AST]) -> bool:
    if not isinstance(node, kind):
        return False
    name: str = node.name  # type: ignore[attr-defined]
    return not name.startswith("_") or name in ("__call__", "__init__")


def _class(node: ast.ClassDef) -> Class:
    methods = tuple(_function(one) for one in node.body if _is_public(one, ast.FunctionDef))  # type: ignore[arg-type]
    bases = tuple(ast.unparse(base) for base in node.bases)
    return Class(node.name, bases, ast.get_docstring(node) or "", tuple(_fields(node)), methods)


def _fields(node: ast.ClassDef) -> Iterator[Field]:
    for one, after in pairwise([*node.body, ast.Pass()]):
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name) and one.target.id[0] != "_":
            text = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""
            default = ast.unparse(one.value) if one.value is not None else ""
            default = "" if default.startswith(("field(", "_")) else default  # how it is made says nothing to a reader
            yield Field(one.target.id, ast.unparse(one.annotation), default, str(text))


def _function(node: ast.FunctionDef) -> Function:
    marks = {ast.unparse(mark) for mark in node.decorator_list}
    kind = "property" if "property" in marks else "abstract" if "abstractmethod" in marks else ""
    return Function(node.name, _signature(node), ast.get_docstring(node) or "", kind)


def _signature(node: ast.FunctionDef) -> str:
    """`name(argument: type = default, ...) -> type`, as a formatter would write it."""
    plain, named = [*node.args.posonlyargs, *node.args.args], node.args.kwonlyargs
    defaults = [None] * (len(plain) - len(node.args.defaults)) + [*node.args.defaults]
    given = [_argument(one, value) for one, value in zip(plain, defaults, strict=True)]
    given = given[1:] if plain and plain[0].arg in ("self", "cls") else given
    given += ["*"] if named and node.args.vararg is None else []
    given += [f"*{_argument(node.args.vararg, None)}"] if node.args.vararg else []
    given += [_argument(one, value) for one, value in zip(named, node.args.kw_defaults, strict=True)]
    given += [f"**{_argument(node.args.kwarg, None)}"] if node.args.kwarg else []
    returns = f" -> {_text(node.returns)}" if node.returns is not None else ""
    return f"{node.name}({', '.join(given)}){returns}"


def _argument(argument: ast.arg, default: ast.expr | None) -> str:
    annotation = f": {_text(argument.annotation)}" if argument.annotation is not None else ""
    return f"{argument.arg}{annotation}" + (f" = {_text(default)}" if default is not None else "")


def _text(node: ast.expr) -> str:
    return ast.unparse(node).replace("'", '"')
