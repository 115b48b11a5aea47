"""Where the points and intervals of the before/after plot lie, in per cent of its width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dressage.run.report.figure import Estimate, Figure, Standing

_ROWS = 24
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25)


@dataclass(frozen=True)
class Point:
    """A value with its interval on the axis, in per cent of the width."""

    x: float
    low: float
    high: float
    text: str


@dataclass(frozen=True)
class Row:
    """One rate: before, the stages between, after."""

    figure: Figure
    before: Point | None
    between: tuple[Point, ...]
    after: Point | None


@dataclass(frozen=True)
class Dumbbell:
    """The plot: its rows by standing, the ticks of its common axis, and how many rows were left out."""

    groups: tuple[tuple[Standing, tuple[Row, ...]], ...]
    ticks: tuple[tuple[float, str], ...]
    left_out: int


def dumbbell(figures: Sequence[Figure]) -> Dumbbell | None:
    """The plot of all rates on one axis from 0; None where there is no rate."""
    rates = [f for f in figures if f.rate and (f.before or f.after)]
    if not rates:
        return None
    shown = rates[:_ROWS]
    top, ticks = _axis([e for f in shown for e in (f.before, f.after, *f.stages.values()) if e])
    groups: dict[Standing, list[Row]] = {}
    for figure in shown:
        groups.setdefault(figure.standing, []).append(_row(figure, top))
    return Dumbbell(tuple((s, tuple(rows)) for s, rows in groups.items()), ticks, len(rates) - len(shown))


def _axis(estimates: Sequence[Estimate]) -> tuple[float, tuple[tuple[float, str], ...]]:
    """The end of the axis and about five ticks; it starts at 0 so that lengths can be compared."""
    reach = min(1.0, max(max(e.value or 0.0, e.high or 0.0) for e in estimates)) or 0.01
    step = next((s for s in _STEPS if reach / s <= 5.001), _STEPS[-1])
    count = max(1, -int(-(reach - 1e-9) // step))
    return count * step, tuple((100 * i / count, f"{100 * i * step:.0f}%") for i in range(count + 1))


def _row(figure: Figure, top: float) -> Row:
    stages = list(figure.stages.items())
    if stages and stages[-1][1] == figure.after:  # the last stage is what "after" measured
        stages.pop()
    between = tuple(_point(figure, e, top, f"after {name}") for name, e in stages if e)
    before = _point(figure, figure.before, top, "before") if figure.before else None
    after = _point(figure, figure.after, top, "after") if figure.after else None
    return Row(figure, before, between, after)


def _point(figure: Figure, estimate: Estimate, top: float, label: str) -> Point:
    def place(value: float | None) -> float:
        share = (estimate.value or 0.0) if value is None else value
        return round(100 * min(max(share / top, 0.0), 1.0), 2)

    ends = figure.ends(estimate)
    text = f"{label}: {figure.shown(estimate)}" + (f" ({ends})" if ends else "")
    return Point(place(estimate.value), place(estimate.low), place(estimate.high), text)
