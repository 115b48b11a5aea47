"""Demonstrations that an online stage goes on learning: their loss is a part of each of its optimizer steps.

PPO alone forgets what fine-tuning taught wherever its rewards say nothing. PPO-ptx (Ouyang et al. 2022,
arXiv:2203.02155, equation 2) adds gamma times the loss on other data to each step; here any offline optimizer gives it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from dressage.run import offline
from dressage.run.lora import POLICY
from dressage.run.network import Network
from dressage.run.seeds import rng_for
from dressage.run.session import Session
from dressage.spec.plan import MixPlan, StagePlan
from dressage.spec.policy import Losses


@dataclass(frozen=True)
class Mixture:
    """The examples of a stage's mix, a batch of them for each of its steps."""

    plan: MixPlan
    task: offline.Task
    network: Network
    items: Sequence[offline.Item]
    seed: int
    budget: offline.Budget
    """Of a forward and backward pass."""

    def batch(self, step: int) -> list[offline.Item]:
        """What step 0, 1, ... learns: all examples in a seeded order, then in another one."""
        count, start = len(self.items), step * self.plan.batch
        places = range(start, start + self.plan.batch)
        orders = {round_: self._order(round_) for round_ in {at // count for at in places}}
        return [self.items[orders[at // count][at % count]] for at in places]

    def _order(self, round_: int) -> list[int]:
        order = list(range(len(self.items)))
        rng_for(self.seed, self.task.name, round_).shuffle(order)
        return order

    def microbatches(self, step: int) -> Iterator[tuple[float, Callable[[], Losses]]]:
        """The parts of a step's mix, each with its weight in the step."""
        for share, compute in offline.microbatches(self.batch(step), self.task, self.network, self.budget):
            yield share * self.plan.weight, partial(self._named, compute)

    def _named(self, compute: Callable[[], Losses]) -> Losses:
        """Its numbers as `mix.NAME`; the learner weighs them as it does the loss, which is undone here."""
        losses = compute()
        numbers = {"loss": losses.loss.detach(), **losses.metrics}
        return Losses(losses.loss, {f"mix.{key}": value / self.plan.weight for key, value in numbers.items()})

    def report(self) -> dict[str, Any]:
        """What the run's report says of it."""
        entry = self.plan.component.entry
        return {
            "use": entry.name,
            "distribution": entry.distribution,
            "version": entry.version,
            "weight": self.plan.weight,
            "batch": self.plan.batch,
            "rows": len(self.items),
        }


def mixture(session: Session, stage: StagePlan, reference: str | None) -> Mixture | None:
    """What a stage mixes in, or None; raises `DataError` where none of the rows can be learnt from."""
    if stage.mix is None:
        return None
    optimizer = session.workshop.make(stage.mix.component)
    name = f"{stage.name}.mix"
    held_to = (reference or "") if optimizer.needs_reference else None
    task = offline.Task(name, optimizer, POLICY, unit=optimizer.unit, reference=held_to)
    items = offline.make_items(session.rows_of(stage, "mix"), task, session.network, session.console)
    what = f"{stage.mix.batch} a step by {stage.mix.component.entry.name}, weight {stage.mix.weight:g}"
    session.console.line(f"{name}: {len(items)} rows, {what}")
    budget = offline.budget(items, stage.update.microbatch)
    return Mixture(stage.mix, task, session.network, items, session.plan.seed, budget)
