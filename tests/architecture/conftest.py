"""The checkout, read as text and asked by subprocess."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def sources() -> list[Path]:
    """The Python files that are shipped: core and plugins, without their tests and scripts."""
    found = [*(ROOT / "core").rglob("*.py"), *(ROOT / "plugins").glob("*/dressage_*/**/*.py")]
    assert len(found) > 100
    return sorted(found)


@pytest.fixture
def loaded(tmp_path: Path):
    """The names of all modules that a Python statement leaves loaded in a fresh process."""

    def run(statement: str) -> set[str]:
        program = f"import sys\n{statement}\nprint('LOADED', *sorted(sys.modules), file=sys.stderr)"
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("DRESSAGE_", "COVERAGE"))}
        found = subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
        )
        assert found.returncode == 0, found.stderr
        return set(found.stderr.rpartition("LOADED ")[2].split())

    return run
