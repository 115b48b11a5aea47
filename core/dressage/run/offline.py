"""Offline learning: a fixed data set, epochs, held-out numbers. SFT, DPO and fitted rewards all come through here.

Items of like length share a microbatch, as many as a budget of tokens holds, so that little is padding; what enters the
trained layers is computed once per sequence and kept for all epochs where it fits `KEEP_BYTES`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from dressage.run import batching
from dressage.run.heads import BilinearHead, summary
from dressage.run.learner import Learner
from dressage.run.network import Network
from dressage.run.packing import check_packing
from dressage.spec.console import Console
from dressage.spec.errors import DataError
from dressage.spec.policy import Losses, SequenceOutputs
from dressage.spec.sections import UpdateConfig
from dressage.spec.types import Example, Tokens

KEEP_BYTES = 2**30
"""The most memory for kept hidden states of a data set."""
HELD_OUT, HOLDS_OUT = 0.1, 20
"""The share of the rows that are not learnt from but measured, and the least rows of which some are."""


class Collator(Protocol):
    """What an offline optimizer and a fitted reward have in common."""

    def collate(self, example: Example, encode: Any) -> tuple[Tokens, ...] | None: ...

    def loss(self, outputs: SequenceOutputs) -> Losses: ...


@dataclass
class Item:
    """One example's sequences, with their kept states."""

    sequences: tuple[Tokens, ...]
    states: list[Tensor] = field(default_factory=list)

    @property
    def units(self) -> int:
        """Learnt tokens; a sequence's first is none, nothing comes before it."""
        return sum(sum(s.mask[1:]) for s in self.sequences)

    @property
    def longest(self) -> tuple[int, ...]:
        """Its longest sequence; items whose longest are alike stand in one microbatch."""
        return max((s.ids for s in self.sequences), key=len)


@dataclass(frozen=True)
class Task:
    """What is learnt by which role, and how outputs are made."""

    name: str
    collator: Collator
    role: str
    unit: str = "token"
    reference: str | None = None
    """The role whose log-probabilities are given as `ref_logprobs`; empty string for the bare base."""
    head: nn.Module | None = None
    """Scores each sequence, in place of log-probabilities: at its last token, or by its kept summary."""
    packing: bool = False
    """Whether a microbatch is laid end to end in one row, in place of padded rows."""


def make_items(examples: Sequence[Example], task: Task, network: Network, console: Console) -> list[Item]:
    """Examples as token sequences; those that the collator cannot use are left out, with a warning.

    Raises `DataError` where none is left, `ModelError` where the model cannot take them packed.
    """
    if task.packing:
        check_packing(network)
    made = [task.collator.collate(example, network.encoder) for example in examples]
    items = [Item(sequences) for sequences in made if sequences]
    unused = [example for example, sequences in zip(examples, made, strict=True) if not sequences]
    if not items:
        raise DataError(
            f"{task.name}: none of the {len(examples)} rows can be learnt from; check their shape with the log above"
        )
    if unused:
        first = f", the first {unused[0].origin}" if unused[0].origin is not None else ""
        console.warn(f"{task.name}: left out {len(unused)} of {len(examples)} rows that it cannot learn from{first}")
    return items


def split_held_out(items: Sequence[Item], seed: int) -> tuple[list[Item], list[Item]]:
    """A seeded tenth of the items is held out; none of fewer than 20."""
    order = list(range(len(items)))
    random.Random(seed).shuffle(order)
    held = int(len(items) * HELD_OUT) if len(items) >= HOLDS_OUT else 0
    return [items[i] for i in order[held:]], [items[i] for i in order[:held]]


def keep_states(items: Sequence[Item], network: Network, console: Console, label: str) -> None:
    """Computes what enters the trained layers, once; skipped where it would not fit."""
    tokens = sum(len(s.ids) for item in items for s in item.sequences)
    size = torch.empty((), dtype=network.base.dtype).element_size()
    if network.keeps_states and tokens * network.width * size <= KEEP_BYTES:
        _keep(items, network, console, label, take=lambda states, _: states, length=lambda s: len(s.ids))


