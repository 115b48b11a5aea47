"""Whole runs on a tiny model: YAMLs of a few plugins, and a loop that can be stopped anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import dressage
import pytest
import torch
from dressage import (
    Evaluator,
    NoOptions,
    OfflineOptimizer,
    Options,
    Reward,
    Statistic,
    Tokens,
    Use,
    Values,
    hookimpl,
)
from dressage.host import check
from dressage.run.loop import execute
from dressage.spec.console import Quiet
from dressage.spec.plan import Plan
from dressage.testing import isolated_host
from safetensors.torch import load_file


class Letters(Reward[NoOptions]):
    """The share of one letter in a reply."""

    def score(self, batch):
        return [reply.count("a") / max(len(reply), 1) for reply in batch.responses]


class Size(Evaluator[NoOptions]):
    """Characters a reply, and whether it has any."""

    def measure(self, batch):
        sizes = [float(len(reply)) for reply in batch.responses]
        return {
            "mean": Values(sizes, better="higher"),
            "any": Values([float(size > 0) for size in sizes], rate=True, better="lower"),
            "most": Statistic(lambda rows: max(sizes[i] for i in rows)),
        }


class ShareOptions(Options):
    source: Use[Reward]


class Share(Evaluator[ShareOptions]):
    """What a reward says of the replies."""

    def __init__(self, options, ctx):
        super().__init__(options, ctx)
        self.judge = ctx.build(options.source)

    def measure(self, batch):
        return {"mean": Values(self.judge.score(batch), better="lower")}


class Prefer(OfflineOptimizer[NoOptions]):
    """Direct preference: learns from pairs, held to a reference."""

    unit = "item"
    needs = "comparisons"
    needs_reference = True

    def collate(self, example, encode):
        prompt = encode.prompt(example.prompt)
        answers = [encode.answer(text) for text in (example.chosen, example.rejected)]
        return tuple(Tokens(prompt + a, (False,) * len(prompt) + (True,) * len(a)) for a in answers)

    def loss(self, outputs):
        gain = (outputs.logprobs - outputs.ref_logprobs).sum(-1)
        loss = dressage.ops.bradley_terry(gain[:, 0], gain[:, 1])
        return dressage.Losses(loss, {"distance": gain.detach().abs().mean()})


class Kit:
    __name__ = "kit"
    __version__ = "0.3"

    @hookimpl
    def register_rewards(self, register):
        register("letters", Letters)

    @hookimpl
    def register_evaluators(self, register):
        register("size", Size)
        register("share", Share)

    @hookimpl
    def register_optimizers(self, register):
        register("prefer", Prefer)


HEAD = """
version: 1
seed: {seed}
model: {{base: {base}, device: cpu, dtype: float32, adapter: {{r: 4, layers: 2}}}}
data: {{demonstrations: answers.jsonl, comparisons: pairs.jsonl, prompts: prompts.jsonl}}
"""

ROWS = {
    "answers": [{"prompt": f"question {i}?", "response": f"answer {i} of all"} for i in range(8)],
    "pairs": [{"prompt": f"pair {i}?", "chosen": f"good {i}", "rejected": f"bad, {i} times"} for i in range(6)],
    "prompts": [{"prompt": f"ask {i}, please"} for i in range(6)],
    "valid": [{"prompt": f"valid {i}"} for i in range(3)],
    "other": [{"prompt": f"other {i}"} for i in range(2)],
}


class Result(NamedTuple):
    """What a run left."""

    adapter: dict[str, torch.Tensor]
    metrics: str
    report: dict[str, Any]
    folder: Path

    def same_bits(self, other: Result) -> bool:
        """Whether both handed on the same adapter."""
        return all(torch.equal(self.adapter[path], other.adapter[path]) for path in self.adapter)


@pytest.fixture(scope="module")
def make_plan(tmp_path_factory: pytest.TempPathFactory, model_folder: Callable[[str], Path]) -> Callable[..., Plan]:
    """Checks a YAML (stages, evaluate, gate) against four plugins."""
    host = isolated_host("dressage_ppo", "dressage_sft", "dressage_reward_model", Kit())
    folder = tmp_path_factory.mktemp("data")
    for name, rows in ROWS.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def make(text: str, seed: int = 0) -> Plan:
        path = folder / "run.yaml"
        path.write_text(HEAD.format(base=model_folder("llama"), seed=seed) + text)
        return check(path, host)

    return make


@pytest.fixture(scope="module")
def run(make_plan: Callable[..., Plan]) -> Callable[..., Result]:
    """Runs a YAML into a folder, or goes on with it there."""

    def go(text: str, folder: Path, *, seed: int = 0, console: Any = None, **options: Any) -> Result:
        report = execute(make_plan(text, seed), folder, console or Quiet(), **options)
        adapter = load_file(folder / "model" / "adapter_model.safetensors")
        return Result(adapter, (folder / "metrics.jsonl").read_text(), report, folder)

    return go


@pytest.fixture(scope="module")
def whole(run: Callable[..., Result], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Result]:
    """What a YAML's run leaves that nothing stopped; made once a module."""
    return cache(lambda text: run(text, tmp_path_factory.mktemp("whole")))


@pytest.fixture
def stop_at() -> Callable[[int], Callable[[], bool]]:
    """A `stop` that says yes when it is asked for the n-th time."""

    def make(number: int) -> Callable[[], bool]:
        asked = iter(range(1, 10_000))
        return lambda: next(asked) >= number

    return make
