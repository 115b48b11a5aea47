"""Files that one can read in a sitting, functions that fit on a screen."""

import ast
from collections.abc import Iterator
from pathlib import Path

FILE = 300
FUNCTION = 50

PAGES = {"core/dressage/spec/components.py": 330}
"""The contract's own page may be longer: each kind of component is to stand on it."""


def test_no_file_is_long(root, sources):
    long = {}
    for path in sources:
        name, lines = path.relative_to(root).as_posix(), len(path.read_text().splitlines())
        if lines > PAGES.get(name, FILE):
            long[name] = lines
    assert not long


def test_exceptions_are_needed(root):
    for name in PAGES:
        assert len((root / name).read_text().splitlines()) > FILE, f"{name} needs no exception any more"


def test_no_function_is_long(root, sources):
    long = {}
    for path in sources:
        for function in functions(path):
            lines = (function.end_lineno or 0) - function.lineno + 1
            if lines > FUNCTION:
                long[f"{path.relative_to(root)}:{function.name}"] = lines
    assert not long


def test_no_module_is_named_after_nothing(sources):
    empty = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert not [path for path in sources if path.stem in empty]


def test_every_module_and_class_says_what_it_is(root, sources):
    for path in sources:
        tree = ast.parse(path.read_text())
        assert ast.get_docstring(tree), f"{path.relative_to(root)} has no docstring"
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{path.relative_to(root)}: class {node.name} has no docstring"


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
