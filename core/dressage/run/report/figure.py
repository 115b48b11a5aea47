"""The rows of the before/after table: one `Figure` a measure, set and metric, and what its change amounts to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from dressage.run.report.numbers import as_float, difference, interval, quantity

Outcome = Literal["better", "worse", "unclear", "unjudged", "absent"]
Standing = Literal["independent", "selected on", "related", "trained on"]

STANDINGS: tuple[Standing, ...] = ("independent", "selected on", "related", "trained on")
"""The order of rows: the judge that knows least of the training comes first."""


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval; None where a part is not known."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None

    @classmethod
    def read(cls, raw: Any) -> Estimate | None:
        """The estimate in a mapping of the report; None where it has no finite value."""
        if not isinstance(raw, Mapping) or (value := as_float(raw.get("value"))) is None:
            return None
        n = raw.get("n")
        return cls(value, as_float(raw.get("low")), as_float(raw.get("high")), n if isinstance(n, int) else None)

    @property
    def bounded(self) -> bool:
        """Whether both ends of the interval are finite."""
        return self.low is not None and self.high is not None


@dataclass(frozen=True)
class Figure:
    """One metric of one measure on one evaluation set."""

    measure: str
    set: str
    metric: str
    before: Estimate | None = None
    stages: Mapping[str, Estimate | None] = field(default_factory=dict)
    after: Estimate | None = None
    change: Estimate | None = None
    better: Literal["higher", "lower", "neither"] = "neither"
    rate: bool = False
    standing: Standing = "independent"
    why: str = ""
    """Why the standing is not `independent`."""
    gated: bool = False
    """Whether a gate condition reads it."""

    @property
    def path(self) -> str:
        """The dotted path MEASURE.SET.METRIC, which is also the gate's key."""
        return f"{self.measure}.{self.set}.{self.metric}"

    @property
    def label(self) -> str:
        """Measure and metric in one phrase; a metric named like its measure is said once."""
        return self.measure if self.metric == self.measure else f"{self.measure} {self.metric.replace('_', ' ')}"

    @property
    def moved(self) -> float | None:
        """How much the value changed, with or without an interval."""
        if self.change is not None:
            return self.change.value
        if self.before is None or self.after is None:
            return None
        return (self.after.value or 0.0) - (self.before.value or 0.0)

    @property
    def outcome(self) -> Outcome:
        """`better` or `worse` only where the interval of the change leaves out zero."""
        if self.moved is None:
            return "absent"
        if self.better == "neither":
            return "unjudged"
        if self.change is None or self.change.low is None or self.change.high is None:
            return "unclear"
        if self.change.low <= 0 <= self.change.high:
            return "unclear"
        return "better" if (self.change.low > 0) == (self.better == "higher") else "worse"

    @property
    def n(self) -> int | None:
        """Responses that were counted, of the last model that was measured."""
        return next((e.n for e in (self.after, *reversed(list(self.stages.values())), self.before) if e and e.n), None)

    def shown(self, estimate: Estimate | None) -> str:
        """An estimate's value as text."""
        return quantity(estimate.value if estimate else None, rate=self.rate)

    def ends(self, estimate: Estimate | None) -> str:
        """An estimate's interval as text."""
        if estimate is None:
            return ""
        return interval(estimate.low, estimate.high, rate=self.rate, like=estimate.value)

    @property
    def change_shown(self) -> str:
        """The change as text; of a rate in percentage points."""
        return difference(self.moved, rate=self.rate, like=self._change_scale)

    @property
    def change_ends(self) -> str:
        """The interval of the change as text."""
        if self.change is None:
            return ""
        return interval(self.change.low, self.change.high, rate=self.rate, like=self._change_scale, signed=True)

    @property
    def _change_scale(self) -> float:
        """The widest number of the change, which sets the precision of all three."""
        ends = (self.change.low, self.change.high) if self.change else ()
        return max(abs(number) for number in (self.moved or 0.0, *(end or 0.0 for end in ends)))


def read_figures(report: Mapping[str, Any]) -> tuple[Figure, ...]:
    """All figures of a report: independent judges first, then in the order of its measures."""
    measures = {m["name"]: m for m in report.get("measures") or () if m.get("name")}
    selected = _selected_sets(report)
    gated = {c.get("metric") for c in (report.get("gate") or {}).get("conditions") or ()}
    figures: list[Figure] = []
    for measure, sets in (report.get("evaluators") or {}).items():
        for set_name, metrics in (sets or {}).items():
            for metric, raw in (metrics or {}).items():
                standing, why = _standing(measures.get(measure) or {}, selected.get(set_name, ""))
                figure = _figure(measure, set_name, metric, raw or {}, standing, why)
                figures.append(Figure(**{**vars(figure), "gated": figure.path in gated}))
    order = list(measures)
    return tuple(sorted(figures, key=lambda f: (STANDINGS.index(f.standing), _index(order, f.measure))))


def _figure(measure: str, set_name: str, metric: str, raw: Mapping[str, Any], standing: Standing, why: str) -> Figure:
    better = raw.get("better")
    return Figure(
        measure=measure,
        set=set_name,
        metric=metric,
        before=Estimate.read(raw.get("before")),
        stages={name: Estimate.read(value) for name, value in (raw.get("stages") or {}).items()},
        after=Estimate.read(raw.get("after")),
        change=Estimate.read(raw.get("change")),
        better=better if better in ("higher", "lower") else "neither",
        rate=bool(raw.get("rate")),
        standing=standing,
        why=why,
    )


def _standing(measure: Mapping[str, Any], selected: str) -> tuple[Standing, str]:
    mark, why = measure.get("mark") or "", measure.get("why") or ""
    if mark == "trained on":
        return "trained on", why or "the run trained on this judge, or filtered its data with it"
    if mark == "related":
        return "related", why or "the judge learnt from a data set that a source of the training learnt from too"
    return ("selected on", selected) if selected else ("independent", "")


def _selected_sets(report: Mapping[str, Any]) -> dict[str, str]:
    """Each evaluation set that a stage chose its iteration by, with the reason as a sentence."""
    metrics = {
        f"{measure}.{set_name}.{metric}": set_name
        for measure, sets in (report.get("evaluators") or {}).items()
        for set_name, values in (sets or {}).items()
        for metric in values or {}
    }
    found: dict[str, str] = {}
    for stage in report.get("stages") or ():
        selected = stage.get("selected") or {}
        for path in selected.get("paths") or [selected.get("metric")]:
            if path in metrics:
                found[metrics[path]] = f"stage {stage.get('name')} chose its best iteration by {path}"
    return found


def _index(order: Sequence[str], name: str) -> int:
    return order.index(name) if name in order else len(order)


def key_figures(figures: Sequence[Figure], limit: int = 6) -> tuple[Figure, ...]:
    """The figures for the cards: independent and judged, those of the gate first, clear changes before unclear ones.

    Where no judge is independent, the nearest to it are taken.
    """
    judged = [f for f in figures if f.outcome in ("better", "worse", "unclear")]
    kept = [f for f in judged if f.standing == "independent"] or judged
    clear = {"worse": 0, "better": 0, "unclear": 1}
    ranked = sorted(kept, key=lambda f: (not f.gated, not f.rate, clear[f.outcome], -abs(f.moved or 0.0)))
    return tuple(ranked[:limit])
