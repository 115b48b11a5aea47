"""Log-probabilities of given tokens from hidden states, without a [B, T, V] tensor of logits.

Rows are worked off in chunks, and a chunk's logits in tiles of the vocabulary, in fp32, so that what a tile needs stays
in the processor's cache. The derivative of a token's log-probability with respect to its hidden state is
(head[token] - p @ head) / temperature, a vector of size H: it is made while the tile's probabilities are at hand, so
that backward keeps [B, T, H] and neither keeps nor computes logits again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

CHUNK_LOGITS = 2**23
"""Logits that exist at a time by default: 16 MiB in bf16, 32 MiB in fp32."""
TILE_LOGITS = 2**18
"""Logits that are worked on at a time on a CPU: 1 MiB in fp32."""
LEAST_LOGPROB = -80.0
"""Below this a probability is nothing in fp32; it keeps 0 * -inf out of the entropy."""


_Picked: TypeAlias = tuple[Tensor, Tensor | None, Tensor | None]
"""Log-probability, entropy and whether the token is the argmax."""


@dataclass(frozen=True)
class _Head:
    """What turns hidden states into log-probabilities."""

    weight: Tensor
    bias: Tensor | None
    transform: Callable[[Tensor], Tensor] | None
    temperature: float
    statistics: bool
    """Whether entropy and argmax are wanted."""
    entropy_gradient: bool

    @property
    def is_plain(self) -> bool:
        """Whether it is frozen and its logits are the product: only then are the derivatives known ahead."""
        trained = self.weight.requires_grad or (self.bias is not None and self.bias.requires_grad)
        return not trained and self.transform is None

    def logits(self, hidden: Tensor) -> Tensor:
        """[n, H] -> [n, V], in the head's type."""
        logits = hidden.to(self.weight.dtype) @ self.weight.T
        return logits if self.bias is None else logits + self.bias

    def logprobs(self, hidden: Tensor) -> Tensor:
        """[n, H] -> [n, V], fp32 (float64 where the head is)."""
        logits = self.logits(hidden)
        if self.transform is not None:
            logits = self.transform(logits)
        return torch.log_softmax(_wide(logits) / self.temperature, dim=-1)

    def pick(self, hidden: Tensor, tokens: Tensor) -> _Picked:
        """[n, H], [n] -> log-probability, entropy and whether the token is the argmax, [n] each."""
        logprobs = self.logprobs(hidden)
        picked = _at(logprobs, tokens)
        if not self.statistics:
            return picked, None, None
        source = logprobs if self.entropy_gradient else logprobs.detach()
        return picked, _entropy(source), picked.detach() >= logprobs.detach().amax(-1)


