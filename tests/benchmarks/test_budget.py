"""The benchmark of the memory budget: its table is that of its results."""

from __future__ import annotations

import json

from benchmarks import budget
from benchmarks.markers import between


def test_the_page_has_the_table_of_the_results():
    found = json.loads(budget.RESULTS.read_text(encoding="utf-8"))
    assert between(budget.PAGE.read_text(encoding="utf-8"), "budget") == budget.table(found)
    assert [row["shape"] for row in found] == list(budget.SHAPES)


def test_an_error_is_negative_where_too_little_was_estimated():
    one = {"phase": "ppo: update", "estimated": 9e8, "measured": 10e8, "error": -0.1, "error_without_process": -0.125}
    row = budget.table([{"shape": "small", "returned": one, "kept": {**one, "measured": 12e8, "error": -0.25}}])
    assert row.endswith("| small | ppo: update | 0.90 GB | 1.00 GB | -10.0 % | -12.5 % | 0.90 GB | 1.20 GB | -25.0 % |")
