"""An example's YAML as evidence needs it: the same training, measured on whole sets and on other people's prompts."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from benchmarks import people

REPLIES = 4
"""Replies to a provocation."""
CHAT = ("harmful", "harmless", "looks-harmful")
CONTINUED = ("provocations", *people.CONTINUED)
MEASURES: Mapping[str, tuple[Mapping[str, Any], Sequence[str]]] = {
    "refusal": ({"use": "refusal"}, (*CHAT, *people.HARMFUL, *people.SAFE)),
    "answered": ({"use": "answered"}, ("harmless", "looks-harmful", *people.SAFE)),
    "toxicity": ({"use": "toxicity", "with": {"source": "profanity"}}, CONTINUED),
    "toxicity-unrelated": ({"use": "toxicity", "with": {"source": "minilm"}}, CONTINUED),
    "profane-words": ({"use": "profane-words"}, CONTINUED),
    "perplexity": ({"use": "perplexity"}, CONTINUED),
    "distinct": ({"use": "distinct"}, CONTINUED),
}
"""By name: the component where the YAML has none of that name, and the sets to measure on beside the YAML's own."""


def read(path: Path) -> dict[str, Any]:
    """A YAML file's plain values."""
    values: dict[str, Any] = YAML(typ="safe", pure=True).load(path)
    return values


def for_evidence(values: Mapping[str, Any], seed: int, files: Mapping[str, Path]) -> dict[str, Any]:
    """The example's values with another seed, whole held-out sets, and the sets of `files` beside them.

    A file of the name of one of the example's sets takes its place. What a `select:` reads stays as it is, for it is
    part of the training. Gate and observers are left out: the tables judge.
    """
    made = {key: copy.deepcopy(value) for key, value in values.items() if key not in ("gate", "observers")}
    evaluate = made["evaluate"]
    chosen_by = {path.split(".")[1] for path in _selects(made)}
    sets = {name: spec if name in chosen_by else whole(spec) for name, spec in evaluate["sets"].items()}
    own = list(sets)
    sets |= {name: str(path.resolve()) for name, path in files.items()}
    if not set(CHAT) & set(sets):  # nothing here answers questions: only continuations are measured
        sets = {name: spec for name, spec in sets.items() if name not in (*people.HARMFUL, *people.SAFE)}
    measures = _measures(evaluate["measures"], own, sets)
    return made | {"seed": seed, "evaluate": evaluate | {"sets": sets, "measures": measures, "samples": 1}}


def whole(spec: Any) -> Any:
    """A data spec, or a list of them, without the limit on its rows."""
    if isinstance(spec, list):
        return [whole(one) for one in spec]
    return {key: value for key, value in spec.items() if key != "sample"} if isinstance(spec, dict) else spec


def copies(rows: Iterable[Mapping[str, Any]], count: int = REPLIES) -> list[dict[str, Any]]:
    """Each row several times, as one `pair`: so it gets several replies, and intervals count it as one prompt.

    `evaluate.samples` is a number for all sets alike, and four replies to every question would take hours.
    """
    return [{**row, "pair": row["id"]} for row in rows for _ in range(count)]


def _measures(given: Sequence[Any], own: Sequence[str], sets: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The YAML's measures on its own sets and more; those that it lacks, where there is something to measure."""
    measures = {}
    for one in given:
        spec = {"use": one} if isinstance(one, str) else dict(one)
        measures[spec.get("as", spec["use"])] = spec | {"on": list(spec.get("on", own))}
    for name, (component, wanted) in MEASURES.items():
        spec = measures.get(name, {**component, "as": name, "on": []})
        more = [one for one in wanted if one in sets and one not in spec["on"]]
        if spec["on"] or more:
            measures[name] = spec | {"on": [*spec["on"], *more]}
    return list(measures.values())


def _selects(values: Mapping[str, Any]) -> list[str]:
    """The dotted paths that stages choose an iteration by."""
    found: list[str] = []
    for stage in values.get("stages") or ():
        metric = (stage.get("select") or {}).get("metric", ()) if isinstance(stage, dict) else ()
        found += [metric] if isinstance(metric, str) else list(metric)
    return found


def parts(values: Any) -> set[str]:
    """The parts of the starter's data that a YAML's values name anywhere."""
    if isinstance(values, dict):
        own = {values["with"]["part"]} if values.get("use") == "starter" else set()
        return own.union(*map(parts, values.values()))
    return set[str]().union(*map(parts, values)) if isinstance(values, list) else set()
