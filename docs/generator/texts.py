"""The written parts of the reference pages: paragraphs in `texts/`, tables in the TOML files."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def text(name: str) -> str:
    """A paragraph, or several."""
    return (HERE / "texts" / f"{name}.md").read_text(encoding="utf-8")


@cache
def tables(name: str) -> dict[str, Any]:
    """The tables of a TOML file."""
    return tomllib.loads((HERE / f"{name}.toml").read_text(encoding="utf-8"))
