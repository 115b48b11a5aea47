"""Means with 95 % intervals: a bootstrap over clusters of replies, and Wilson's interval for plain rates.

Replies to one prompt (or to the prompts of one twin pair) are alike, so clusters are drawn, not replies. Intervals are
percentiles of the resampled means, at levels widened for few clusters by Student's t (Hesterberg 2015, section 6.1);
a rate's is Wilson's, on the number of independent replies that would spread as the resampled rates do, because
percentiles of rare events end too low (.90 instead of .95 covered at a rate of .03).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dressage.spec.types import Measure, Statistic, Values

Z = 1.959963984540054
"""The 97.5 % point of the normal distribution."""
STATISTIC_RESAMPLES = 200
"""At most so many resamples for a `Statistic`, whose `compute` is a Python call each time."""
_CELLS = 2_000_000
"""Cluster numbers drawn at a time, to bound memory."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number, or the difference of two, with its 95 % interval."""

    value: float
    low: float
    """`-inf` where a single cluster says nothing of the spread."""
    high: float
    """`inf` where a single cluster says nothing of the spread."""
    n: int
    """Responses that were counted (of the later model, for a change)."""


def wilson(successes: float, n: float) -> tuple[float, float]:
    """The 95 % interval of a rate: low and high, in [0, 1] (Wilson 1927)."""
    if n == 0:
        return 0.0, 1.0
    rate, z2 = successes / n, Z * Z
    centre = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = Z * math.sqrt(rate * (1 - rate) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return (0.0 if successes == 0 else max(centre - half, 0.0)), (1.0 if successes == n else min(centre + half, 1.0))


def estimate(measure: Measure, clusters: Sequence[int], *, resamples: int = 1000, seed: int = 0) -> Estimate | None:
    """A measure on all responses with its interval; None where it applies to none of them.

    `clusters` has one number per response; equal numbers are drawn together. A rate with one response a cluster gets
    Wilson's interval on the responses; one that is 0 or 1 throughout, Wilson's on the number of clusters.
    """
    rng = np.random.default_rng(seed)
    if isinstance(measure, Statistic):
        return _statistic((measure,), clusters, resamples, rng)
    column = _Column.read(measure, clusters).present()
    n = int(column.counts.sum())
    if n == 0:
        return None
    groups, total = len(column.sums), float(column.sums.sum())
    if measure.rate and n == groups:
        return Estimate(total / n, *wilson(total, n), n)
    means = [draw[0] / draw[1] for draw in _resample((column,), resamples, rng)]
    ends = _rate_ends if measure.rate else _percentiles
    return Estimate(total / n, *ends(np.concatenate(means), groups, total / n, n), n)


def change(
    before: Measure, after: Measure, clusters: Sequence[int], *, resamples: int = 1000, seed: int = 0
) -> Estimate | None:
    """`after` minus `before` with its interval, both on the same drawn clusters; None where one is undefined.

    Both measure replies to the same prompts, in one order. A rate that moved by the same whole number in each cluster
    gets Wilson's interval for the clusters that could have moved otherwise.
    """
    rng = np.random.default_rng(seed)
    if isinstance(before, Statistic) or isinstance(after, Statistic):
        if not (isinstance(before, Statistic) and isinstance(after, Statistic)):
            raise ValueError("a statistic cannot be compared with values: before and after must be the same measure")
        return _statistic((before, after), clusters, resamples, rng)
    first, second = _Column.read(before, clusters), _Column.read(after, clusters)
    n = int(second.counts.sum())
    if n == 0 or first.counts.sum() == 0:
        return None
    either = (first.counts + second.counts) > 0
    first, second = first.only(either), second.only(either)
    value, groups = second.mean() - first.mean(), int(either.sum())
    if before.rate and after.rate and (moved := _same_move(first, second)) is not None:
        room = wilson(0, groups)[1]
        return Estimate(value, max(moved - room, -1.0), min(moved + room, 1.0), n)
    found = []
    for sums, counts, later_sums, later_counts in _resample((first, second), resamples, rng):
        defined = (counts > 0) & (later_counts > 0)
        found.append(later_sums[defined] / later_counts[defined] - sums[defined] / counts[defined])
    low, high = _percentiles(np.concatenate(found), groups)
    return Estimate(value, max(low, -1.0), min(high, 1.0), n) if after.rate else Estimate(value, low, high, n)


@dataclass(frozen=True, slots=True)
class _Column:
    """Values added up by cluster."""

    sums: Floats
    counts: Floats

    @classmethod
    def read(cls, measure: Values, clusters: Sequence[int]) -> _Column:
        if len(measure.values) != len(clusters):
            raise ValueError(f"{len(measure.values)} values for {len(clusters)} responses")
        values = np.array([math.nan if value is None else value for value in measure.values], dtype=np.float64)
        given = np.array([value is not None for value in measure.values], dtype=bool)
        for index in np.flatnonzero(given & ~np.isfinite(values))[:1]:
            raise ValueError(f"the value of response {index} is {values[index]}, not a finite number")
        if measure.rate and not np.isin(values[given], (0.0, 1.0)).all():
            raise ValueError("a rate has values other than 0 and 1")
        numbers, groups = _numbered(clusters)
        sums = np.bincount(numbers, np.where(given, values, 0.0), minlength=groups)
        return cls(sums.astype(np.float64), np.bincount(numbers, given, minlength=groups).astype(np.float64))

    def mean(self) -> float:
        return float(self.sums.sum() / self.counts.sum())

    def only(self, groups: NDArray[np.bool_]) -> _Column:
        return _Column(self.sums[groups], self.counts[groups])

    def present(self) -> _Column:
        return self.only(self.counts > 0)


def _numbered(clusters: Sequence[int]) -> tuple[Integers, int]:
    unique, numbers = np.unique(np.asarray(clusters, dtype=np.int64), return_inverse=True)
    return numbers.astype(np.int64), len(unique)


def _draws(groups: int, resamples: int, rng: np.random.Generator) -> Iterator[Integers]:
    """Drawn cluster numbers [R, groups], all resamples in a few pieces."""
    rows = max(1, _CELLS // groups)
    for start in range(0, resamples, rows):
        yield rng.integers(groups, size=(min(rows, resamples - start), groups))


def _resample(columns: Sequence[_Column], resamples: int, rng: np.random.Generator) -> Iterator[list[Floats]]:
    """The sums and counts of each column on drawn clusters: [sums [R], counts [R], the next column's sums, ...]."""
    table = np.stack([row for column in columns for row in (column.sums, column.counts)])
    for draw in _draws(table.shape[1], resamples, rng):
        yield [row[draw].sum(axis=1) for row in table]


def _statistic(
    measures: Sequence[Statistic], clusters: Sequence[int], resamples: int, rng: np.random.Generator
) -> Estimate | None:
    """One statistic, or the second minus the first, bootstrapped."""

    def value(indices: Sequence[int]) -> float | None:
        results = [measure.compute(indices) for measure in measures]
        numbers = [result for result in results if result is not None]
        if len(numbers) < len(results):
            return None
        if not all(map(math.isfinite, numbers)):
            raise ValueError(f"a statistic answered {numbers}, not finite numbers")
        return float(numbers[-1] - (numbers[0] if len(numbers) > 1 else 0.0))

    whole = value(range(len(clusters))) if len(clusters) else None
    if whole is None:
        return None
    numbers, groups = _numbered(clusters)
    members = [np.flatnonzero(numbers == group) for group in range(groups)]
    found = [
        result
        for draws in _draws(groups, min(resamples, STATISTIC_RESAMPLES), rng)
        for draw in draws
        if (result := value(np.concatenate([members[group] for group in draw]).tolist())) is not None
    ]
    return Estimate(whole, *_percentiles(np.array(found), groups), len(clusters))


def _percentiles(found: Floats, groups: int, *_: float) -> tuple[float, float]:
    """The ends of the interval from what the resamples gave."""
    if groups < 2 or len(found) == 0:
        return -math.inf, math.inf
    level = math.erfc(math.sqrt(groups / (groups - 1)) * _student(groups - 1) / math.sqrt(2)) / 2
    low, high = np.quantile(found, (level, 1 - level))
    return float(low), float(high)


def _rate_ends(found: Floats, groups: int, rate: float, n: int) -> tuple[float, float]:
    """Wilson's interval on as many independent responses as spread like the resampled rates; at most n.

    It never ends inside the interval of a rate without a single case, so that one more case cannot tighten a bound.
    """
    spread = float(found.var()) * groups / max(groups - 1, 1)
    effective = min(rate * (1 - rate) / spread, n) if spread > 0 else groups
    low, high = wilson(rate * effective, effective)
    return min(low, wilson(groups, groups)[0]), max(high, wilson(0, groups)[1])


def _student(freedom: int) -> float:
    """The 97.5 % point of Student's t, by the Cornish-Fisher series (3.16 for 3 degrees of freedom; exact: 3.18)."""
    z3, z5, z7 = Z**3, Z**5, Z**7
    return (
        Z
        + (z3 + Z) / (4 * freedom)
        + (5 * z5 + 16 * z3 + 3 * Z) / (96 * freedom**2)
        + (3 * z7 + 19 * z5 + 17 * z3 - 15 * Z) / (384 * freedom**3)
    )


def _same_move(before: _Column, after: _Column) -> float | None:
    """The change that every cluster shares, if it is -1, 0 or 1."""
    both = (before.counts > 0) & (after.counts > 0)
    moves = after.only(both).sums / after.only(both).counts - before.only(both).sums / before.only(both).counts
    return float(moves[0]) if len(moves) and (moves == moves[0]).all() and moves[0] in (-1.0, 0.0, 1.0) else None
