"""What a filter did to the rows, counted; and filters that lose rows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from dressage.run import filtering
from dressage.spec.components import Context, Filter
from dressage.spec.console import Quiet
from dressage.spec.errors import ComponentError, DataError
from dressage.spec.options import NoOptions
from dressage.spec.plan import FilterPlan
from dressage.spec.types import Drop, Example, Message, Origin


class Given(Filter[NoOptions]):
    """Does what a function says."""

    do = None

    def apply(self, rows):
        return self.do(rows)


def row(number, text="text", **fields):
    return Example((Message("user", f"ask {number}"),), text, origin=Origin("a.jsonl", number), **fields)


ROWS = [row(n, f"text {n}") for n in (1, 2, 3, 4)]


@pytest.fixture
def outcome(planned):
    def run(do, rows=ROWS, component=Given):
        made = component(NoOptions(), Context("sieve"))
        made.do = do
        return filtering.apply(FilterPlan(planned(Given, "sieve")), made, rows, Quiet())

    return run


def shout(example):
    return example.rewrite(str.upper, "answer")


def test_a_row_that_stays_is_the_same_row(outcome):
    found = outcome(lambda rows: rows)
    assert all(one is other for one, other in zip(found.rows, ROWS, strict=True))
    assert (found.changed, found.added, sum(found.dropped.values())) == (0, 0, 0)


def test_rows_that_leave_are_counted_by_reason(outcome):
    reasons = {1: "short", 3: "short", 4: "rude"}
    found = outcome(lambda rows: [Drop(r, reasons[r.origin.line]) if r.origin.line in reasons else r for r in rows])
    assert found.dropped == {"short": 2, "rude": 1}
    assert found.rows == [ROWS[1]]


def test_rows_that_are_rewritten_are_counted(outcome):
    found = outcome(lambda rows: [shout(r) if r.origin.line > 2 else r for r in rows])
    assert (found.changed, found.added) == (2, 0)
    assert [r.response for r in found.rows] == ["text 1", "text 2", "TEXT 3", "TEXT 4"]


def test_rows_that_are_new_are_counted(outcome):
    found = outcome(lambda rows: [new for r in rows for new in (r, replace(r, response="twin"))])
    assert (found.changed, found.added, len(found.rows)) == (0, 4, 8)


def test_an_example_tells_no_more_than_the_end_of_a_path(outcome):
    far = replace(row(3), origin=Origin("/home/someone/work/data/a.jsonl", 3))
    assert outcome(lambda rows: [shout(r) for r in rows], [far]).examples[0]["where"] == "work/data/a.jsonl:3"


def test_new_rows_without_an_origin_are_counted(outcome):
    found = outcome(lambda rows: [*rows, Example(text="made up")])
    assert (found.changed, found.added) == (0, 1)


def test_a_changed_copy_may_be_dropped(outcome):
    found = outcome(lambda rows: [Drop(shout(rows[0]), "loud"), *rows[1:]])
    assert found.dropped == {"loud": 1}


def test_twins_of_one_line_may_all_be_rewritten(outcome):
    """A filter that adds rows and one that rewrites them can follow each other."""
    twins = [new for r in ROWS for new in (r, replace(r, response="twin"))]
    found = outcome(lambda rows: [shout(r) for r in rows], twins)
    assert (found.changed, found.added, len(found.rows)) == (8, 0, 8)


def test_rows_without_an_origin_may_be_rewritten(outcome):
    rows = [Example(text="a"), Example(text="b")]
    found = outcome(lambda rows: [shout(r) for r in rows], rows)
    assert (found.changed, found.added) == (2, 0)


@pytest.mark.parametrize("do", [lambda rows: rows[1:], lambda rows: [rows[0], shout(rows[0]), *rows[2:]], lambda r: []])
def test_a_row_that_is_lost_without_a_reason_stops_the_run(outcome, do):
    with pytest.raises(ComponentError, match=r"^filter 'sieve' \(acme 1\.2, run\.yaml:7:3\) lost [14] rows"):
        outcome(do)


def test_a_filter_that_leaves_nothing_stops_the_run(outcome):
    with pytest.raises(DataError, match=r"left no rows of 4 \(3 short, 1 rude\)"):
        outcome(lambda rows: [Drop(r, "rude" if r.origin.line == 2 else "short") for r in rows])


def test_a_filter_that_raises_is_named(outcome):
    with pytest.raises(ComponentError, match="could not filter: ZeroDivisionError"):
        outcome(lambda rows: [1 / 0 for _ in rows])


def test_check_is_asked_of_each_row(outcome):
    class Checks(Filter[NoOptions]):
        def check(self, row):
            return row if row.origin.line != 2 else Drop(row, "two")

    assert outcome(None, component=Checks).dropped == {"two": 1}


def test_examples_are_shown_two_a_reason(outcome):
    rows = [row(n) for n in range(1, 9)]
    found = outcome(lambda rows: [shout(r) if r.origin.line > 4 else Drop(r, "low") for r in rows], rows)
    assert [e["reason"] for e in found.examples] == ["low", "low", "changed", "changed"]
    assert found.examples[0] == {"where": "a.jsonl:1", "reason": "low", "before": "ask 1\ntext", "after": ""}
    assert found.examples[2] == {
        "where": "a.jsonl:5", "reason": "changed", "before": "ask 5\ntext", "after": "ask 5\nTEXT",
    }  # fmt: skip


def test_the_summary_is_the_reports_line(outcome, planned):
    found = outcome(lambda rows: [Drop(rows[0], "low"), shout(rows[1]), *rows[2:], Example(text="new")])
    line = filtering.summary(FilterPlan(planned(Given, "sieve")), "demonstrations", 4, found)
    assert {key: line[key] for key in line if key != "examples"} == {
        "name": "sieve", "use": "given", "on": "demonstrations", "rows_in": 4, "rows_out": 4, "dropped": {"low": 1},
        "changed": 1, "added": 1,
    }  # fmt: skip
