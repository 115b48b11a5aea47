"""The benchmarks as a package, and made-up run folders."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


def number(value: float, half: float = 0.05, n: int = 128) -> dict[str, Any]:
    return {"value": value, "low": value - half, "high": value + half, "n": n}


def entry(before: float, sft: float | None, after: float) -> dict[str, Any]:
    stages = {"ppo": number(after)} | ({} if sft is None else {"sft": number(sft)})
    return {"before": number(before), "stages": stages, "after": number(after), "better": "lower", "rate": True}


@pytest.fixture
def make_report() -> Callable[..., dict[str, Any]]:
    """A report of a run; `metrics` maps a dotted path to its values before, after SFT (or None) and after PPO."""

    def make(metrics: dict[str, tuple[float, float | None, float]], **more: Any) -> dict[str, Any]:
        evaluators: dict[str, Any] = {}
        for path, values in metrics.items():
            measure, name, metric = path.split(".", 2)
            evaluators.setdefault(measure, {}).setdefault(name, {})[metric] = entry(*values)
        stage = {"use": "x", "online": False, "selected": None, "rewards": []}
        fit = {"name": "reward-model", "fit": {"accuracy": number(0.8)}}
        return {
            "status": "complete",
            "seconds": {"load": 2.0, "sft": 60.0, "ppo": 120.0},
            "peak_bytes": 3_000_000_000,
            "model": {"base": "tiny", "parameters": 1, "trained_parameters": 1, "dtype": "float32", "sha256": ""},
            "plugins": [],
            "stages": [
                {**stage, "name": "sft"},
                {**stage, "name": "ppo", "online": True, "selected": {"step": 4}, "rewards": [fit]},
            ],
            "measures": [{"name": "toxicity", "mark": "trained on"}],
            "evaluators": evaluators,
            **more,
        }

    return make


@pytest.fixture
def write_run(make_report: Callable[..., dict[str, Any]]) -> Callable[..., Path]:
    """Writes a run folder with nothing but a report in it."""

    def write(folder: Path, metrics: dict[str, Any], **more: Any) -> Path:
        folder.mkdir(parents=True)
        (folder / "report.json").write_text(json.dumps(make_report(metrics, **more)), encoding="utf-8")
        return folder

    return write
