"""Writes `report.html`: one file that asks the network for nothing and says so in its content security policy."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jinja2 import ChainableUndefined, Environment, FileSystemLoader
from markupsafe import Markup

from dressage.run.report import curve, numbers
from dressage.run.report.curve import stage_curves
from dressage.run.report.dumbbell import dumbbell
from dressage.run.report.figure import Figure, key_figures, read_figures
from dressage.run.report.folder import RunRecord, read_run
from dressage.run.report.sample import choose_samples
from dressage.run.report.verdict import verdict

_TEMPLATES = Path(__file__).parent / "templates"


def write_html(folder: Path) -> Path:
    """Writes `report.html` into a run folder from the files that are there, and returns its path.

    Raises:
        DataError: `folder` is not one, or a file in it is not JSON.
    """
    path = folder / "report.html"
    page = render(read_run(folder))
    # a reply may hold half a surrogate pair, which no encoding has
    new = path.with_name("report.html.new")
    new.write_bytes(page.encode("utf-8", "replace"))
    os.replace(new, path)
    return path


def render(run: RunRecord) -> str:
    """The page as text."""
    report = run.report
    status = str(report.get("status") or "")
    figures = read_figures(report)
    style, script = _asset("report.css"), _asset("report.js")
    samples = choose_samples(run.samples, figures)
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            run=replace(run, environment=_public(run.environment)),
            report=report,
            status=status,
            verdict=verdict(figures, report.get("gate"), status=status),
            figures=figures,
            cards=key_figures(figures),
            stage_columns=_stage_columns(figures),
            final=_final_title(figures),
            dumbbell=dumbbell(figures),
            curves=stage_curves(run.metrics, report.get("stages") or ()),
            fits=_fits(report),
            gate=_gate(report),
            rates={figure.path: figure.rate for figure in figures},
            samples=samples,
            samples_left=len(run.samples) - len(samples),
            sets=sorted({sample.set for sample in samples}),
            seconds=_seconds(report),
            policy=_policy(style, script),
            style=style,
            script=script,
        )
    )


def _public(environment: Mapping[str, Any]) -> Mapping[str, Any]:
    """Without the YAML's folder: a report is passed on, and a home folder's name is nobody's business."""
    return {key: value for key, value in environment.items() if key != "folder"}


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,  # always: the default goes by the template's file name
        undefined=ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": numbers.number,
        "quantity": numbers.quantity,
        "interval": numbers.interval,
        "duration": numbers.duration,
        "size": numbers.size,
        "plain": _plain,
    }
    environment.globals["box"] = curve
    return environment


def _asset(name: str) -> Markup:
    """A style sheet or script of this package, as it stands; nothing of a run ever goes into one."""
    return Markup("\n" + (_TEMPLATES / name).read_text("utf-8"))


def _policy(style: str, script: str) -> str:
    """Nothing may be fetched, and only this style sheet and this script, by their hashes, may act."""
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    return (
        f"default-src 'none'; style-src 'sha256-{digests[0]}'; script-src 'sha256-{digests[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _plain(value: Any) -> str:
    """A value of the record as text: structures as indented JSON."""
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return "" if value is None else str(value)


def _stage_columns(figures: Sequence[Figure]) -> list[str]:
    """The stages that have a column of their own; the last has none where it is what "after" measured."""
    names = list(dict.fromkeys(name for figure in figures for name in figure.stages))
    return names[:-1] if names and _is_final(figures, names[-1]) else names


def _final_title(figures: Sequence[Figure]) -> str:
    names = list(dict.fromkeys(name for figure in figures for name in figure.stages))
    return f"After {names[-1]}" if names and _is_final(figures, names[-1]) else "After"


def _is_final(figures: Sequence[Figure], stage: str) -> bool:
    return all(figure.stages.get(stage) == figure.after for figure in figures)


def _fits(report: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Each fitted reward with its stage."""
    stages = report.get("stages") or ()
    return [(str(s.get("name")), r) for s in stages for r in s.get("rewards") or () if r.get("fit")]


def _gate(report: Mapping[str, Any]) -> Mapping[str, Any]:
    """The gate, or an empty mapping where the run had none."""
    gate = report.get("gate") or {}
    return gate if gate.get("conditions") or gate.get("verdict", "none") != "none" else {}


def _seconds(report: Mapping[str, Any]) -> list[tuple[str, float, float]]:
    """Each phase with its seconds and its share of the longest, in per cent."""
    found = {k: s for k, v in (report.get("seconds") or {}).items() if (s := numbers.as_float(v)) is not None}
    longest = max((s for k, s in found.items() if k != "total"), default=0.0) or 1.0
    return [(phase, s, min(100.0, 100 * s / longest)) for phase, s in found.items()]
