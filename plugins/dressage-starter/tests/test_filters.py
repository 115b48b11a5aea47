"""What the filters find of the planted faults, and what the README says of it."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1]

if importlib.util.find_spec("dressage_filters") is None:
    pytest.skip("dressage-filters is not installed", allow_module_level=True)


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("filters_table", HOME / "scripts" / "filters_table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(HOME / "scripts"))


@pytest.fixture(scope="module")
def found(script):
    """How many rows of each fault class, and of the clean ones, a filter finds."""
    rows, faults = script.demonstrations(), script.key()

    def found(name, **options):
        return Counter(faults.get(row_id, "clean") for row_id in script.found_by(name, options, rows))

    return found


def test_exact_duplicates_finds_every_exact_copy_and_nothing_else(found):
    assert found("exact-duplicates") == {"exact-duplicate": 77}


def test_near_duplicates_finds_nearly_every_copy_and_no_clean_row(found):
    counts = found("near-duplicates")
    assert counts["exact-duplicate"] == 77
    assert counts["near-duplicate"] >= 85
    assert counts["clean"] == 0


@pytest.mark.parametrize("action", ["fix", "drop"])
def test_mojibake_finds_every_broken_row_and_nothing_else(found, action):
    assert found("mojibake", action=action) == {"broken-encoding": 30}


def test_pii_finds_nearly_all_personal_data_and_hardly_a_clean_row(found):
    counts = found("pii")
    assert counts["personal-data"] >= 38
    assert counts["clean"] <= 2


def test_profanity_finds_most_toxic_answers_and_few_clean_rows(found):
    pytest.importorskip("profanity_check")
    counts = found("by-score", source="profanity", drop_above=0.5)
    assert counts["toxic"] >= 28
    assert counts["clean"] <= 0.03 * 1880


def test_the_readme_has_the_table_of_the_filters_that_need_no_detector(script, monkeypatch):
    monkeypatch.setattr(script, "FILTERS", [row for row in script.FILTERS if row[1] != "by-score"])
    readme = (HOME / "README.md").read_text(encoding="utf-8")
    assert [line for line in script.table().split("\n") if line not in readme] == []


def test_the_readme_has_the_table_of_hazards():
    spec = importlib.util.spec_from_file_location("hazards_table", HOME / "scripts" / "hazards_table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.table() in (HOME / "README.md").read_text(encoding="utf-8")
