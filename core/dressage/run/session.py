"""What the stages of one run share: model, data, components, record; and how it is saved and taken up again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from dressage.run import checkpoint
from dressage.run.base import load_base
from dressage.run.build import Workshop
from dressage.run.differences import differences, shown
from dressage.run.evaluation import Evaluation
from dressage.run.lora import POLICY
from dressage.run.network import Network
from dressage.run.online import REFERENCE
from dressage.run.record import RunFolder, plain, writing
from dressage.run.replies import Replies
from dressage.run.seeds import settle
from dressage.run.tables import Library, short
from dressage.run.watch import Watchers
from dressage.spec.console import Console
from dressage.spec.errors import CheckpointError, Interrupted, ModelError
from dressage.spec.plan import Plan, StagePlan
from dressage.spec.rows import by_key
from dressage.spec.sections import ModelConfig
from dressage.spec.types import Example

FILES = ("metrics.jsonl", "timings.jsonl")
"""The record that grows; it is cut to what a checkpoint knows of."""
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
    replies: Replies
    rows: dict[str, list[Example]] = field(default_factory=dict)
    """Data sets after filters."""
    filters: list[Mapping[str, Any]] = field(default_factory=list)
    stages: list[dict[str, Any]] = field(default_factory=list)
    """Reports of the stages that are done."""
    saves: int = 0
    saved_at: float = field(default_factory=time.monotonic)

    def rows_of(self, stage: StagePlan, part: Literal["data", "prompts", "mix"]) -> list[Example]:
        """What a stage learns from or asks: data sets of the run as the filters left them, and rows of its own."""
        mixed = () if stage.mix is None else stage.mix.data
        plans = {"data": stage.data, "prompts": stage.prompts, "mix": mixed}[part]
        found: list[Example] = []
        for number, (key, own) in enumerate(by_key(self.plan.data, plans)):
            table = f"{stage.name}.{part}{f'.{number}' if number else ''}"
            found += self.rows[key] if key is not None else self.library.table(table, own).examples
        return found

    def own_base(self, base: str | None, key: str) -> Network | None:
        """A base model for one role alone, with its own tokenizer and adapters; None where none is asked for.

        It may be the run's once more. Raises `ModelError` with the YAML's `key` where it is not there.
        """
        if base is None:
            return None
        model, once_more = self.plan.model, base == self.plan.model.base
        taken = {"quantize", "device", "dtype"} | ({"revision", "trust_remote_code"} if once_more else set())
        config = ModelConfig(**model.model_dump(include=taken) | {"base": base, "adapter": model.adapter})
        source = self.workshop.make(self.plan.base).path() if self.plan.base is not None and once_more else None
        try:
            loaded = load_base(config, cache=self.workshop.cache, folder=self.plan.folder, source=source)
        except ModelError as error:
            raise ModelError(str(error).replace("model.base", key, 1)) from None
        settle(self.plan.seed, base)  # peft draws the first weights
        return Network(loaded, model.adapter)

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
            "config": self._config(),
            "files": self._files(),
            "stages": plain(self.stages),
            "lines": {name: self.record.lines(name) for name in FILES},
            "seconds": self.record.elapsed(),
        }
        with writing(self.record.path):
            checkpoint.save(self.record.path / "checkpoints", self.saves, whole, keep=self.plan.checkpoints.keep)
        self.saved_at = time.monotonic()

    @property
    def unsaved(self) -> float:
        """Seconds since the last checkpoint, or since the session began."""
        return time.monotonic() - self.saved_at

    def restore(self) -> dict[str, Any] | None:
        """Takes the newest whole checkpoint back, and cuts the record to it; None before the first checkpoint.

        Raises `CheckpointError` where the checkpoint is of a run that was set up otherwise.
        """
        folder = self.record.path / "checkpoints"
        whole = checkpoint.load_latest(folder, self.console)
        if whole is None:
            for name in FILES:
                self.record.cut(name, 0)
            self.replies.forget_stages()
            return None
        self._same_run(folder, whole)
        for name, weights in whole["adapters"].items():
            if name not in self.network.adapters.names:
                self.network.adapters.add(name)
            self.network.adapters.load(name, weights)
        self.stages = list(whole["stages"])
        self.saves = int(whole["saves"])
        for name, lines in whole["lines"].items():
            self.record.cut(name, int(lines))
        self.record.add_seconds(whole["seconds"])
        return whole

    def _same_run(self, folder: Path, saved: Mapping[str, Any]) -> None:
        found = differences(_anywhere(saved["config"]), _anywhere(self._config()))
        if found:
            raise CheckpointError(
                f"{folder}: saved by a run with other settings ({shown(found)}); resume it with the settings that it"
                " began with, or start anew in another --run-dir"
            )
        files = self._files()
        changed = sorted(name for name, _ in files.items() - saved["files"].items())
        if changed:
            raise CheckpointError(
                f"{folder}: saved by a run on other data ({shown(changed)}); put back what it began with, or start anew"
                " in another --run-dir"
            )

    def _config(self) -> dict[str, Any]:
        """The settings that training depends on, as plain values."""
        return {part: plain(self.plan.resolved).get(part) for part in TRAINING}

    def _files(self) -> dict[str, str]:
        """The SHA-256 of each file that is trained on, by data set and the end of its path."""
        return {
            f"{name}: {short(path)}": digest
            for name, table in self.library.tables.items()
            if not name.startswith("evaluate.")
            for path, digest in table.files
        }

    def interrupt(self) -> None:
        """Ends the run after a checkpoint, at the user's wish."""
        raise Interrupted(f"interrupted; a checkpoint is saved in {self.record.path / 'checkpoints'}")

    def evaluate(self, when: str) -> None:
        """All measures on all sets; `before` is always the bare base.

        Replies that are kept in the run folder are not sampled again, unless other settings gave them.
        """
        if not self.evaluation.sets:
            return
        with self.record.phase("evaluate"):
            found, differ = self.replies.read(when) or ({}, [])
            if differ:
                self.console.line(f"replies of {when!r} were sampled with other settings ({shown(differ)}): once more")
            if found:
                self.evaluation.take(when, found)
            else:
                role = None if when == "before" else POLICY
                self.replies.keep(when, self.evaluation.run(self.network, when, role=role))
        metrics = self.evaluation.estimates(self.evaluation.results[when], resamples=2)
        self.watchers.evaluated(when, {name: e.value for name, e in metrics.items()})


def _anywhere(settings: Any) -> Any:
    """Settings without the devices in them: a run may go on on another machine.

    What a plugin or the data calls so is no device of ours.
    """
    if isinstance(settings, Mapping):
        kept = {key: value for key, value in settings.items() if key != "device"}
        return {key: value if key in ("with", "when", "where") else _anywhere(value) for key, value in kept.items()}
    return [_anywhere(value) for value in settings] if isinstance(settings, list) else settings
