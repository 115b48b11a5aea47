"""Streams of reward: the total with the KL penalty, and the scores of each limited source. One value output for each.

The optimizer estimates the advantages of one stream at a time; what it says of the limited sources is combined with the
total's (`run/limits.py`), and its loss sees the result as if there were one stream.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from dressage import ops
from dressage.run.encoder import ChatEncoder
from dressage.run.experience import Recorded
from dressage.run.sampling import Sample
from dressage.run.scoring import Column, Scores
from dressage.run.spans import token_values
from dressage.run.value import ValueHead
from dressage.spec.components import OnlineOptimizer
from dressage.spec.policy import Experience, Losses, Outputs, Trajectories
from dressage.spec.types import Span


@dataclass(frozen=True)
class Rows:
    """The replies of a rollout."""

    samples: Sequence[Sample]
    groups: Sequence[int]
    """Per reply, which prompt it answers."""
    prompts: int
    """How many there are."""
    encoder: ChatEncoder

    def apart(self, scores: Sequence[float | None], device: torch.device) -> Tensor:
        """[B]: a number for each prompt; a reply without a score must not stand for one in the others' baseline."""
        numbers = [g if s is not None else g + self.prompts for g, s in zip(self.groups, scores, strict=True)]
        return torch.as_tensor(numbers, device=device)

    def paid(self, columns: Iterable[Sequence[Sequence[Span]]], mask: Tensor) -> Tensor:
        """[B, T]: the values of spans at their tokens."""
        extra = torch.zeros_like(mask)
        for column in columns:
            for row, spans in enumerate(column):
                for token, value in token_values(spans, self.samples[row].ids, self.encoder):
                    extra[row, token] += value
        return extra * mask


def compose(scores: Scores, limited: Sequence[str], seen: Recorded, rows: Rows, *, beta: float) -> list[Trajectories]:
    """The total's stream, then one for each limited source."""
    columns = zip((scores.columns[name] for name in limited), seen.values[1:], strict=True)
    return [_total(scores, seen, rows, beta), *(_source(column, values, seen, rows) for column, values in columns)]


def _total(scores: Scores, seen: Recorded, rows: Rows, beta: float) -> Trajectories:
    """The rewards that are to rise: the total at a reply's last token, minus the KL penalty at each."""
    device = seen.mask.device
    groups = rows.apart(scores.totals, device)
    totals = torch.tensor([total or 0.0 for total in scores.totals], device=device)
    rewards = ops.token_rewards(totals, seen.logprobs, seen.ref_logprobs, seen.mask, beta=beta)
    rewards = rewards + rows.paid((column.spans for column in scores.columns.values()), seen.mask)
    return Trajectories(rewards, seen.values[0], seen.mask, groups)


def _source(column: Column, values: Tensor, seen: Recorded, rows: Rows) -> Trajectories:
    """One source's own scores, without weight, sign and KL; replies it has no opinion on are masked out."""
    device = seen.mask.device
    known = torch.tensor([[score is not None] for score in column.bounded], dtype=seen.mask.dtype, device=device)
    mask = seen.mask * known
    scores = [0.0 if spans else score or 0.0 for score, spans in zip(column.bounded, column.given, strict=True)]
    at_last = torch.tensor(scores, device=device)
    rewards = ops.token_rewards(at_last, seen.logprobs, seen.ref_logprobs, mask, beta=0.0)
    rewards = rewards + rows.paid([column.given], mask)
    heard = mask.any(dim=1).tolist()  # a reply that left the update is no part of the others' baseline either
    groups = rows.apart([score if one else None for score, one in zip(column.bounded, heard, strict=True)], device)
    return Trajectories(rewards, values * mask, mask, groups)


def estimate(optimizer: OnlineOptimizer[Any], stream: Trajectories) -> tuple[Tensor, Tensor]:
    """The optimizer's advantages and returns of a stream, [B, T]; zeros for one in which nothing was said."""
    if not stream.mask.any():
        return torch.zeros_like(stream.mask), torch.zeros_like(stream.mask)
    return optimizer.advantages(stream)


@dataclass(frozen=True)
class Estimates:
    """What a rollout was found worth."""

    whole: Experience
    """What the policy learns from: combined advantages, the total's values and returns."""
    costs: tuple[Experience, ...] = ()
    """For the value output of each limited source: its values and returns, under its own mask."""

    def __iter__(self) -> Iterator[Experience]:
        return iter((self.whole, *self.costs))


def gathered(
    seen: Recorded, streams: Sequence[Trajectories], advantages: Tensor, returns: Sequence[Tensor]
) -> Estimates:
    """All streams as experience: the first with the advantages to train on, the others with none."""
    none = torch.zeros_like(advantages)
    whole, *costs = (
        Experience(seen.logprobs, seen.ref_logprobs, stream.values, none if number else advantages, one, stream.mask)
        for number, (stream, one) in enumerate(zip(streams, returns, strict=True))
    )
    return Estimates(whole, tuple(costs))


def fit_values(head: ValueHead, seen: Recorded, found: Estimates) -> None:
    """Solves each stream's values on the returns of the tokens that it knows, where the head is solved."""
    row, column = seen.places.T
    for stream, one in enumerate(found):
        known = one.mask[row, column].bool()
        if known.any():
            head.fit(seen.features[known], one.returns[row, column][known], stream=stream)


def value_loss(optimizer: OnlineOptimizer[Any], outputs: Outputs, values: Tensor, cost: Experience) -> Losses:
    """The optimizer's loss of one more value output, with nothing in it for the policy.

    outputs: of the total's stream; values: of this one, [B, T]. The advantage is 0, the probability ratio 1 and the KL
    0, so that the values' error is what is left. Replies that the source has no opinion on are not among its rows.
    """
    heard = cost.mask.any(dim=1)
    cost = Experience(**{name: tensor[heard] for name, tensor in vars(cost).items()})
    logprobs = outputs.logprobs.detach()[heard] * cost.mask
    alone = Outputs(logprobs, values[heard] * cost.mask, torch.zeros_like(logprobs), cost.mask)
    return optimizer.loss(alone, replace(cost, logprobs=logprobs, ref_logprobs=logprobs))
