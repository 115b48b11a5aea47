"""Observers: told of everything, able to change nothing; one that fails is warned about once and left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dressage.run.build import Workshop
from dressage.run.online import Turn
from dressage.spec import events
from dressage.spec.components import Observer
from dressage.spec.console import Console
from dressage.spec.plan import Planned


class Watchers:
    """The observers that the YAML names."""

    def __init__(self, planned: tuple[Planned, ...], workshop: Workshop, console: Console) -> None:
        self.console = console
        self.observers: dict[str, tuple[Planned, Observer[Any]]] = {p.name: (p, workshop.make(p)) for p in planned}

    def start(self, event: events.RunStart) -> None:
        """The run begins."""
        self._tell(lambda o: o.on_run_start(event))

    def rollout(self, stage: str, turn: Turn) -> None:
        """A batch was sampled and scored."""
        columns = {name: column.raw for name, column in turn.scores.columns.items()}
        batch = turn.batch
        event = events.Rollout(stage, turn.iteration, batch.prompts, batch.responses, columns, turn.scores.totals)
        self._tell(lambda o: o.on_rollout(event))

    def step(self, stage: str, step: int, steps: int, metrics: Mapping[str, float]) -> None:
        """A step is done."""
        event = events.Step(stage, step, steps, dict(metrics))
        self._tell(lambda o: o.on_step(event))

    def evaluated(self, when: str, metrics: Mapping[str, float]) -> None:
        """An evaluation is done."""
        event = events.Evaluated(when, dict(metrics))
        self._tell(lambda o: o.on_evaluate(event))

    def end(self, event: events.RunEnd) -> None:
        """The run has ended."""
        self._tell(lambda o: o.on_run_end(event))

    def _tell(self, call: Callable[[Observer[Any]], None]) -> None:
        for name, (planned, observer) in list(self.observers.items()):
            try:
                call(observer)
            except (Exception, SystemExit) as error:  # an observer must never end a run
                self.console.warn(f"{planned} failed ({type(error).__name__}: {error}) and is left out from here on")
                del self.observers[name]
