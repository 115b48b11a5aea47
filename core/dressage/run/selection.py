"""Evaluates inside a stage, and remembers the best iteration: that is what the stage hands on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from dressage.run.evaluation import Evaluation
from dressage.run.lora import POLICY
from dressage.run.network import Network
from dressage.spec.console import Console
from dressage.spec.errors import DataError
from dressage.spec.plan import GatePlan
from dressage.spec.sections import SelectConfig


def check_metric(config: SelectConfig | None, evaluation: Evaluation) -> None:
    """Raises `DataError` before anything is trained where a stage could not tell its best iteration."""
    if config is None:
        return
    answers = evaluation.results["before"]
    found = evaluation.estimates(answers, resamples=1)
    for path in directed(config, found):
        _sign(config, path, evaluation.better(path, answers))


def check_gate(gate: Sequence[GatePlan], evaluation: Evaluation) -> None:
    """Raises `DataError` before anything is trained where the gate asks for a metric that its measure does not have."""
    for condition in gate:
        answers = evaluation.results["before"]
        measure, name, metric = condition.metric.split(".", 2)
        known = answers[name].measures[measure]
        if metric not in known:
            have = ", ".join(sorted(known)) or "nothing"
            raise DataError(f"{condition.where}: gate: {condition.metric} was not measured; {measure} measures: {have}")


def directed(config: SelectConfig, found: Mapping[str, object]) -> dict[str, float]:
    """The metrics with their weights; raises `DataError` for one that is not among those found."""
    weights = {config.metric: 1.0} if isinstance(config.metric, str) else dict(config.metric)
    missing = [path for path in weights if path not in found]
    if missing:
        known = ", ".join(sorted(found)) or "none"
        raise DataError(f"select.metric: {missing[0]} was not measured; the evaluation found: {known}")
    return weights


def _sign(config: SelectConfig, path: str, better: str) -> float:
    """Of a single metric, -1 where less is better; weights of several say so themselves."""
    if not isinstance(config.metric, str):
        return 1.0
    mode = config.mode or {"higher": "max", "lower": "min"}.get(better)
    if mode is None:
        raise DataError(f"select.metric: {path} does not say what is better; add `mode: max` or `mode: min`")
    return 1.0 if mode == "max" else -1.0


class Selector:
    """`select:` of a stage; does nothing where the stage has none."""

    def __init__(
        self, config: SelectConfig | None, evaluation: Evaluation, network: Network, console: Console, stage: str
    ) -> None:
        self.config = config
        self.evaluation = evaluation
        self.network = network
        self.console = console
        self.stage = stage
        self.history: list[tuple[int, float | None]] = []
        self.best: tuple[int, float] | None = None
        self.weights: dict[str, Tensor] = {}

    def due(self, step: int, last: int) -> bool:
        """Whether to evaluate after this step: at 0, every n, and at the end."""
        return self.config is not None and (step % self.config.every == 0 or step == last)

    def consider(self, step: int) -> dict[str, float]:
        """Evaluates; keeps the adapter where it is the best so far. Returns the metrics found, by dotted path.

        An iteration whose metric is undefined (a measure that applies to no reply) cannot be the best.
        """
        assert self.config is not None
        only = {(measure, name) for measure, name, _ in (path.split(".", 2) for path in self._paths)}
        answers = self.evaluation.run(self.network, f"{self.stage}@{step}", only=sorted(only))
        found = {path: e.value for path, e in self.evaluation.estimates(answers, resamples=1).items()}
        undefined = [path for path in self._paths if path not in found]
        if undefined:
            self.history.append((step, None))
            self.console.warn(f"{self.stage} @ {step}: {undefined[0]} is undefined, so it cannot be selected")
            return found
        weights = directed(self.config, found)
        signs = {path: _sign(self.config, path, self.evaluation.better(path, answers)) for path in weights}
        value = sum(weight * signs[path] * found[path] for path, weight in weights.items())
        self.history.append((step, value))
        shown = ", ".join(f"{path} {found[path]:.3f}" for path in weights)
        if self.best is None or value > self.best[1]:
            self.best, self.weights = (step, value), self.network.adapters.state(POLICY)
            shown += "  (best so far)"
        self.console.line(f"  {self.stage} @ {step}: {shown}")
        return found

    @property
    def _paths(self) -> list[str]:
        """The metrics that are looked at."""
        metric = self.config.metric if self.config is not None else {}
        return [metric] if isinstance(metric, str) else list(metric)

    def hand_on(self) -> None:
        """Puts the best iteration's adapter back."""
        if self.best is not None:
            self.network.adapters.load(POLICY, self.weights)
            self.console.line(f"  {self.stage}: handing on iteration {self.best[0]}")

    def report(self) -> dict[str, Any] | None:
        """The `selected` part of the stage's report."""
        if self.best is None or self.config is None:
            return None
        metric = self.config.metric
        name = metric if isinstance(metric, str) else " + ".join(f"{w:g} {m}" for m, w in metric.items())
        return {
            "step": self.best[0],
            "metric": name,
            "paths": self._paths,
            "value": self.best[1],
            "history": [[step, value] for step, value in self.history],
        }

    def state_dict(self) -> dict[str, Any]:
        """History and the best weights."""
        return {"history": [list(h) for h in self.history], "best": list(self.best or ()), "weights": self.weights}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes them back."""
        self.history = [(int(step), None if value is None else float(value)) for step, value in state["history"]]
        self.best = (int(state["best"][0]), float(state["best"][1])) if state["best"] else None
        self.weights = dict(state["weights"])
