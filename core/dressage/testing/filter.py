"""What every filter must do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, ClassVar

from dressage.spec.types import Drop, Example, Message, Origin
from dressage.testing.contract import SYSTEM, TEXTS, Contract


def rows(columns: Mapping[str, Any] | None = None) -> list[Example]:
    """Every text of `TEXTS` in every shape of row, with an origin each; two rows say the same."""
    made: list[Example] = []
    for text in (*TEXTS.values(), TEXTS["plain"]):
        ask = (Message("user", "How do I bake bread?"),)
        turns = (SYSTEM, Message("user", text), Message("assistant", "Go on."), Message("user", "Well?"))
        shapes: Sequence[dict[str, Any]] = (
            {"prompt": ask, "response": text},
            {"prompt": turns, "response": "Yes, gladly."},
            {"prompt": ask, "chosen": text, "rejected": "No."},
            {"prompt": ask, "chosen": "Yes, gladly.", "rejected": text},
            {"prompt": turns},
            {"text": text},
        )
        for shape in shapes:
            origin = Origin("contract.jsonl", len(made) + 1)
            made.append(Example(**shape, columns=dict(columns or {}), origin=origin))
    return made


class FilterContract(Contract):
    """The contract of a `Filter`: no row is lost, none is changed in place, and every text and shape is borne."""

    adds_rows: ClassVar[bool] = False
    """Whether it may give more rows than it got (augmentation)."""

    def rows(self) -> list[Example]:
        """The rows that are filtered; each needs an origin of its own."""
        return rows(self.columns)

    def test_yields_rows_and_drops(self) -> None:
        """Nothing but an `Example`, or a `Drop` with a reason and the row it is about."""
        given = self.rows()
        for outcome in self.make().apply(given):
            assert isinstance(outcome, Example | Drop), f"yielded a {type(outcome).__name__}, not an Example or Drop"
            if isinstance(outcome, Drop):
                assert isinstance(outcome.reason, str), "a Drop's reason must be a string"
                assert outcome.reason.strip(), "a Drop needs a reason; the report counts rows under it"
                assert outcome.example in given, f"dropped a row that was not given: {outcome.example.origin}"

    def test_accounts_for_every_row(self) -> None:
        """Rows in = rows out + drops, row by row (by origin)."""
        given = self.rows()
        came, dropped = Counter(row.origin for row in given), Counter[Origin | None]()
        kept = Counter[Origin | None]()
        for outcome in self.make().apply(given):
            if isinstance(outcome, Drop):
                dropped[outcome.example.origin] += 1
            else:
                kept[outcome.origin] += 1
        unknown = set(kept) - set(came)
        assert not unknown, f"rows came out with an origin that went in nowhere: {sorted(map(str, unknown))[:3]}"
        for origin in came:
            total = kept[origin] + dropped[origin]
            assert total, f"row {origin} went in and neither came out nor was dropped"
            assert dropped[origin] <= 1, f"row {origin} was dropped {dropped[origin]} times"
            assert self.adds_rows or total == 1, f"row {origin} has {total} outcomes (set adds_rows if it may)"

    def test_changes_nothing_in_place(self) -> None:
        """The list, its rows and their columns are afterwards as before."""
        given = self.rows()
        before, identities = deepcopy(given), [id(row) for row in given]
        list(self.make().apply(given))
        assert [id(row) for row in given] == identities, "the list of rows was changed"
        for was, now in zip(before, given, strict=True):
            assert was == now, f"row {was.origin} was changed in place; use row.rewrite or dataclasses.replace"

    def test_keeps_the_shape_of_a_row(self) -> None:
        """A demonstration stays one, and so does every other shape."""
        shapes = {row.origin: row.shape for row in self.rows()}
        for outcome in self.make().apply(self.rows()):
            if isinstance(outcome, Example):
                was = shapes[outcome.origin]
                assert outcome.shape == was, f"row {outcome.origin} was a {was} and came out as a {outcome.shape}"

    def test_leaves_alone_what_it_does_not_read(self) -> None:
        """`reads = "answer"` never changes a prompt, and `reads = "prompt"` never an answer."""
        given = {row.origin: row for row in self.rows()}
        component = self.make()
        assert component.reads in ("prompt", "answer", "both"), f"reads must not be {component.reads!r}"
        for outcome in component.apply(list(given.values())):
            if isinstance(outcome, Drop):
                continue
            was = given[outcome.origin]
            assert component.reads != "prompt" or outcome.answers == was.answers, f"{was.origin}: an answer changed"
            assert component.reads != "answer" or outcome.prompt == was.prompt, f"{was.origin}: a prompt changed"

    def test_no_rows_give_no_rows(self) -> None:
        """An empty list is no error."""
        assert list(self.make().apply([])) == []

    def test_same_rows_get_the_same_verdict(self) -> None:
        """A fresh instance says the same of the same rows."""
        assert list(self.make().apply(self.rows())) == list(self.make().apply(self.rows()))

    def test_bears_every_row_alone(self) -> None:
        """Each row is filtered by itself without an error, also one without an origin."""
        component = self.make()
        for row in self.rows():
            assert list(component.apply([row])), f"row {row.origin} vanished"
        assert list(component.apply([Example(text="hi", columns=dict(self.columns))])), "a row without origin vanished"
