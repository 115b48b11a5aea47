"""Fitted rewards: an adapter and a head on a base model, or a head alone, trained on comparisons, then used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from dressage.run import batching, offline
from dressage.run.heads import BilinearHead, LinearHead, summary
from dressage.run.lora import POLICY
from dressage.run.network import Network
from dressage.run.sampling import Sample
from dressage.run.seeds import generator_for, rng_for, seed_for, settle
from dressage.run.statistics import wilson
from dressage.spec.components import FittedReward
from dressage.spec.console import Console
from dressage.spec.plan import RewardPlan
from dressage.spec.sections import UpdateConfig
from dressage.spec.types import Batch, Example

Halves = tuple[tuple[int, ...], tuple[int, ...]]
"""A prompt's tokens and a reply's."""


@dataclass
class Fitted:
    """A reward's adapter and head on a network: the run's own, or one of another base."""

    plan: RewardPlan
    reward: FittedReward[Any]
    network: Network
    seed: int
    head: LinearHead | BilinearHead = field(init=False)
    shift: float = 0.0
    """Subtracted from scores, so that their mean over the comparisons is 0."""

    def __post_init__(self) -> None:
        if self.reward.head == "bilinear":
            self.head = BilinearHead(self.network.width, self.network.device)
            return
        self.head = LinearHead(self.network.width, self.network.device, generator_for(self.seed, self.name, "head"))
        if self.role not in self.network.adapters.names:
            settle(self.seed, self.name, "adapter")  # peft draws the first weights
            self.network.adapters.add(self.role)

    @property
    def name(self) -> str:
        """The reward's unique name."""
        return self.plan.component.name

    @property
    def adapted(self) -> bool:
        """Whether it has an adapter, and not a head alone."""
        return isinstance(self.head, LinearHead)

    @property
    def role(self) -> str:
        """The name of its adapter, where it has one."""
        return f"reward-{self.plan.component.path.replace('.', '-')}"

    def fit(self, examples: Sequence[Example], console: Console, check_stop: Callable[[], None]) -> dict[str, Any]:
        """Trains on nine tenths of the comparisons and measures on the rest; returns what the report shows.

        `check_stop` is called after each batch, and may raise.
        """
        update = self.plan.update or UpdateConfig()
        if self.adapted and self.reward.base is None:
            # it starts from the fine-tuned model (Stiennon et al. 2020, section 3.4)
            self.network.adapters.load(self.role, self.network.adapters.state(POLICY))
        if update.packing and not self.adapted:
            console.warn(f"{self.name}: update.packing does nothing here: a bilinear head has frozen states alone")
        packing = update.packing and self.adapted
        task = offline.Task(self.name, self.reward, self.role, unit="item", head=self.head, packing=packing)
        items = offline.make_items(examples, task, self.network, console)
        keep = offline.keep_states if self.adapted else offline.keep_summaries
        keep(items, self.network, console, self.name)
        learn, held = offline.split_held_out(items, seed_for(self.seed, self.name))
        if isinstance(self.head, BilinearHead):
            self.head.standardise(torch.stack([s for item in learn for s in item.states]).to(self.network.device))
        budget = offline.budget(items, update.microbatch)
        steps = self.plan.epochs * -(-len(learn) // update.batch)
        learner = offline.learner_for(task, self.network, update, steps)
        for epoch in range(self.plan.epochs):
            parts = offline.batches(learn, update.batch, rng_for(self.seed, self.name, epoch))
            for part in console.progress(parts, f"{self.name}: epoch {epoch + 1} of {self.plan.epochs}", len(parts)):
                micros = offline.microbatches(part, task, self.network, budget)
                learner.step(micros, name=self.name)
                check_stop()
        margins, self.shift = self._measure(held, learn, task)
        numbers = offline.held_out_numbers(held, task, self.network) if held else {}
        for item in items:
            item.states.clear()
        return _summary(margins, numbers.get("held_out_loss"), pairs=len(items))

    @torch.no_grad()
    def _measure(
        self, held: list[offline.Item], learn: list[offline.Item], task: offline.Task
    ) -> tuple[list[float], float]:
        """Margins on held-out pairs, and the mean score of all sequences learnt from."""

        def scores(items: list[offline.Item]) -> Tensor:
            found: dict[int, Tensor] = {}
            for places in batching.forward([item.longest for item in items]):
                out = offline.outputs([items[i] for i in places], task, self.network)
                assert out.scores is not None
                found.update(zip(places, out.scores, strict=True))
            return torch.stack([found[i] for i in range(len(items))])

        pairs = scores(held) if held else torch.empty(0, 0)
        margins = (pairs[:, 0] - pairs[:, -1]).tolist() if pairs.shape[1] > 1 else []
        return margins, float(scores(learn).mean())

    @torch.no_grad()
    def score(self, batch: Batch, samples: Sequence[Sample], rows: Sequence[int]) -> list[float]:
        """The scores of some rows of a rollout: of the sampled tokens themselves where the base is the run's own."""
        own = self.reward.base is None
        found: dict[int, float] = {}
        halves = {i: (samples[i].prompt, samples[i].ids) if own else self._encode(batch, i) for i in rows}
        for places in batching.forward([(*halves[i][0], *halves[i][1]) for i in rows]):
            part = [rows[at] for at in places]
            states = [s for i in part if own and (s := samples[i].states) is not None]
            scores = self._score([halves[i] for i in part], states if len(states) == len(part) else None)
            found.update(zip(part, (scores - self.shift).tolist(), strict=True))
        return [found[i] for i in rows]

    def _score(self, halves: Sequence[Halves], states: Sequence[Tensor] | None) -> Tensor:
        """[N], of prompts and replies, and of the states that enter the trained layers where they were kept."""
        padded = self.network.pad([(*prompt, *reply) for prompt, reply in halves], states)
        if isinstance(self.head, BilinearHead):
            frozen = self.network.frozen(padded) if padded.states is None else padded.states
            masks = [(False,) * len(prompt) + (True,) * len(reply) for prompt, reply in halves]
            scores: Tensor = self.head(torch.stack([summary(s, m) for s, m in zip(frozen, masks, strict=True)]))
            return scores[:, 0]
        hidden = self.network.hidden(padded, self.role)
        last = padded.mask.sum(-1) - 1
        scores = self.head(hidden[torch.arange(len(halves)), last].float())
        return scores[:, 0]

    def _encode(self, batch: Batch, row: int) -> Halves:
        """Prompt and reply in the base's own tokens: cut on the left to what it takes, closed only where it ended."""
        encoder, prompt = self.network.encoder, batch.prompts[row]
        if prompt.text is not None:
            ids, before = encoder.plain(prompt.text + batch.responses[row]), len(encoder.plain(prompt.text))
        else:
            asked, answer = encoder.prompt(prompt.messages), encoder.answer(batch.responses[row])
            if batch.finished and not batch.finished[row]:
                answer = answer[:-1]
            ids, before = asked + answer, len(asked)
        beyond = max(len(ids) - encoder.limit, 0)
        return ids[beyond : max(before, beyond)], ids[max(before, beyond) :]

    def tensors(self) -> dict[str, Tensor]:
        """Adapter, where there is one, and head, for a checkpoint."""
        head = {f"head.{k}": v.detach().cpu() for k, v in self.head.state_dict().items()}
        adapter = self.network.adapters.state(self.role) if self.adapted else {}
        return adapter | head | {"shift": torch.tensor([self.shift], dtype=torch.float64)}

    def load_tensors(self, state: dict[str, Tensor]) -> None:
        """Takes them back."""
        self.head.load_state_dict({k.removeprefix("head."): v for k, v in state.items() if k.startswith("head.")})
        self.shift = float(state["shift"][0])
        if self.adapted:
            self.network.adapters.load(self.role, state)


def _summary(margins: Sequence[float], loss: float | None, *, pairs: int) -> dict[str, Any]:
    """Accuracy with its interval, and the expected calibration error of sigmoid(margin) in ten bins, on held-out pairs.

    All are None where none was held out: on the pairs that it learnt from, a reward says nothing of itself.
    """
    found: dict[str, Any] = {"accuracy": None, "ece": None, "loss": loss, "pairs": pairs}
    if not margins:
        return found
    right = sum(m > 0 for m in margins)
    low, high = wilson(right, len(margins))
    accuracy = {"value": right / len(margins), "low": low, "high": high, "n": len(margins)}
    return found | {"accuracy": accuracy, "ece": _calibration(margins)}


def held_out(accuracy: Mapping[str, float] | None) -> str:
    """The accuracy of `Fitted.fit` in words."""
    if accuracy is None:
        return "too few to hold any out, so its accuracy is not known"
    ends = f"[{accuracy['low']:.3f}, {accuracy['high']:.3f}]"
    return f"held-out accuracy {accuracy['value']:.3f} {ends} on {accuracy['n']}"


def _calibration(margins: Sequence[float]) -> float:
    """Mean |confidence - accuracy| over bins of the predicted winner's probability, weighted by size."""
    bins: dict[int, list[tuple[float, bool]]] = {}
    for margin in margins:
        sure = float(torch.sigmoid(torch.tensor(abs(margin))))
        bins.setdefault(min(int(sure * 10), 9), []).append((sure, margin > 0))
    gaps = [abs(sum(s for s, _ in part) - sum(r for _, r in part)) for part in bins.values()]
    return sum(gaps) / max(len(margins), 1)
