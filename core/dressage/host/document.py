"""Reads YAML 1.2 into plain Python, and remembers where each value stood."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent, DocumentStartEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from dressage.spec.errors import ConfigError, Problem, Where

Steps: TypeAlias = tuple[str | int, ...]
"""A path in the YAML: keys and indices."""

LIMIT = 100_000
"""Values in one file; aliases of aliases can make billions of a few lines."""
DEPTH = 100
"""Mappings and lists inside each other; one that is refused for its depth has many more."""
_TAG = "tag:yaml.org,2002:"
_PLAIN = frozenset({"map", "seq", "str", "int", "float", "bool", "null", "timestamp", "value"})


def dotted(path: Steps) -> str:
    """A path as it is written: `stages.1.rewards.0`."""
    return ".".join(str(step) for step in path)


@dataclass
class Document:
    """A YAML file as plain values, with the places of its keys and values."""

    file: str
    folder: Path
    source: str
    data: Any = None
    values: dict[Steps, Where] = field(default_factory=dict)
    keys: dict[Steps, Where] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    """What is wrong with it as YAML, though it could be read on: duplicate keys, tags."""

    def where(self, path: Steps) -> Where:
        """The place of a value, or of the closest one around it that the file has."""
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, Where(self.file, 1, 1))

    def where_key(self, path: Steps) -> Where:
        """The place of a key, else of the value."""
        return self.keys.get(path) or self.where(path)


def read_document(path: Path, *, folder: Path | None = None) -> Document:
    """The file's values and places; raises `ConfigError` where it cannot be read as YAML.

    Relative paths in it start at `folder`, by default the file's own.
    """
    file = str(path)
    if not path.is_file():
        what = "is a folder, not a YAML file" if path.is_dir() else "no such file"
        raise ConfigError([Problem(Where(file), "", f"{what}; name the YAML file of a run")])
    try:
        source = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            [Problem(Where(file), "", f"is not UTF-8 text (byte {error.start}); save it as UTF-8")]
        ) from None
    except OSError as error:
        raise ConfigError([Problem(Where(file), "", f"cannot be read: {error.strerror}")]) from None
    return parse(source, file=file, folder=path.parent if folder is None else folder)


def from_values(values: Mapping[str, Any], *, name: str, folder: Path) -> Document:
    """Plain values as a document; they stand in no file, so every place in it is `name`."""
    source = json.dumps(values, ensure_ascii=False, indent=1, default=str)  # JSON is YAML
    document = parse(source, file=name, folder=folder)
    document.values = dict.fromkeys(document.values, Where(name))
    document.keys = dict.fromkeys(document.keys, Where(name))
    return document


def parse(source: str, *, file: str, folder: Path) -> Document:
    """YAML text as a `Document`; raises `ConfigError` for a syntax error."""
    document = Document(file, folder, source)
    try:
        node = YAML(typ="safe", pure=True).compose(source)
        _check_version(file, source)
        if node is not None:
            document.data = _Builder(document).build(node, ())
    except YAMLError as error:
        raise ConfigError([_syntax_problem(error, file, source)]) from None
    except RecursionError:
        raise ConfigError([Problem(_deep_place(file, source), "", f"is nested more than {DEPTH} deep")]) from None
    return document


def _syntax_problem(error: YAMLError, file: str, source: str) -> Problem:
    if isinstance(error, MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        where = Where(file, mark.line + 1, mark.column + 1) if mark else Where(file)
        text = " ".join(str(error.problem or error.context).split())
        if "another document" in text:
            text = "a second document begins here (---); keep one"
        return Problem(where, "", f"not valid YAML: {text}")
    text = str(getattr(error, "reason", "") or error).partition("\n")[0]
    where = _place_of(error.position, file, source) if isinstance(error, ReaderError) else Where(file)
    return Problem(where, "", f"not valid YAML: {text}")


def _place_of(index: int, file: str, source: str) -> Where:
    before = source[:index]
    return Where(file, before.count("\n") + 1, len(before) - before.rfind("\n"))


def _check_version(file: str, source: str) -> None:
    """Raises where a directive asks for the rules of another YAML, by which `yes` would be true."""
    for event in YAML(typ="safe", pure=True).parse(source):
        if isinstance(event, DocumentStartEvent):
            if event.version is not None and tuple(event.version) != (1, 2):
                major, minor = event.version
                message = f"asks for YAML {major}.{minor}, but only 1.2 is read; remove this line"
                line = re.search("^%YAML", source, re.MULTILINE)
                raise ConfigError([Problem(_place_of(line.start() if line else 0, file, source), "", message)])
            return


def _deep_place(file: str, source: str) -> Where:
    """The first place inside of more than `DEPTH` mappings and lists."""
    depth = 0
    for event in YAML(typ="safe", pure=True).parse(source):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > DEPTH:
            return Where(file, event.start_mark.line + 1, event.start_mark.column + 1)
    return Where(file)


class _Builder:
    """Turns composed nodes into plain values; YAML's own types never get further than here."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.open: list[Node] = []
        self.count = 0

    def build(self, node: Node, path: Steps) -> Any:
        """The value of a node that stands at `path`."""
        self.document.values[path] = self.place(node)
        self.count += 1
        if node in self.open or self.count > LIMIT:
            reason = "an alias of itself" if node in self.open else f"more than {LIMIT} values"
            raise ConfigError([Problem(self.place(node), dotted(path), f"{reason} cannot be read")])
        if str(node.tag).removeprefix(_TAG) not in _PLAIN:
            self.problem(node, path, f"the tag {_short(node)} is not supported; write plain YAML")
        self.open.append(node)
        try:
            if isinstance(node, MappingNode):
                return self.mapping(node, path)
            if isinstance(node, SequenceNode):
                return [self.build(item, (*path, i)) for i, item in enumerate(node.value)]
            return self.scalar(node, path)
        finally:
            self.open.pop()

    def mapping(self, node: MappingNode, path: Steps) -> dict[Any, Any]:
        """A mapping; a key that comes twice is a problem, and its first value stays."""
        result: dict[Any, Any] = {}
        merged: dict[Any, Any] = {}
        for _, value_node in (pair for pair in node.value if pair[0].tag == _TAG + "merge"):
            merged = {**self.merge(value_node, path), **merged}
        for key_node, value_node in (pair for pair in node.value if pair[0].tag != _TAG + "merge"):
            if not isinstance(key_node, ScalarNode):
                self.problem(key_node, path, "a key must be a single word or text")
                continue
            key = self.scalar(key_node, path)
            here = (*path, key)
            if key in result:
                first = self.document.keys[here]
                self.problem(key_node, here, f"duplicate key; it stands on line {first.line} already")
                continue
            self.document.keys[here] = self.place(key_node)
            result[key] = self.build(value_node, here)
            if isinstance(value_node, ScalarNode) and value_node.start_mark.index == value_node.end_mark.index:
                self.document.values[here] = self.place(key_node)  # an empty value has its mark on the next line
        self.document.values[path] = self.place(node)  # a merge has put its own place there
        return {**merged, **result}

    def merge(self, node: Node, path: Steps) -> dict[Any, Any]:
        """The mapping or mappings behind a `<<` key; the first of several wins."""
        parts = node.value if isinstance(node, SequenceNode) else [node]
        result: dict[Any, Any] = {}
        for part in parts:
            if not isinstance(part, MappingNode):
                self.problem(part, path, "<< takes a mapping, or a list of them")
                continue
            result = {**self.build(part, path), **result}
        return result

    def scalar(self, node: Node, path: Steps) -> Any:
        """A text, number, truth value or null, by the rules of YAML 1.2."""
        text = str(node.value)
        kind = str(node.tag).removeprefix(_TAG)
        try:
            if kind == "int":
                return _integer(text)
            if kind == "float":
                return _number(text)
        except ValueError:
            return text
        if kind == "bool":
            if text.lower() not in ("true", "false"):  # a tag can claim it of any word
                self.problem(node, path, f"must be true or false, not {text!r}")
            return text.lower() == "true"
        return None if kind == "null" else text  # a date stays the text it is

    def place(self, node: Node) -> Where:
        """A node's start, 1-based."""
        return Where(self.document.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def problem(self, node: Node, path: Steps, message: str) -> None:
        """Notes what is wrong at a node."""
        self.document.problems.append(Problem(self.place(node), dotted(path), message))


def _short(node: Node) -> str:
    tag = str(node.tag)
    return "!!" + tag.removeprefix(_TAG) if tag.startswith(_TAG) else tag


def _integer(text: str) -> int:
    digits = text.replace("_", "")
    prefix = digits.lstrip("+-")[:2].lower()
    return int(digits, {"0o": 8, "0x": 16, "0b": 2}.get(prefix, 10))


def _number(text: str) -> float:
    digits = text.replace("_", "").lower()
    return float(digits.replace(".inf", "inf").replace(".nan", "nan"))
