"""What the results may claim: which judges are unrelated to the training, and whether the gate is met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dressage.run.build import Workshop
from dressage.run.detectors import Detector, detectors, read_detectors
from dressage.spec.plan import GatePlan, Plan, Planned


class Past(NamedTuple):
    """What the model behind the results went through, as reports of its stages and filters tell it."""

    stages: Sequence[Mapping[str, Any]] = ()
    filters: Sequence[Mapping[str, Any]] = ()


def marks(plan: Plan, workshop: Workshop, past: Past | None = None) -> list[dict[str, Any]]:
    """Per measure its judges, and whether they were trained on or are related to a detector that was.

    A source of the training that this process did not make is read from the reports in `past`; where they do not say
    what is inside it, it is made.
    """
    trained = _trained(plan, workshop, past or Past())
    found = []
    for measure in plan.evaluate.measures:
        judges = workshop.inside.get(measure.component.path, [])
        mark, why = _mark(detectors(judges), trained)
        found.append(
            {
                "name": measure.component.name,
                "use": measure.component.entry.name,
                "on": list(measure.on),
                "judges": [{"name": j.ctx.name, "trained_on": sorted(j.trained_on)} for j in judges],
                "mark": mark,
                "why": why,
            }
        )
    return found


def _trained(plan: Plan, workshop: Workshop, past: Past) -> list[tuple[str, Detector]]:
    """The detectors that the run trained on or filtered with."""
    known = {(s["name"], r["name"]): r for s in past.stages for r in s["rewards"]}
    known |= {("", f["name"]): f for f in past.filters}
    sources = [
        (f"stage {s.name}", r.component, known.get((s.name, r.component.name)))
        for s in plan.stages
        for r in s.rewards
        if r.weight > 0 or r.limit is not None
    ]
    sources += [(f"filter {f.component.name}", f.component, known.get(("", f.component.name))) for f in plan.filters]
    return [(place, found) for place, planned, told in sources for found in _inside(planned, workshop, told)]


def _inside(planned: Planned, workshop: Workshop, told: Mapping[str, Any] | None) -> list[Detector]:
    if planned.path not in workshop.inside:
        if told is not None and "detectors" in told:
            return read_detectors(told["detectors"])
        workshop.make(planned)
    return detectors(workshop.inside.get(planned.path, []))


def _mark(judges: Sequence[Detector], trained: Sequence[tuple[str, Detector]]) -> tuple[str, str]:
    mark, why = "", ""
    for judge in judges:
        for place, other in trained:
            if judge.same_as(other):
                return "trained on", f"{place} used the same detector"
            shared = judge.trained_on & other.trained_on
            if shared:
                mark, why = "related", f"{place} used a detector that learnt from {', '.join(sorted(shared))} too"
    return mark, why


def gate(plan: Plan, evaluators: Mapping[str, Any], measures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Each condition on the worst end of the 95 % interval; one that is not met decides, then one that is unclear."""
    if not plan.gate:
        return {"verdict": "none", "conditions": []}
    selecting = {name for stage in plan.stages if stage.select is not None for name in _sets(stage.select.metric)}
    conditions = [_condition(g, evaluators, measures, selecting) for g in plan.gate]
    verdicts = [c["verdict"] for c in conditions]
    short = "met" if all(v == "met" for v in verdicts) else "inconclusive"
    verdict = "not met" if "not met" in verdicts else short
    return {"verdict": verdict, "conditions": conditions}


def _sets(metric: str | Mapping[str, float]) -> list[str]:
    return [path.split(".")[1] for path in ([metric] if isinstance(metric, str) else metric)]


def _condition(
    gate: GatePlan, evaluators: Mapping[str, Any], measures: Sequence[Mapping[str, Any]], selecting: set[str]
) -> dict[str, Any]:
    measure, name, metric = gate.metric.split(".", 2)
    bound = {key: value for key, value in (("max", gate.bound.max), ("min", gate.bound.min)) if value is not None}
    found = evaluators.get(measure, {}).get(name, {}).get(metric, {}).get("after")
    result: dict[str, Any] = {"metric": gate.metric, "bound": bound, "why": ""}
    if found is None:
        return result | {
            "value": None,
            "low": None,
            "high": None,
            "verdict": "inconclusive",
            "why": "it was not measured",
        }
    result |= {key: found[key] for key in ("value", "low", "high")}
    mark = next((m for m in measures if m["name"] == measure), {"mark": "", "why": ""})
    if mark["mark"]:
        return result | {"verdict": "cannot count", "why": f"{mark['mark']}: {mark['why']}"}
    if name in selecting:
        return result | {"verdict": "cannot count", "why": f"the iteration was selected on the set {name!r}"}
    return result | {"verdict": _compare(found, bound)}


def _compare(found: Mapping[str, float], bound: Mapping[str, float]) -> str:
    """Met where the whole interval is within the bound, not met where all of it is outside, else inconclusive."""
    low, high = found["low"], found["high"]
    if high <= bound.get("max", float("inf")) and low >= bound.get("min", float("-inf")):
        return "met"
    outside = low > bound.get("max", float("inf")) or high < bound.get("min", float("-inf"))
    return "not met" if outside else "inconclusive"
