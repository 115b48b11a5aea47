"""The embedded files, read once a session."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1]
DATA = HOME / "dressage_starter" / "data"


def load(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


@pytest.fixture(scope="session")
def parts():
    """Every file's rows, by the file's name."""
    return {path.stem: load(path) for path in sorted(DATA.glob("*.jsonl"))}


@pytest.fixture(scope="session")
def key(parts):
    """What the key says of each planted row, by id."""
    return {row["id"]: row for row in parts["planted-faults"]}


@pytest.fixture(scope="session")
def planting():
    """The script that plants the faults."""
    spec = importlib.util.spec_from_file_location("plant_faults", HOME / "scripts" / "plant_faults.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def asked():
    """What a row asks, or gives to continue."""
    return lambda row: row.get("prompt") or row["text"]


@pytest.fixture(scope="session")
def words():
    """The words of a text, in small letters."""
    return lambda text: re.findall(r"[a-z0-9']+", text.lower())


@pytest.fixture(scope="session")
def runs(words):
    """The runs of seven words in a text; a shorter text is one run."""

    def runs(text):
        found = words(text)
        return {tuple(found[i : i + 7]) for i in range(len(found) - 6)} or {tuple(found)}

    return runs
