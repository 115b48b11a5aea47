"""What observers are told: frozen events, plain values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dressage.spec.types import Prompt


@dataclass(frozen=True, slots=True)
class RunStart:
    """The run begins."""

    folder: Path
    """The run folder."""
    config: Mapping[str, Any]
    """The resolved YAML as plain values."""
    environment: Mapping[str, Any]
    """Versions, device, plugins, hashes."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """A batch was sampled and scored."""

    stage: str
    iteration: int
    prompts: Sequence[Prompt]
    responses: Sequence[str]
    scores: Mapping[str, Sequence[float | None]]
    """Per reward the raw score of each response."""
    totals: Sequence[float | None]
    """The combined score of each response; None where no reward had an opinion."""


@dataclass(frozen=True, slots=True)
class Step:
    """An iteration of an online stage, or an optimizer step of an offline one, is done."""

    stage: str
    step: int
    steps: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """An evaluation is done."""

    when: str
    """`before`, `STAGE@ITERATION` for a validation inside a stage, the stage's name, or `after`."""
    metrics: Mapping[str, float]
    """By dotted path MEASURE.SET.METRIC."""


@dataclass(frozen=True, slots=True)
class RunEnd:
    """The run has ended."""

    folder: Path
    report: Mapping[str, Any]