def _wide(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()


def _at(rows: Tensor, tokens: Tensor) -> Tensor:
    return rows.gather(-1, tokens[:, None]).squeeze(-1)


def _entropy(logprobs: Tensor) -> Tensor:
    return -(logprobs.exp() * logprobs.clamp(min=LEAST_LOGPROB)).sum(-1)


class _Sums:
    """Over the vocabulary without the token itself, p being exp((logit - highest) / temperature) and d that exponent.

    The token is left out so that 1 - p[token] comes from a sum of small numbers, not from a difference: no cancellation
    where it is nearly certain.
    """

    def __init__(self, hidden: Tensor, tokens: Tensor, head: _Head, *, sloped: bool) -> None:
        logits = head.logits(hidden)
        highest = logits.amax(-1)
        self.exponent = _wide(_at(logits, tokens) - highest) / head.temperature
        self.is_highest = self.exponent >= 0
        self.total = torch.zeros_like(self.exponent)
        self.weighted = torch.zeros_like(self.exponent)
        wide = self.exponent.new_zeros(hidden.shape) if sloped else None
        self.through_head = wide
        """sum of p * head, [n, H]"""
        self.weighted_through_head = wide.clone() if wide is not None and head.entropy_gradient else None
        """sum of p * d * head, [n, H]"""
        width = max(1, TILE_LOGITS // max(len(tokens), 1)) if logits.device.type == "cpu" else logits.shape[1]
        for start in range(0, logits.shape[1], width):
            tile = logits[:, start : start + width]
            self._add(tile, _wide(highest)[:, None], tokens - start, head, head.weight[start : start + width])

    def _add(self, tile: Tensor, highest: Tensor, tokens: Tensor, head: _Head, weight: Tensor) -> None:
        d = (_wide(tile) - highest).div_(head.temperature).clamp_(min=LEAST_LOGPROB)
        p = d.exp()
        inside = ((tokens >= 0) & (tokens < p.shape[1])).nonzero()[:, 0]
        p[inside, tokens[inside]] = 0.0
        self.total += p.sum(-1)
        if self.through_head is not None:
            self.through_head += p.to(weight.dtype) @ weight
        if not head.statistics:
            return
        weighted = d.mul_(p)
        self.weighted += weighted.sum(-1)
        if self.weighted_through_head is not None:
            self.weighted_through_head += weighted.to(weight.dtype) @ weight


def _pick(
    hidden: Tensor, tokens: Tensor, head: _Head, *, sloped: bool = False
) -> tuple[Tensor, Tensor | None, Tensor | None, list[Tensor]]:
    """As `_Head.pick`, by tiles; with the derivatives of the first two with respect to hidden states, [n, H] each."""
    sums = _Sums(hidden, tokens, head, sloped=sloped)
    own = sums.exponent.exp()
    total = sums.total + own
    logprob = sums.exponent - total.log()
    entropy = greedy = None
    own_weighted = own * sums.exponent.clamp(min=LEAST_LOGPROB)
    if head.statistics:
        entropy, greedy = total.log() - (sums.weighted + own_weighted) / total, sums.is_highest
    slopes: list[Tensor] = []
    if sums.through_head is not None:
        column = head.weight[tokens]
        slope = (sums.total[:, None] * column - sums.through_head) / total[:, None]
        slopes.append((slope / head.temperature).to(hidden.dtype))
    if entropy is not None and sums.through_head is not None and sums.weighted_through_head is not None:
        # -sum of P (ln P + entropy) head, with ln P = d - ln total
        mean = (sums.through_head + own[:, None] * column) / total[:, None]
        weighted = (sums.weighted_through_head + own_weighted[:, None] * column) / total[:, None]
        downhill = (total.log() - entropy)[:, None] * mean - weighted
        slopes.append((downhill / head.temperature).to(hidden.dtype))
    return logprob, entropy, greedy, slopes


class _Selected(torch.autograd.Function):
    """One chunk, with the derivatives made in the forward pass; the head is frozen and has no transform."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, tokens: Tensor, head: _Head) -> _Picked:
        logprob, entropy, greedy, slopes = _pick(hidden, tokens, head, sloped=True)
        without = [greedy] if head.entropy_gradient else [entropy, greedy]
        ctx.mark_non_differentiable(*(x for x in without if x is not None))
        ctx.save_for_backward(*slopes)
        ctx.set_materialize_grads(False)
        return logprob, entropy, greedy

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, None, None]:
        total: Tensor | None = None
        for slope, gradient in zip(ctx.saved_tensors, gradients, strict=False):
            if gradient is not None:
                part = (gradient[:, None] * slope).to(slope.dtype)
                total = part if total is None else total + part
        return total, None, None


def _chunk(hidden: Tensor, tokens: Tensor, head: _Head) -> _Picked:
    """One chunk by the cheapest exact way: by tiles, with derivatives ahead, or whole and recomputed in backward."""
    if not head.is_plain:
        return checkpoint(head.pick, hidden, tokens, use_reentrant=False)  # type: ignore[no-any-return]
    if torch.is_grad_enabled() and hidden.requires_grad:
        return _Selected.apply(hidden, tokens, head)  # type: ignore[no-untyped-call, no-any-return]
    return _pick(hidden, tokens, head)[:3]


def _select(hidden: Tensor, tokens: Tensor, head: _Head, chunk: int | None) -> _Picked:
    rows, ids = hidden.reshape(-1, hidden.shape[-1]), tokens.reshape(-1)
    chunk = chunk or max(1, CHUNK_LOGITS // head.weight.shape[0])
    parts = [_chunk(h, t, head) for h, t in zip(torch.split(rows, chunk), torch.split(ids, chunk), strict=True)]
    columns = list(zip(*parts, strict=True))
    joined = [None if column[0] is None else torch.cat(column).reshape(tokens.shape) for column in columns]
    picked, entropy, greedy = joined
    assert picked is not None
    return picked, entropy, greedy


def selected_logprobs(
    hidden: Tensor,
    head_weight: Tensor,
    tokens: Tensor,
    *,
    temperature: float = 1.0,
    chunk: int | None = None,
    bias: Tensor | None = None,
    transform: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """The log-probability of each token, in fp32 nats, under softmax(transform(hidden @ head.T + bias) / temperature).

    hidden: [B, T, H] or any [..., H]; head_weight: [V, H]; tokens: [...] integers; result: [...]. At most `chunk` rows
    of logits exist at a time (by default as many as make 2**23). Backward holds one [..., H] tensor; with a
    `transform` (a soft cap), or a head that is itself trained, it computes each chunk's logits again instead.
    """
    head = _Head(head_weight, bias, transform, temperature, statistics=False, entropy_gradient=False)
    return _select(hidden, tokens, head, chunk)[0]


def selected_logprobs_and_entropy(
    hidden: Tensor,
    head_weight: Tensor,
    tokens: Tensor,
    *,
    temperature: float = 1.0,
    chunk: int | None = None,
    bias: Tensor | None = None,
    transform: Callable[[Tensor], Tensor] | None = None,
    entropy_gradient: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """The log-probability of each token, the entropy in nats of its distribution, and whether it is the likeliest.

    As `selected_logprobs`; all three are [...], the last boolean (true for each of several equals). The entropy carries
    a gradient only where `entropy_gradient` asks for one.
    """
    head = _Head(head_weight, bias, transform, temperature, statistics=True, entropy_gradient=entropy_gradient)
    picked, entropy, greedy = _select(hidden, tokens, head, chunk)
    assert entropy is not None
    assert greedy is not None
    return picked, entropy, greedy
