"""Rollouts as tensors: microbatches that stay the same for scoring and for every epoch.

Old, reference and new log-probabilities of a token all come from the same kept states in the same microbatch, so that
the probability ratio is exactly 1 before the first update.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dressage.run.batching import parts
from dressage.run.network import Network, Padded
from dressage.run.sampling import Sample
from dressage.spec.policy import Experience


@dataclass(frozen=True)
class Micro:
    """A microbatch: which rows of the rollout, and where their response tokens are predicted from."""

    rows: tuple[int, ...]
    padded: Padded
    where: Tensor
    """[B, T]: position t-1 of each response token t."""
    tokens: Tensor
    """[B, T]"""
    mask: Tensor
    """[B, T]"""

    def states(self, network: Network, role: str | None) -> Tensor:
        """The hidden states [B, T, H] that predict the response tokens, under a role."""
        hidden = network.hidden(self.padded, role)
        return hidden[torch.arange(len(self.rows), device=hidden.device)[:, None], self.where]


def minibatches(
    network: Network, samples: Sequence[Sample], rows: Sequence[int], *, count: int, budget: int, rng: random.Random
) -> list[list[Micro]]:
    """The rollout's rows in `count` random minibatches, each in microbatches of at most `budget` tokens."""
    order = list(rows)
    rng.shuffle(order)
    count = min(count, len(order))
    return [microbatches(network, samples, order[part::count], budget=budget) for part in range(count)]


def microbatches(network: Network, samples: Sequence[Sample], rows: Sequence[int], *, budget: int) -> list[Micro]:
    """Some rows in microbatches of like length and of at most `budget` tokens, padding counted; the largest first."""
    found = parts([samples[i].prompt + samples[i].ids for i in rows], budget)
    return [_micro(network, samples, [rows[i] for i in part]) for part in found]


def _micro(network: Network, samples: Sequence[Sample], rows: Sequence[int]) -> Micro:
    chosen = [samples[i] for i in rows]
    states = [s.states for s in chosen if s.states is not None]
    padded = network.pad([s.prompt + s.ids for s in chosen], states if len(states) == len(chosen) else None)
    width = max(len(s.ids) for s in chosen)
    where = torch.zeros(len(rows), width, dtype=torch.long)
    tokens, mask = torch.zeros_like(where), torch.zeros(len(rows), width)
    for row, s in enumerate(chosen):
        length = len(s.ids)
        where[row, :length] = torch.arange(len(s.prompt) - 1, len(s.prompt) + length - 1)
        tokens[row, :length] = torch.as_tensor(s.ids)
        mask[row, :length] = 1.0
    device = network.device
    return Micro(tuple(rows), padded, where.to(device), tokens.to(device), mask.to(device))


@dataclass(frozen=True)
class Recorded:
    """What the policy and the reference said of a rollout before the update; rows in rollout order.

    [B, T], where nothing else is said.
    """

    logprobs: Tensor
    ref_logprobs: Tensor
    values: Tensor
    """[streams, B, T]"""
    entropy: Tensor
    mask: Tensor
    features: Tensor
    """[tokens, H]: the policy's last hidden states, for the value head."""
    places: Tensor
    """[tokens, 2]: row and column of each feature."""


@torch.no_grad()
def record(
    network: Network,
    batches: Sequence[Sequence[Micro]],
    critic: Callable[[Micro, Tensor], Tensor],
    *,
    rows: int,
    streams: int,
    role: str,
    reference: str | None,
    temperature: float,
) -> Recorded:
    """One pass of policy, reference and critic over all microbatches.

    critic: from a microbatch and the policy's states in it, the values [streams, B, T].
    """
    micros = [micro for batch in batches for micro in batch]
    width = max(micro.mask.shape[1] for micro in micros)
    logprobs, ref, entropy, mask = torch.zeros(4, rows, width, device=network.device)
    values = torch.zeros(streams, rows, width, device=network.device)
    features, places = [], []
    for micro in micros:
        states = micro.states(network, role)
        new, uncertainty, _ = network.logprobs(states, micro.tokens, temperature=temperature)
        old = network.logprobs(micro.states(network, reference), micro.tokens, temperature=temperature)[0]
        index = torch.as_tensor(micro.rows, device=network.device)
        for target, source in ((logprobs, new), (ref, old), (entropy, uncertainty), (mask, torch.ones_like(new))):
            target[index, : micro.mask.shape[1]] = source * micro.mask
        values[:, index, : micro.mask.shape[1]] = critic(micro, states)
        valid = micro.mask.bool()
        features.append(states[valid].float())
        row, column = torch.nonzero(valid, as_tuple=True)
        places.append(torch.stack([index[row], column], dim=-1))
    return Recorded(logprobs, ref, values, entropy, mask, torch.cat(features), torch.cat(places))


def select(micro: Micro, whole: Experience) -> Experience:
    """The microbatch's part of a rollout's tensors."""
    index, width = torch.as_tensor(micro.rows, device=micro.mask.device), micro.mask.shape[1]

    def part(x: Tensor) -> Tensor:
        return x[index, :width]

    return Experience(
        logprobs=part(whole.logprobs),
        ref_logprobs=part(whole.ref_logprobs),
        values=part(whole.values),
        advantages=part(whole.advantages),
        returns=part(whole.returns),
        mask=part(whole.mask),
    )
