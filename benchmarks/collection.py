"""Finished runs of one example with several seeds, put together: means, spread and intervals of every metric."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.people import NAMES

Reports = Mapping[int, Mapping[str, Any]]
"""`report.json` by seed."""
LEFT_OUT = frozenset({"expected_max", "any_of_n"})
"""Metrics over a prompt's replies: replies that were sampled as copies of a prompt are not seen as one prompt's."""


def read(folder: Path) -> dict[str, Any] | None:
    """The report of a finished run, with the area under the curve where it was measured; None of an unfinished one."""
    path = folder / "report.json"
    if not path.is_file():
        return None
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if report["status"] != "complete":
        return None
    area = folder / "area.json"
    if area.is_file() and (found := json.loads(area.read_text(encoding="utf-8"))):
        report["evaluators"]["refusal-area"] = found
    return report


def collect(reports: Reports) -> dict[str, Any]:
    """What the README and a reader need of an example's runs."""
    first = next(iter(reports.values()))
    sets = {name for sets in first["evaluators"].values() for name in sets}
    return {
        "seeds": sorted(reports),
        "model": {key: first["model"][key] for key in ("base", "parameters", "trained_parameters", "dtype", "sha256")},
        "plugins": first["plugins"],
        "stages": [stage["name"] for stage in first["stages"]],
        "selected": {
            stage["name"]: {str(seed): _selected(report, stage["name"]) for seed, report in reports.items()}
            for stage in first["stages"]
        },
        "fits": {str(seed): _fits(report) for seed, report in reports.items()},
        "marks": {measure["name"]: measure["mark"] for measure in first["measures"]},
        "seconds": _phases(report["seconds"] for report in reports.values()),
        "peak_bytes": max(report["peak_bytes"] for report in reports.values()),
        "absent": [name for name in NAMES if name not in sets],
        "metrics": metrics({seed: report["evaluators"] for seed, report in reports.items()}),
    }


def metrics(evaluators: Reports) -> dict[str, Any]:
    """By dotted path and by when (`before`, each stage, `after`): the numbers of all seeds as one."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for seed, measures in evaluators.items():
        for path, entry in _entries(measures):
            for when, number in _times(entry).items():
                found.setdefault(path, {}).setdefault(when, {})[str(seed)] = number
    return {path: {when: together(seeds) for when, seeds in times.items()} for path, times in found.items()}


def together(seeds: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The mean over seeds, the least and the largest of them, and the mean of the ends of their intervals.

    All seeds answer the same prompts, so an interval over prompts does not shrink with more seeds; the mean of the
    ends is on the safe side. An end that a seed does not know is unknown.
    """
    values = [number["value"] for number in seeds.values()]
    ends = {end: [number[end] for number in seeds.values()] for end in ("low", "high")}
    return {
        "mean": sum(values) / len(values),
        "least": min(values),
        "largest": max(values),
        **{end: None if None in found else sum(found) / len(found) for end, found in ends.items()},
        "n": next(iter(seeds.values()))["n"],
        "seeds": {seed: {key: number[key] for key in ("value", "low", "high")} for seed, number in seeds.items()},
    }


def _entries(measures: Mapping[str, Any]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    for measure, sets in measures.items():
        for name, names in sets.items():
            for metric, entry in names.items():
                if metric not in LEFT_OUT:
                    yield f"{measure}.{name}.{metric}", entry


def _times(entry: Mapping[str, Any]) -> dict[str, Any]:
    known = {"before": entry["before"], **entry["stages"], "after": entry.get("after"), "change": entry.get("change")}
    return {when: number for when, number in known.items() if number is not None and number["value"] is not None}


def _selected(report: Mapping[str, Any], name: str) -> int | None:
    """The iteration that a stage handed on; None where it did not choose, or was not run."""
    chosen = next((stage["selected"] for stage in report["stages"] if stage["name"] == name), None)
    return None if chosen is None else int(chosen["step"])


def _fits(report: Mapping[str, Any]) -> dict[str, Any]:
    """How well each fitted reward did on held-out pairs."""
    return {reward["name"]: reward["fit"] for stage in report["stages"] for reward in stage["rewards"] if reward["fit"]}


def _phases(seconds: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The mean seconds of each phase over the runs."""
    runs = list(seconds)
    return {name: sum(run.get(name, 0.0) for run in runs) / len(runs) for name in runs[0]}
