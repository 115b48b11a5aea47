"""What the stages of one run share: model, data, components, record; and how it is saved and taken up again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from dressage.run import checkpoint
from dressage.run.build import Workshop
from dressage.run.evaluation import Answers, Evaluation
from dressage.run.lora import POLICY
from dressage.run.network import Network
from dressage.run.online import REFERENCE
from dressage.run.record import RunFolder, plain, writing
from dressage.run.tables import Library
from dressage.run.watch import Watchers
from dressage.spec.console import Console
from dressage.spec.errors import CheckpointError, Interrupted
from dressage.spec.plan import Plan, StagePlan
from dressage.spec.types import Batch, Example

FILES = ("metrics.jsonl",)
TRAINING = ("seed", "model", "data", "filters", "stages")
"""The parts of a YAML that a checkpoint depends on; what is measured afterwards may change."""


@dataclass
class Session:
    """One run from start to end."""

    plan: Plan
    record: RunFolder
    console: Console
    stop: Callable[[], bool]
    workshop: Workshop
    network: Network
    library: Library
    watchers: Watchers
    evaluation: Evaluation
    rows: dict[str, list[Example]] = field(default_factory=dict)
    """Data sets after filters."""
    filters: list[Mapping[str, Any]] = field(default_factory=list)
    stages: list[dict[str, Any]] = field(default_factory=list)
    """Reports of the stages that are done."""
    saves: int = 0

    def rows_of(self, stage: StagePlan, part: Literal["data", "prompts"]) -> list[Example]:
        """What a stage learns from or asks: a data set of the run as the filters left it, or rows of its own."""
        plans = stage.data if part == "data" else stage.prompts
        name = next((name for name, known in self.plan.data.items() if known == plans), None)
        if name is not None:
            return self.rows[name]
        return list(self.library.table(f"{stage.name}.{part}", plans).examples)

    def save(self, stage: int, step: int, state: Mapping[str, Any]) -> None:
        """A checkpoint: `step` steps of stage number `stage` are done."""
        self.saves += 1
        adapters: dict[str, dict[str, Tensor]] = {
            name: self.network.adapters.state(name)
            for name in (POLICY, REFERENCE)
            if name in self.network.adapters.names
        }
        whole = {
            "stage": stage,
            "step": step,
            "saves": self.saves,
            "adapters": adapters,
            "state": state,
            "config": {part: plain(self.plan.resolved).get(part) for part in TRAINING},
            "stages": plain(self.stages),
            "lines": {name: self.record.lines(name) for name in FILES},
            "seconds": self.record.seconds,
        }
        with writing(self.record.path):
            checkpoint.save(self.record.path / "checkpoints", self.saves, whole)

    def restore(self) -> dict[str, Any] | None:
        """Takes the newest whole checkpoint back, and cuts the record to it; None before the first checkpoint.

        Raises `CheckpointError` where the checkpoint is of a run that was set up otherwise.
        """
        folder = self.record.path / "checkpoints"
        whole = checkpoint.load_latest(folder, self.console)
        if whole is None:
            for name in FILES:
                self.record.cut(name, 0)
            return None
        self._same_run(folder, whole["config"])
        for name, weights in whole["adapters"].items():
            if name not in self.network.adapters.names:
                self.network.adapters.add(name)
            self.network.adapters.load(name, weights)
        self.stages = list(whole["stages"])
        self.saves = int(whole["saves"])
        for name, lines in whole["lines"].items():
            self.record.cut(name, int(lines))
        self.record.seconds |= whole["seconds"]
        return whole

    def _same_run(self, folder: Path, saved: Mapping[str, Any]) -> None:
        now = plain(self.plan.resolved)
        found = differences(saved, {part: now.get(part) for part in TRAINING})
        found = [d for d in found if not d.startswith("model.device ")]  # a run may go on on another machine
        if found:
            more = f", and {len(found) - 3} more" if len(found) > 3 else ""
            raise CheckpointError(
                f"{folder}: saved by a run with other settings ({'; '.join(found[:3])}{more}); resume it with the"
                " settings that it began with, or start anew in another --run-dir"
            )

    def interrupt(self) -> None:
        """Ends the run after a checkpoint, at the user's wish."""
        raise Interrupted(f"interrupted; a checkpoint is saved in {self.record.path / 'checkpoints'}")

    def evaluate(self, when: str) -> None:
        """All measures on all sets; replies are kept in the run folder, so that a resumed run samples none again."""
        if not self.evaluation.sets:
            return
        path = self.record.path / "replies" / f"{when}.json"
        with self.record.phase("evaluate"):
            if path.exists():
                self._measure_again(when, json.loads(path.read_text(encoding="utf-8")))
            else:
                found = self.evaluation.run(self.network, when)
                self._keep_replies(path, found)
        metrics = self.evaluation.estimates(self.evaluation.results[when], resamples=2)
        self.watchers.evaluated(when, {name: e.value for name, e in metrics.items()})

    def _keep_replies(self, path: Path, found: Mapping[str, Answers]) -> None:
        body = {
            name: {"responses": a.batch.responses, "finished": a.batch.finished, "base_logprobs": a.batch.base_logprobs}
            for name, a in found.items()
        }
        with writing(self.record.path):
            path.parent.mkdir(exist_ok=True)
            aside = path.with_suffix(".part")
            aside.write_text(json.dumps(body, ensure_ascii=False), encoding="utf-8")
            aside.replace(path)

    def _measure_again(self, when: str, body: Mapping[str, Any]) -> None:
        batches = {}
        for name, kept in body.items():
            prompts = [p for p in self.evaluation.sets[name] for _ in range(self.evaluation.plan.settings.samples)]
            logprobs = tuple(tuple(row) for row in kept["base_logprobs"])
            batches[name] = Batch(tuple(prompts), tuple(kept["responses"]), tuple(kept["finished"]), logprobs)
        self.evaluation.take(when, batches)


def differences(was: Any, now: Any, path: str = "") -> list[str]:
    """Where two nested settings differ, as `path was A, is B`."""
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        keys = [*was, *(key for key in now if key not in was)]
        return [
            d for key in keys for d in differences(was.get(key), now.get(key), f"{path}.{key}" if path else str(key))
        ]
    if isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        return [d for i, pair in enumerate(zip(was, now, strict=True)) for d in differences(*pair, f"{path}.{i}")]
    return [] if was == now else [f"{path} was {_short(was)}, is {_short(now)}"]


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
