"""The documents, the blocks in them, and the generator of the reference pages."""

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from dressage.host import Discovery, discover

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs"))

FENCE = re.compile(
    r"(?:<!-- file: (?P<file>\S+) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a document, with the line its text begins on."""

    document: Path
    line: int
    language: str
    text: str
    file: str
    """What the comment before it says it is a file of; empty for none."""

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}"


def documents() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def pages() -> list[Path]:
    """The documents without the pieces that the generator puts into pages."""
    return [path for path in documents() if "generator" not in path.parts]


def blocks(path: Path, language: str) -> list[Block]:
    text = path.read_text(encoding="utf-8")
    return [
        Block(path, text.count("\n", 0, found.start("text")) + 1, language, found["text"], found["file"] or "")
        for found in FENCE.finditer(text)
        if found["language"] == language
    ]


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


def example_files() -> list[Block]:
    """The blocks that are files of an example."""
    return [block for path in pages() for block in blocks(path, "python") if block.file]


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, ModuleType]]:
    """The modules of all examples, by the file that they are said to be."""
    folder = tmp_path_factory.mktemp("examples")
    for block in example_files():
        path = folder / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
    sys.path.insert(0, str(folder))
    before = set(sys.modules)
    yield {block.file: _load(folder, block.file) for block in example_files()}
    sys.path.remove(str(folder))
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


def _load(folder: Path, file: str) -> ModuleType:
    name = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    sys.modules.pop(name, None)  # an installed copy would be tested in the example's place
    spec = spec_from_file_location(name, folder / file)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def host(examples: Mapping[str, ModuleType]) -> Discovery:
    """What is installed, the examples of the pages, and the optimizer of the examples folder."""
    a2c = import_module("dressage_a2c")  # not loaded anew: its own tests hold on to the classes of the first time
    plugins: dict[str, object] = {"dressage-a2c": a2c} | {
        module.__name__.replace("_", "-"): module
        for module in examples.values()
        if any(name.startswith("register_") for name in vars(module))
    }
    return discover({}, extra=plugins)
