"""Reads `evaluate:` and `gate:`, and every dotted path MEASURE.SET.METRIC."""

from __future__ import annotations

from collections.abc import Sequence

from dressage.host.annotations import fields_by_key
from dressage.host.component import Checker, choose
from dressage.host.data import read_sets
from dressage.host.document import Steps
from dressage.host.keys import Bound, OnKeys
from dressage.host.suggest import hint
from dressage.spec.plan import EvaluatePlan, GatePlan, MeasurePlan, StagePlan
from dressage.spec.sections import EvaluateSettings

_KEYS = ("sets", "measures", *fields_by_key(EvaluateSettings))


def read_evaluate(checker: Checker, raw: object) -> EvaluatePlan:
    """What is measured, and on which sets."""
    findings = checker.findings
    path: Steps = ("evaluate",)
    values = findings.mapping(path, raw)
    for key in values:
        if key not in _KEYS:
            findings.unknown((*path, key), _KEYS)
    settings = checker.section(EvaluateSettings, path, {k: values[k] for k in _KEYS[2:] if k in values})
    sets = read_sets(checker, (*path, "sets"), findings.mapping((*path, "sets"), values.get("sets")))
    measures = []
    for item in checker.items("evaluator", (*path, "measures"), values.get("measures"), keys=OnKeys):
        on = tuple(sets) if item.keys.on is None else item.keys.on
        at = findings.step(item.steps, "on")
        for name in item.keys.on or ():
            choose(findings, at, name, sets, what="set of evaluate.sets")
        measures.append(MeasurePlan(item.planned, on))
    if measures and not values.get("sets"):
        findings.add((*path, "measures"), "there is nothing to measure on: give evaluate.sets", key=True)
    return EvaluatePlan(sets, tuple(measures), settings or EvaluateSettings())


def check_selects(checker: Checker, stages: Sequence[StagePlan], evaluate: EvaluatePlan) -> dict[str, str]:
    """The sets by which stages choose an iteration, each with the path of that `select:`."""
    sets = {}
    for stage in stages:
        if stage.select is None:
            continue
        path: Steps = (*_steps(stage.component.path), "select", "metric")
        metric = stage.select.metric
        for one in [metric] if isinstance(metric, str) else metric:
            at = path if isinstance(metric, str) else (*path, one)
            if parts := _check_metric(checker, at, one, evaluate, key=at != path):
                sets[parts[1]] = f"{stage.component.path}.select"
        if not isinstance(metric, str) and stage.select.mode is not None:
            message = "is for a single metric; several are summed by their weights and maximised"
            checker.findings.add((*path[:-1], "mode"), message, key=True)
    return sets


def read_gate(checker: Checker, raw: object, evaluate: EvaluatePlan, selects: dict[str, str]) -> tuple[GatePlan, ...]:
    """The conditions of the gate, none of them on a set that a stage chose its model by."""
    plans = []
    for metric, one in checker.findings.mapping(("gate",), raw).items():
        path: Steps = ("gate", metric)
        parts = _check_metric(checker, path, str(metric), evaluate, key=True)
        if parts and parts[1] in selects:
            message = (
                f"{selects[parts[1]]} chooses the model by set {parts[1]!r}, so that set proves nothing; name another"
            )
            checker.findings.add(path, message, key=True)
        bound = checker.section(Bound, path, one)
        if bound:
            plans.append(GatePlan(str(metric), bound, checker.findings.document.where_key(path)))
    return tuple(plans)


def _check_metric(
    checker: Checker, path: Steps, metric: str, evaluate: EvaluatePlan, *, key: bool = False
) -> tuple[str, str, str] | None:
    """The three parts of a dotted path, or None where the run does not measure it (and noted)."""
    findings = checker.findings
    parts = metric.split(".", 2)
    if len(parts) < 3 or not all(parts):
        findings.add(path, f"must be MEASURE.SET.METRIC, as refusal.harmful.rate, not {metric!r}", key=key)
        return None
    measures = {plan.component.name: plan for plan in evaluate.measures}
    name, on, _ = parts
    if not choose(findings, path, name, measures, what="measure of evaluate.measures", key=key):
        return None
    if on not in measures[name].on:
        known = hint(on, measures[name].on) or f"; it is measured on: {', '.join(measures[name].on) or 'nothing'}"
        findings.add(path, f"{name!r} is not measured on {on!r}{known}", key=key)
        return None
    return name, on, parts[2]


def _steps(path: str) -> Steps:
    """The steps of a component's path in the YAML."""
    return tuple(int(step) if step.isdecimal() else step for step in path.split("."))
