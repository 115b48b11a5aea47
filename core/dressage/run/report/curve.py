"""Training curves as small multiples: one SVG path a metric, in the coordinates of a fixed view box."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dressage.run.report.numbers import as_float, number

WIDTH, HEIGHT = 300, 124
LEFT, RIGHT, TOP, BOTTOM = 44, 292, 10, 102
_POINTS = 160
_FIRST = ("score", "kl", "entropy", "response_length", "policy_loss", "value_loss", "loss", "accuracy",
          "held_out_loss", "held_out_accuracy")  # fmt: skip
_TITLES = {
    "score": "Total reward",
    "kl": "KL to the reference",
    "entropy": "Entropy",
    "response_length": "Reply length",
    "policy_loss": "Policy loss",
    "value_loss": "Value loss",
    "loss": "Loss",
    "accuracy": "Accuracy",
    "held_out_loss": "Loss, held out",
    "held_out_accuracy": "Accuracy, held out",
    "finished": "Replies that ended by themselves",
    "clip_fraction": "Share clipped",
    "explained_variance": "Variance explained by the value",
}

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Curve:
    """One metric of one stage: the path, where the selected step lies, and the labels of the axes."""

    title: str
    path: str
    dots: tuple[tuple[float, float], ...]
    last: str
    """The value to read off: the last, or in a selection's history that of the selected step."""
    low: str
    high: str
    first_step: str
    last_step: str
    zero: float | None
    selected: tuple[float, float] | None
    averaged: int
    """Steps that each point is the mean of."""
    summary: str


@dataclass(frozen=True)
class StageCurves:
    """The curves of a stage: those to see at once, and the others."""

    stage: str
    main: tuple[Curve, ...]
    more: tuple[Curve, ...]
    selected: Mapping[str, Any] | None


def stage_curves(metrics: Iterable[Mapping[str, Any]], stages: Sequence[Mapping[str, Any]]) -> tuple[StageCurves, ...]:
    """The curves of each stage that logged anything, in the order of `stages`, then of the log."""
    series: dict[str, dict[str, list[tuple[float, float]]]] = {str(s.get("name")): {} for s in stages}
    for row in metrics:
        step = as_float(row.get("step"))
        for name, raw in (row.get("metrics") or {}).items():
            if step is not None and (value := as_float(raw)) is not None:
                series.setdefault(str(row.get("stage")), {}).setdefault(name, []).append((step, value))
    chosen = {str(s.get("name")): s.get("selected") for s in stages}
    return tuple(_stage(name, found, chosen.get(name)) for name, found in series.items() if found or chosen.get(name))


def _stage(name: str, series: Mapping[str, Points], selected: Mapping[str, Any] | None) -> StageCurves:
    at = as_float((selected or {}).get("step"))
    main: list[Curve] = []
    more: list[Curve] = []
    if selected and (history := _history(selected)):
        main.append(curve(str(selected.get("metric") or "selection"), history, selected=at, dotted=True))
    for metric in sorted(series, key=_rank):
        (main if _is_main(metric) else more).append(curve(_title(metric), series[metric], selected=at))
    return StageCurves(name, tuple(main), tuple(more), selected)


def _history(selected: Mapping[str, Any]) -> Points:
    pairs = [pair for pair in selected.get("history") or () if isinstance(pair, Sequence) and len(pair) == 2]
    found = [(as_float(step), as_float(value)) for step, value in pairs]
    return [(step, value) for step, value in found if step is not None and value is not None]


def _is_main(metric: str) -> bool:
    raw = metric.startswith("reward.") and metric.endswith(".raw")
    return metric in _FIRST or raw or (metric.startswith("limit.") and metric.endswith(".multiplier"))


def _rank(metric: str) -> tuple[int, str]:
    if metric == "score":
        return -3, metric
    if metric.startswith(("reward.", "limit.")):
        return -2 if metric.startswith("reward.") else -1, metric
    return (_FIRST.index(metric), "") if metric in _FIRST else (len(_FIRST), metric)


def _title(metric: str) -> str:
    if metric.startswith("reward.") and metric.endswith(".raw"):
        return f"Reward {metric.removeprefix('reward.').removesuffix('.raw')}"
    if metric.startswith("limit."):
        return f"Limit of {metric.removeprefix('limit.').replace('.', ', ')}"
    return _TITLES.get(metric, metric.replace("_", " "))


def curve(title: str, points: Points, *, selected: float | None = None, dotted: bool = False) -> Curve:
    """The drawing of `points` (step, value), sorted by step; long ones are averaged to 160 points."""
    ordered = sorted(points)
    drawn, averaged = _thin(ordered)
    steps, values = [s for s, _ in drawn], [v for _, v in drawn]
    low, high = min(values), max(values)
    placed = [(_scale(s, steps[0], steps[-1], LEFT, RIGHT), _scale(v, low, high, BOTTOM, TOP)) for s, v in drawn]
    first, last = ordered[0], ordered[-1]
    mark, chosen = None, ""
    if selected is not None and first[0] <= selected <= last[0]:
        away = [abs(step - selected) for step in steps]
        mark = away.index(min(away))
        chosen = f", selected step {number(selected)}: {number(values[mark])}"
    return Curve(
        title=title,
        path="M" + "L".join(f"{x:g} {y:g}" for x, y in placed),
        dots=tuple(placed) if dotted or len(placed) == 1 else (),
        last=number(values[mark] if dotted and mark is not None else last[1]),
        low=number(low),
        high=number(high) if high > low else "",
        first_step=number(first[0]),
        last_step=number(last[0]) if last[0] > first[0] else "",
        zero=_scale(0.0, low, high, BOTTOM, TOP) if low < 0 < high else None,
        selected=placed[mark] if mark is not None else None,
        averaged=averaged,
        summary=f"{title}: {number(first[1])} at step {number(first[0])}, {number(last[1])} at step "
        f"{number(last[0])}, between {number(low)} and {number(high)}{chosen}",
    )


def _thin(points: Points) -> tuple[Points, int]:
    size = -(-len(points) // _POINTS)
    if size == 1:
        return points, 1
    chunks = [points[i : i + size] for i in range(0, len(points), size)]
    return [(sum(s for s, _ in c) / len(c), sum(v for _, v in c) / len(c)) for c in chunks], size


def _scale(value: float, low: float, high: float, start: float, end: float) -> float:
    share = (value - low) / (high - low) if high > low else 0.5
    return round(start + share * (end - start), 1)
