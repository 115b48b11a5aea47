"""A run of two iterations on a tiny model, with plugins of the test's own."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import pytest
from dressage import Batch, Evaluator, Measure, ModelSource, NoOptions, Reward, Score, Values, hookimpl
from dressage.api import Run
from dressage.host import Discovery
from dressage.testing import isolated_host, tiny_model


class Vowels(Reward[NoOptions]):
    """The share of vowels in a reply."""

    def score(self, batch: Batch) -> list[Score]:
        return [sum(c in "aeiou" for c in reply) / max(len(reply), 1) for reply in batch.responses]


class Size(Evaluator[NoOptions]):
    """Characters a reply."""

    def measure(self, batch: Batch) -> Mapping[str, Measure]:
        return {"mean": Values([float(len(r)) for r in batch.responses], better="higher")}


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny model."""
    return tiny_model(tmp_path_factory.mktemp("api") / "base")


@pytest.fixture(scope="session")
def host(base: Path) -> Discovery:
    """A reward, a measure, a named model, and PPO."""

    class Named(ModelSource[NoOptions]):
        """The tiny model by a name."""

        def path(self) -> Path:
            return base

    class Plugin:
        __name__ = "acme"

        @hookimpl
        def register_rewards(self, register):
            register("vowels", Vowels)

        @hookimpl
        def register_evaluators(self, register):
            register("size", Size)

        @hookimpl
        def register_models(self, register):
            register("tiny", Named)

    return isolated_host("dressage_ppo", Plugin())


@pytest.fixture(scope="session")
def values(tmp_path_factory: pytest.TempPathFactory, host: Discovery) -> Callable[..., dict[str, Any]]:
    """A run as a mapping; its paths start at `values.folder`."""
    folder = tmp_path_factory.mktemp("yaml")
    rows = [{"prompt": f"What is number {i}?"} for i in range(4)]
    (folder / "ask.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "test.jsonl").write_text('{"prompt": "Who are you?"}\n{"text": "Once upon"}\n', encoding="utf-8")

    def make(**changes: Any) -> dict[str, Any]:
        stage = {
            "use": "ppo", "iterations": 2, "prompts": "ask.jsonl", "rewards": ["vowels"],
            "rollout": {"prompts": 4, "max_new_tokens": 5},
        }  # fmt: skip
        evaluate = {"sets": {"few": "test.jsonl"}, "measures": ["size"], "resamples": 20, "max_new_tokens": 5}
        model = {"base": "tiny", "adapter": {"r": 2, "layers": 1}, "device": "cpu", "dtype": "float32"}
        return {"model": model, "stages": [stage], "evaluate": evaluate, **changes}

    make.folder = folder  # type: ignore[attr-defined]
    return make


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory, host: Discovery, values: Any) -> Any:
    """The report of a run that has ended."""
    import torch

    torch.set_num_threads(1)
    run = Run.from_dict(values(), folder=values.folder, discovery=host)
    return run.run(tmp_path_factory.mktemp("runs") / "first")
