"""Writes what people start from: a run's YAML, and a plugin of each kind."""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template

from dressage.host.catalog import with_article
from dressage.host.known import DISTRIBUTIONS, KNOWN
from dressage.host.registry import NAME
from dressage.spec.errors import UsageError

KINDS: Mapping[str, Mapping[str, str]] = {
    "reward": {
        "doc": "The share of the given words that a response has, in [0, 1].",
        "words": '("please", "thank you")',
        "option": "`words` | `[please, thank you]` | matched anywhere, without regard to case",
        "usage": "stages:\n  - use: ppo\n    rewards: [{use: $name, weight: 1.0}]",
    },
    "filter": {
        "doc": "Drops rows whose answer has one of the given words.",
        "words": '("lorem ipsum",)',
        "option": "`words` | `[lorem ipsum]` | matched anywhere, without regard to case",
        "usage": "filters: [{use: $name, with: {words: [lorem ipsum]}}]",
    },
    "evaluator": {
        "doc": "The share of replies with one of the given words.",
        "words": '("please", "thank you")',
        "option": "`words` | `[please, thank you]` | matched anywhere, without regard to case",
        "usage": "evaluate:\n  measures: [{use: $name, with: {words: [please]}}]",
    },
    "optimizer": {
        "doc": "REINFORCE: rewards to go, no value head.",
        "words": "",
        "option": "`gamma` | 1.0 | discount a token",
        "usage": "stages:\n  - {use: $name, iterations: 20, rewards: [profanity]}",
        "extra": '\n        kind="online",',
        "requirement": "dressage[engine]",
    },
}
"""What differs between the kinds of plugin that there is a template for."""


@dataclass(frozen=True)
class Scaffold:
    """What was written."""

    folder: Path
    files: tuple[Path, ...]


def example_yaml() -> str:
    """A YAML that runs as it is, with comments."""
    return _template("quickstart.yaml")


def write_plugin(name: str, kind: str, folder: Path | None = None) -> Scaffold:
    """Writes a distribution with one component of a kind; `folder` is `dressage-NAME` by default.

    Raises `UsageError` for a name that cannot be one, a kind without a template, or a folder that is not empty.
    """
    if kind not in KINDS:
        raise UsageError(f"--kind {kind}: there is a template for {', '.join(KINDS)}")
    values = _values(name, kind)
    folder = folder or Path(values["distribution"])
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder}: is there already and not empty; choose another --dir")
    texts = {path: Template(_template(source)).substitute(values) for path, source in _files(kind, values).items()}
    make_folder(folder, folder)
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return Scaffold(folder, tuple(folder / path for path in texts))


def make_folder(folder: Path, wanted: Path) -> None:
    """Makes a folder for `wanted`; raises `UsageError` where a file stands in its way."""
    file = next((one for one in (folder, *folder.parents) if one.is_file()), None)
    if file is not None:
        raise UsageError(f"{wanted}: {file} is a file, not a folder; name another")
    folder.mkdir(parents=True, exist_ok=True)


def _values(name: str, kind: str) -> Mapping[str, str]:
    """What stands for each placeholder of the templates."""
    name = name.removeprefix("dressage-")
    if not NAME.fullmatch(name) or not name[0].isalpha():
        raise UsageError(f"{name!r}: a name is lower case letters, digits and single hyphens, and begins with a letter")
    distribution = f"dressage-{name}"
    if distribution in DISTRIBUTIONS:
        raise UsageError(f"{name!r}: {distribution} is a plugin of the project itself; choose another name")
    if supplier := KNOWN[kind].get(name):
        raise UsageError(f"{name!r}: {supplier} has {with_article(kind)} of that name; choose another")
    class_name = "".join(part.capitalize() for part in name.split("-"))
    if keyword.iskeyword(class_name) or class_name == "Tensor":
        class_name += kind.capitalize()
    special = KINDS[kind]
    return {
        "extra": "",
        "requirement": "dressage",
        **special,
        "name": name,
        "kind": kind,
        "distribution": distribution,
        "package": distribution.replace("-", "_"),
        "entry": name.replace("-", "_"),
        "class_name": class_name,
        "usage": Template(special["usage"]).substitute(name=name),
    }


def _files(kind: str, values: Mapping[str, str]) -> Mapping[str, str]:
    """Each file of the distribution and the template it is made from."""
    package = values["package"]
    options = "optimizer" if kind == "optimizer" else "common"
    return {
        "pyproject.toml": "common/pyproject.toml.tmpl",
        "README.md": "common/README.md.tmpl",
        f"{package}/__init__.py": "common/__init__.py.tmpl",
        f"{package}/options.py": f"{options}/options.py.tmpl",
        f"{package}/{kind}.py": f"{kind}/{kind}.py.tmpl",
        f"tests/test_{kind}.py": f"{kind}/test_{kind}.py.tmpl",
        "tests/test_plugin.py": "common/test_plugin.py.tmpl",
    }


def _template(path: str) -> str:
    return files("dressage.host").joinpath("templates", *path.split("/")).read_text(encoding="utf-8")