def keep_summaries(items: Sequence[Item], network: Network, console: Console, label: str) -> None:
    """Computes what a head on frozen states needs of each sequence, once: [2, H]."""
    _keep(items, network, console, label, take=lambda states, s: summary(states, s.mask), length=lambda _: 2)


def _keep(
    items: Sequence[Item], network: Network, console: Console, label: str, *,
    take: Callable[[Tensor, Tokens], Tensor], length: Callable[[Tokens], int],
) -> None:  # fmt: skip
    """All in one block: many small ones that stay would lie between those that go, and hold their pages."""
    sequences = [(item, s) for item in items for s in item.sequences]
    found = batching.forward([s.ids for _, s in sequences])
    lengths = [length(s) for _, s in sequences]
    ends = list(accumulate(lengths))
    block: Tensor | None = None
    for rows in console.progress(found, f"{label}: frozen layers", len(found)):
        states = network.frozen(network.pad([sequences[i][1].ids for i in rows]))
        for row, i in enumerate(rows):
            sequence = sequences[i][1]
            taken = take(states[row, : len(sequence.ids)], sequence)
            if block is None:
                block = torch.empty(ends[-1], taken.shape[-1], dtype=taken.dtype)
            block[ends[i] - lengths[i] : ends[i]] = taken
    if block is not None:
        for (item, _), kept in zip(sequences, torch.split(block, lengths), strict=True):
            item.states.append(kept)


def batches(items: Sequence[Item], size: int, rng: random.Random) -> list[list[Item]]:
    """One epoch in optimizer steps: shuffled, then cut into windows of like length, which are shuffled again.

    The one that takes the most memory comes first: it fits, or no time is lost.
    """
    order = list(items)
    rng.shuffle(order)
    window = size * 8
    found: list[list[Item]] = []
    for start in range(0, len(order), window):
        part = order[start : start + window]
        near = [part[i] for i in batching.in_order([item.longest for item in part])]
        found.extend(near[i : i + size] for i in range(0, len(near), size))
    rng.shuffle(found)
    largest = max(range(len(found)), key=lambda i: batching.padded([item.longest for item in found[i]]), default=0)
    return [*found[largest : largest + 1], *found[:largest], *found[largest + 1 :]]


@dataclass(frozen=True)
class Budget:
    """What a pass may have."""

    rows: int
    """Items, were each the longest."""
    tokens: int
    """As many tokens, padding counted."""


def budget(items: Sequence[Item], rows: int) -> Budget:
    """So many of the items, were each as long as the longest."""
    return Budget(rows, rows * max((len(item.sequences) * len(item.longest) for item in items), default=0))


def outputs(items: Sequence[Item], task: Task, network: Network) -> SequenceOutputs:
    """What the model says of a microbatch: log-probabilities of the learnt tokens, or the head's scores."""
    sequences = [s for item in items for s in item.sequences]
    states = [s for item in items for s in item.states] if items[0].states else None
    per_item = len(items[0].sequences)
    if isinstance(task.head, BilinearHead):
        assert states is not None
        return _scored(task.head(torch.stack(states).to(network.device)), per_item)
    batch = (network.pack if task.packing else network.pad)([s.ids for s in sequences], states)
    hidden = network.hidden(batch, task.role)
    if task.packing:
        hidden = _unpacked(hidden, sequences)
    if task.head is not None:
        last = torch.as_tensor([len(s.ids) - 1 for s in sequences], device=network.device)
        return _scored(task.head(hidden[torch.arange(len(sequences)), last].float()), per_item)
    where, tokens, mask = _learnt(sequences, network.device)
    rows = torch.arange(len(sequences), device=network.device)[:, None]
    logprobs, _, correct = network.logprobs(hidden[rows, where], tokens)
    shape = (len(items), per_item, -1)
    reference = None
    if task.reference is not None:
        with torch.no_grad():
            base = network.hidden(batch, task.reference or None)
            base = _unpacked(base, sequences) if task.packing else base
            reference = (network.logprobs(base[rows, where], tokens)[0] * mask).view(shape)
    return SequenceOutputs(
        (logprobs * mask).view(shape), mask.view(shape), ref_logprobs=reference, correct=(correct * mask).view(shape)
    )


