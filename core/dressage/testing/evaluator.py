"""What every evaluator must do."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from numbers import Real
from typing import Any

from dressage.spec.types import Batch, Measure, Statistic, Values
from dressage.testing.contract import Contract, batch


class EvaluatorContract(Contract):
    """The contract of an `Evaluator`: named measures, one value a response or a statistic that bears a resample."""

    def batch(self) -> Batch:
        """The replies that are measured: two a prompt, next to each other."""
        made = batch(self.columns, samples=2)
        if not self.component.needs_base_logprobs:  # type: ignore[attr-defined]
            return made
        logprobs = tuple(tuple(-0.5 - 0.1 * (i % 7) for i in range(min(len(text), 32))) for text in made.responses)
        return replace(made, base_logprobs=logprobs)

    def _measure(self) -> Mapping[str, Measure]:
        measures = self.make().measure(self.batch())
        assert isinstance(measures, Mapping), f"measure must return a mapping, not {type(measures).__name__}"
        return measures

    def test_names_its_metrics(self) -> None:
        """At least one, each a word without a dot (it is a part of the path MEASURE.SET.METRIC)."""
        measures = self._measure()
        assert measures, "measure gave no metric"
        for name in measures:
            assert isinstance(name, str) and name, f"a metric's name is {name!r}"  # noqa: PT018
            assert "." not in name and name == name.strip(), f"metric {name!r}: no dot and no outer space, please"  # noqa: PT018

    def test_gives_values_or_statistics(self) -> None:
        """Nothing else, and each says what is better."""
        for name, measure in self._measure().items():
            assert isinstance(measure, Values | Statistic), f"{name} is a {type(measure).__name__}"
            assert measure.better in ("higher", "lower", "neither"), f"{name}.better is {measure.better!r}"

    def test_gives_one_value_a_response(self) -> None:
        """`Values` has a finite number or None for each response; those of a rate are 0 or 1."""
        count = len(self.batch())
        for name, measure in self._measure().items():
            if not isinstance(measure, Values):
                continue
            assert len(measure.values) == count, f"{name} has {len(measure.values)} values for {count} responses"
            for value in measure.values:
                if value is None:
                    continue
                assert isinstance(value, Real), f"{name} has a value of type {type(value).__name__}"
                assert math.isfinite(value), f"{name} has the value {value}; None says that it does not apply"
                assert not measure.rate or value in (0, 1), f"{name} is a rate and has the value {value}"

    def test_statistics_bear_a_resample(self) -> None:
        """`Statistic.compute` takes any indices, with repeats, and gives a finite number or None."""
        count = len(self.batch())
        for name, measure in self._measure().items():
            if not isinstance(measure, Statistic):
                continue
            for indices in (range(count), [0], [1, 1, 1], [0, 0, count - 1], list(range(count))[::-1]):
                _check_number(name, measure.compute(list(indices)))

    def test_statistics_have_no_memory_and_no_order(self) -> None:
        """Asking again, or in another order, gives the same number."""
        count = len(self.batch())
        for name, measure in self._measure().items():
            if not isinstance(measure, Statistic):
                continue
            whole = measure.compute(range(count))
            measure.compute([0])
            again, backwards = measure.compute(range(count)), measure.compute(range(count - 1, -1, -1))
            assert _close(whole, again), f"{name} gave {whole} and then {again}"
            assert _close(whole, backwards), f"{name} gave {whole}, and {backwards} in reverse order"

    def test_same_replies_get_the_same_measure(self) -> None:
        """A fresh instance measures the same."""
        first, second = self._measure(), self._measure()
        assert list(first) == list(second), f"metrics {list(first)} and then {list(second)}"
        count = len(self.batch())
        for name, left in first.items():
            right = second[name]
            if isinstance(left, Values) and isinstance(right, Values):
                assert list(left.values) == list(right.values), f"{name} differs between two instances"
            elif isinstance(left, Statistic) and isinstance(right, Statistic):
                assert _close(left.compute(range(count)), right.compute(range(count))), f"{name} differs"

    def test_metric_names_do_not_depend_on_the_replies(self) -> None:
        """Before and after must have the same metrics, even where all replies are empty."""
        asked = self.batch()
        empty = replace(asked, responses=("",) * len(asked))
        if asked.base_logprobs:
            empty = replace(empty, base_logprobs=((),) * len(asked))
        measures = self.make().measure(empty)
        assert sorted(measures) == sorted(self._measure()), "metrics differ where all replies are empty"
        for name, measure in measures.items():
            if isinstance(measure, Statistic):
                _check_number(name, measure.compute(range(len(asked))))

    def test_bears_a_single_reply(self) -> None:
        """A set of one prompt and one reply is measured."""
        alone = self.batch().select([2])
        for name, measure in self.make().measure(alone).items():
            if isinstance(measure, Values):
                assert len(measure.values) == 1, f"{name} has {len(measure.values)} values for one response"
            else:
                _check_number(name, measure.compute([0]))


def _check_number(name: str, value: Any) -> None:
    if value is not None:
        assert isinstance(value, Real), f"{name} is a {type(value).__name__}, not a number or None"
        assert math.isfinite(value), f"{name} is {value}; None says that it is undefined"


def _close(left: float | None, right: float | None) -> bool:
    if left is None or right is None:
        return left is right
    return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12)
