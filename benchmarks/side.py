"""One side of the iteration benchmark, in a process of its own: it does an iteration whenever it reads a line.

    python -m benchmarks.side '{"side": "engine", ...}'

The first line it writes says what it is, each further one what an iteration took, both as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from dressage.api import Run
from dressage.run.base import Base, load_base
from dressage.run.build import Workshop
from dressage.run.devices import keep_freed_memory, peak_bytes, return_freed_memory
from dressage.run.lora import decoder_layers
from dressage.run.network import Network, shared_prefix
from dressage.run.online import OnlineStage
from dressage.run.scoring import Source, score
from dressage.run.seeds import rng_for
from dressage.run.tables import Library, prompts_of
from dressage.spec.cache import cache_folder
from dressage.spec.console import Quiet
from dressage.spec.plan import Plan
from dressage.spec.types import Batch

from benchmarks import work
from benchmarks.plain_ppo import PlainPPO
from benchmarks.works import SameSize, discovery

Timed: TypeAlias = tuple[dict[str, float], dict[str, float]]
"""Seconds by phase, and numbers."""


def plan_of(settings: Mapping[str, Any]) -> Plan:
    """The run that is given, or PPO on starter prompts with one reward, one epoch of one minibatch an iteration."""
    if "run" in settings:
        return Run.from_dict(settings["run"], discovery=discovery()).check()
    return Run.from_dict(
        {
            "model": {
                "base": settings["base"],
                "device": "cpu",
                "adapter": {"r": 16, "alpha": 32, "layers": settings["layers"]},
            },
            "stages": [
                {
                    "use": "ppo",
                    "iterations": settings["iterations"],
                    "prompts": {"use": "starter", "with": {"part": "prompts"}},
                    "rollout": {"prompts": settings["prompts"], "max_new_tokens": settings["new_tokens"]},
                    "update": {"microbatch": settings["microbatch"], "learning_rate": 1e-3},
                    "kl": {"beta": 0.05},
                    "rewards": [{"use": settings["reward"]}],
                }
            ],
        }
    ).check()


class TimedStage(OnlineStage):
    """The engine's stage with a clock on its phases; scoring is what is neither sampling nor update."""

    def timed(self, iteration: int) -> Timed:
        """One iteration."""
        self.seconds = dict.fromkeys(work.PHASES, 0.0)
        start = time.perf_counter()
        turn = self.iterate(iteration)
        return_freed_memory()  # as a run does
        whole = time.perf_counter() - start
        self.seconds["scoring"] = whole - self.seconds["sampling"] - self.seconds["update"]
        new = sum(len(s.ids) for s in self.samples)
        numbers = {"score": turn.metrics["score"], "kl": turn.metrics["kl"], "new": new}
        return self.seconds, numbers | {"steps": self.learner.step_count}

    def _rollout(self, *arguments: Any) -> Any:
        return self._clocked("sampling", super()._rollout, arguments)

    def _update(self, *arguments: Any) -> Any:
        return self._clocked("update", super()._update, arguments)

    def _clocked(self, phase: str, call: Any, arguments: Sequence[Any]) -> Any:
        start = time.perf_counter()
        found = call(*arguments)
        self.seconds[phase] += time.perf_counter() - start
        return found


