"""Checks a run's YAML against what is installed: from a file to a plan, or to all that is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from dressage.host.component import Checker
from dressage.host.data import read_data
from dressage.host.discovery import Discovery
from dressage.host.document import Document, read_document
from dressage.host.evaluation import check_selects, read_evaluate, read_gate
from dressage.host.findings import Findings, shown
from dressage.host.keys import NoKeys
from dressage.host.model import read_model
from dressage.host.overrides import apply_overrides, apply_variables
from dressage.host.requires import check_requires
from dressage.host.resolved import Writer
from dressage.host.stages import read_filters, read_stages
from dressage.spec.plan import Plan
from dressage.spec.sections import CheckpointConfig

KEYS = (
    "version", "seed", "requires", "model", "data", "filters", "stages", "evaluate", "gate", "observers", "checkpoints",
)  # fmt: skip
"""The YAML's sections."""


def check(
    path: Path, discovery: Discovery, *, overrides: Sequence[str] = (), environ: Mapping[str, str] = os.environ
) -> Plan:
    """A run as the YAML, `KEY=VALUE` overrides and `DRESSAGE_*` variables have it.

    Raises `ConfigError` with every problem, in the order of their places.
    """
    return check_document(read_document(path), discovery, overrides=overrides, environ=environ)


def check_document(
    document: Document,
    discovery: Discovery,
    *,
    overrides: Sequence[str] = (),
    environ: Mapping[str, str] = os.environ,
) -> Plan:
    """The same of a document that is read already: a run's own record, or plain values."""
    findings = Findings(document)
    apply_variables(findings, environ)
    apply_overrides(findings, overrides)
    raw = findings.mapping((), findings.document.data)
    if not raw and not findings:
        findings.add((), "the file is empty; `dressage init` writes one to start from")
    if not raw:
        findings.stop()
    absent = check_requires(discovery.catalog, findings, raw.get("requires"))
    plan = _read(Checker(discovery.catalog, findings, absent), raw)
    findings.stop()
    plan = replace(plan, plugins=discovery.plugins)
    return replace(plan, resolved=Writer(plan, discovery.catalog).write(raw.get("requires")))


def _read(checker: Checker, raw: Mapping[str, object]) -> Plan:
    """The plan of the YAML's sections; only good for use where nothing was found."""
    findings = checker.findings
    for key in raw:
        if key not in KEYS:
            findings.unknown((key,), KEYS)
    if raw.get("version", 1) != 1 or isinstance(raw.get("version"), bool):
        findings.add(("version",), f"must be 1, not {shown(raw['version'])}")
    model, base = read_model(checker, raw.get("model"))
    data, bad_rows = read_data(checker, raw.get("data"))
    filters = read_filters(checker, raw.get("filters"), data)
    stages = read_stages(checker, raw.get("stages"), data)
    evaluate = read_evaluate(checker, raw.get("evaluate"))
    selects = check_selects(checker, stages, evaluate)
    gate = read_gate(checker, raw.get("gate"), evaluate, selects)
    observers = checker.items("observer", ("observers",), raw.get("observers"), keys=NoKeys)
    checkpoints = findings.mapping(("checkpoints",), raw.get("checkpoints"))
    saving = checker.section(CheckpointConfig, ("checkpoints",), checkpoints)
    if not raw.get("stages") and not raw.get("evaluate"):
        findings.add((), "there is nothing to do: give stages, evaluate or both")
    return Plan(
        file=Path(findings.document.file),
        folder=findings.document.folder,
        source=findings.document.source,
        resolved={},
        seed=_read_seed(findings, raw.get("seed", 0)),
        model=model,
        base=base,
        data=data,
        bad_rows=bad_rows,
        filters=filters,
        stages=stages,
        evaluate=evaluate,
        gate=gate,
        observers=tuple(item.planned for item in observers),
        checkpoints=saving or CheckpointConfig(),
    )


def _read_seed(findings: Findings, raw: object) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool) and 0 <= raw < 2**32:
        return raw
    findings.add(("seed",), f"must be a whole number from 0 to {2**32 - 1}, not {shown(raw)}")
    return 0