def _scored(scores: Tensor, per_item: int) -> SequenceOutputs:
    """[N, 1] to outputs that have nothing but scores [N / S, S]."""
    ones = torch.ones(len(scores) // per_item, per_item, 1, device=scores.device)
    return SequenceOutputs(torch.zeros_like(ones), ones, scores=scores.view(-1, per_item))


def _unpacked(hidden: Tensor, sequences: Sequence[Tokens]) -> Tensor:
    """[1, sum of T, H] to [B, T, H], right-padded."""
    parts = torch.split(hidden[0], [len(s.ids) for s in sequences])
    return nn.utils.rnn.pad_sequence(list(parts), batch_first=True)


def _learnt(sequences: Sequence[Tokens], device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Where the learnt tokens are predicted from, which they are, and which of [B, T] are real; right-padded."""
    places = [[i for i, learnt in enumerate(s.mask) if learnt and i > 0] for s in sequences]
    width = max(1, *(len(p) for p in places))
    where = torch.zeros(len(sequences), width, dtype=torch.long)
    tokens, mask = torch.zeros_like(where), torch.zeros(len(sequences), width)
    for row, (sequence, place) in enumerate(zip(sequences, places, strict=True)):
        for column, i in enumerate(place):
            where[row, column], tokens[row, column], mask[row, column] = i - 1, sequence.ids[i], 1.0
    return where.to(device), tokens.to(device), mask.to(device)


def microbatches(
    batch: Sequence[Item], task: Task, network: Network, most: Budget
) -> Iterator[tuple[float, Callable[[], Losses]]]:
    """The parts of one optimizer step, each within the budget, with their shares of the units.

    Packed, a part has no more items than the budget's rows: the attention of one long row costs its length's square.
    """
    total = sum(_count(item, task) for item in batch)
    an_item = len(batch[0].sequences)
    rows = most.rows if task.packing else None
    for places in batching.parts([item.longest for item in batch], most.tokens, an_item=an_item, most=rows):
        part = [batch[i] for i in places]
        share = sum(_count(item, task) for item in part) / max(total, 1)
        yield share, partial(_loss, part, task, network)


def _count(item: Item, task: Task) -> int:
    return 1 if task.unit == "item" else item.units


def _loss(part: Sequence[Item], task: Task, network: Network) -> Losses:
    return task.collator.loss(outputs(part, task, network))


@torch.no_grad()
def held_out_numbers(
    items: Sequence[Item], task: Task, network: Network, size: int = batching.FORWARD_ROWS
) -> dict[str, float]:
    """The loss and its numbers on items that are not learnt from, as `held_out_...`."""
    totals: dict[str, float] = {}
    for share, compute in microbatches(items, task, network, budget(items, size)):
        losses = compute()
        for key, value in {"loss": losses.loss, **losses.metrics}.items():
            totals[f"held_out_{key}"] = totals.get(f"held_out_{key}", 0.0) + share * float(value)
    return totals


def learner_for(task: Task, network: Network, update: UpdateConfig, steps: int) -> Learner:
    """The optimizer of a task's adapter and head; a head on frozen states has no adapter beside it."""
    head = list(task.head.parameters()) if task.head is not None else []
    if isinstance(task.head, BilinearHead):
        return Learner(head, update, steps=steps)
    return Learner(network.adapters.parameters(task.role), update, steps=steps, head=head)