def take(plan: Plan, count: int, iteration: int) -> list[int]:
    """The prompts of an iteration among `count`, as the engine takes them."""
    wanted, name = plan.stages[0].rollout.prompts, plan.stages[0].name
    rows = []
    for at in range((iteration - 1) * wanted, iteration * wanted):
        order = list(range(count))
        rng_for(plan.seed, name, "prompts", at // count).shuffle(order)
        rows.append(order[at % count])
    return rows


class Side:
    """A loaded model with the run's prompts and reward, trained in one of the two ways."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings
        self.plan = plan_of(settings)
        (stage,) = self.plan.stages
        cache = cache_folder()
        workshop = Workshop(self.plan.folder, cache, "cpu", self.plan.seed, Quiet())
        place = workshop.make(self.plan.base).path() if self.plan.base is not None else None
        self.base = load_base(self.plan.model, cache=cache, folder=self.plan.folder, source=place)
        if not settings.get("stops", True):
            self.base.encoder.stop_ids = frozenset()
        self.prompts = prompts_of(Library(self.plan, workshop).table("prompts", stage.prompts).examples)
        self.ids = [self.base.encoder.encode(prompt) for prompt in self.prompts]
        self.sources = [Source(reward, workshop.make(reward.component)) for reward in stage.rewards]
        self.shape = _shape(self.base)
        self.layers = settings["layers"] or self.shape.depth
        self.is_plain = settings["side"] == "plain"
        self.work = self._plain() if self.is_plain else self._engine(workshop.make(stage.component))

    def _engine(self, optimizer: Any) -> Callable[[int], Timed]:
        network, (stage,) = Network(self.base, self.plan.model.adapter), self.plan.stages
        return TimedStage(
            stage, optimizer, network, self.sources, self.prompts, seed=self.plan.seed, reference=None
        ).timed

    def _plain(self) -> Callable[[int], Timed]:
        loop = PlainPPO(
            self.base, self.ids, self._judge, layers=self.settings["layers"], new_tokens=self.settings["new_tokens"],
            microbatch=self.settings["microbatch"], beta=0.05, rate=1e-3,
        )  # fmt: skip
        return lambda iteration: loop.iterate(take(self.plan, len(self.ids), iteration))

    def _judge(self, rows: Sequence[int], texts: Sequence[str]) -> list[float]:
        batch = Batch(tuple(self.prompts[i] for i in rows), tuple(texts))
        return [total or 0.0 for total in score(self.sources, batch).totals]

    def iterate(self, iteration: int) -> dict[str, Any]:
        """One iteration: seconds by phase, operations by phase, tokens, memory."""
        seconds, numbers = self.work(iteration)
        asked = [self.ids[i] for i in take(self.plan, len(self.ids), iteration)]
        parts = -(-len(asked) // self.settings["microbatch"])
        tokens = work.Tokens(sum(map(len, asked)), int(numbers["new"]), shared_prefix(asked), len(asked), parts)
        (stage,) = self.plan.stages
        if self.is_plain:
            operations = work.plain(self.shape, tokens, self.layers)
        else:
            judges = sum(isinstance(source.reward, SameSize) for source in self.sources)
            epochs = stage.update.epochs
            operations = work.engine(self.shape, tokens, self.layers, epochs=epochs, judges=judges)
        return {
            "seconds": seconds,
            "operations": operations,
            "prompt_tokens": tokens.prompt,
            "new_tokens": tokens.new,
            "score": numbers["score"],
            "kl": numbers["kl"],
            "steps": numbers.get("steps"),
            "peak_bytes": peak_bytes(self.base.device),
        }


def _shape(base: Base) -> work.Shape:
    layers = decoder_layers(base.model)
    head = base.model.get_output_embeddings().weight.numel()
    return work.Shape(sum(p.numel() for p in layers[0].parameters()), len(layers), head)


def asked(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The folder of the base, and the prompts' tokens in the iterations' order, for a side that loads them itself."""
    side = Side(settings)
    turns = range(1, settings["iterations"] + 1)
    rows = [row for turn in turns for row in take(side.plan, len(side.ids), turn)]
    return {"place": side.base.place, "prompts": [side.ids[row] for row in rows]}


def serve(settings: Mapping[str, Any], lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """What the side is, then an iteration for each line."""
    keep_freed_memory()  # as a run does; the plain loop has it too
    side = Side(settings)
    yield {"dtype": str(side.base.dtype).removeprefix("torch."), "weights": side.base.parameters, "layers": side.layers}
    for iteration, _ in enumerate(lines, start=1):
        yield side.iterate(iteration)


if __name__ == "__main__":
    out, sys.stdout = sys.stdout, sys.stderr  # libraries print what they like; only answers may go out
    for answer in serve(json.loads(sys.argv[1]), iter(sys.stdin.readline, "")):
        print(json.dumps(answer), file=out, flush=True)
