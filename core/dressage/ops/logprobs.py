"""Log-probabilities of given tokens from hidden states, without a [B, T, V] tensor of logits.

Rows are worked off in chunks, in fp32. The derivative of a token's log-probability with respect to its hidden state is
(head[token] - p @ head) / temperature, a vector of size H: it is made while the chunk's softmax is at hand, so that
backward keeps [B, T, H] and neither keeps nor computes logits again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

CHUNK_LOGITS = 2**24
"""Logits that exist at a time by default: 64 MiB in fp32."""
LEAST_LOGPROB = -100.0
"""Below this a probability is 0 in fp32; it keeps 0 * -inf out of the entropy."""


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

    def logprobs(self, hidden: Tensor) -> Tensor:
        """[n, H] -> [n, V], fp32 (float64 where the head is)."""
        logits = hidden.to(self.weight.dtype) @ self.weight.T
        if self.bias is not None:
            logits = logits + self.bias
        if self.transform is not None:
            logits = self.transform(logits)
        if logits.dtype != torch.float64:
            logits = logits.float()
        return torch.log_softmax(logits / self.temperature if self.temperature != 1.0 else logits, dim=-1)

    def pick(self, hidden: Tensor, tokens: Tensor) -> _Picked:
        """[n, H], [n] -> log-probability, entropy and whether the token is the argmax, [n] each."""
        logprobs = self.logprobs(hidden)
        picked = _at(logprobs, tokens)
        if not self.statistics:
            return picked, None, None
        source = logprobs if self.entropy_gradient else logprobs.detach()
        return picked, _entropy(source), picked.detach() >= logprobs.detach().amax(-1)


def _at(logprobs: Tensor, tokens: Tensor) -> Tensor:
    return logprobs.gather(-1, tokens[:, None]).squeeze(-1)


def _entropy(logprobs: Tensor) -> Tensor:
    return -(logprobs.exp() * logprobs.clamp(min=LEAST_LOGPROB)).sum(-1)


class _Selected(torch.autograd.Function):
    """One chunk, with the derivatives made in the forward pass; the head is frozen and has no transform."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, tokens: Tensor, head: _Head) -> _Picked:
        logprobs = head.logprobs(hidden)
        picked = _at(logprobs, tokens)
        entropy = greedy = None
        if head.statistics:
            entropy, greedy = _entropy(logprobs), picked >= logprobs.amax(-1)
            ctx.mark_non_differentiable(greedy)
        slopes = []
        probabilities = logprobs.exp()
        if entropy is not None and head.entropy_gradient:
            downhill = -probabilities * (logprobs.clamp(min=LEAST_LOGPROB) + entropy[:, None])
            slopes.append(_through_head(downhill, head, hidden.dtype))
        elif entropy is not None:
            ctx.mark_non_differentiable(entropy, greedy)
        # 1 - p at the token and -p elsewhere, before the product: no cancellation where p is near 1.
        probabilities.neg_().scatter_add_(1, tokens[:, None], torch.ones_like(picked)[:, None])
        slopes.insert(0, _through_head(probabilities, head, hidden.dtype))
        ctx.save_for_backward(*slopes)
        ctx.set_materialize_grads(False)
        return picked, entropy, greedy

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, None, None]:
        total: Tensor | None = None
        for slope, gradient in zip(ctx.saved_tensors, gradients, strict=False):
            if gradient is not None:
                part = (gradient[:, None] * slope).to(slope.dtype)
                total = part if total is None else total + part
        return total, None, None


def _through_head(slope: Tensor, head: _Head, dtype: torch.dtype) -> Tensor:
    """A derivative with respect to logits / temperature, [n, V], as one with respect to hidden states, [n, H]."""
    return (slope.to(head.weight.dtype) @ head.weight).to(dtype) / head.temperature


def _chunk(hidden: Tensor, tokens: Tensor, head: _Head) -> _Picked:
    """One chunk by the cheapest exact way: plain without gradients, derivative ahead, or recomputed in backward."""
    trained_head = head.weight.requires_grad or (head.bias is not None and head.bias.requires_grad)
    if not torch.is_grad_enabled() or not (hidden.requires_grad or trained_head):
        return head.pick(hidden, tokens)
    if trained_head or head.transform is not None:
        return checkpoint(head.pick, hidden, tokens, use_reentrant=False)  # type: ignore[no-any-return]
    return _Selected.apply(hidden, tokens, head)  # type: ignore[no-untyped-call, no-any-return]


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
    of logits exist at a time (by default as many as make 64 MiB). Backward holds one [..., H] tensor; with a
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
