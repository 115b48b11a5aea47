"""The tensors that pass between the core and an optimizer. B responses, T tokens, N items, S sequences an item.

All tensors of one object are on one device; masks are 0/1 floats; what belongs to masked tokens is 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Trajectories:
    """One stream of per-token rewards, as an advantage estimator sees it."""

    rewards: Tensor
    """[B, T]: of the total, minus beta times the KL at each response token; the score added once, at the last."""
    values: Tensor
    """[B, T]: the value of each token's state before the update; zeros for an optimizer without values."""
    mask: Tensor
    """[B, T]: 1 on response tokens, the end-of-sequence token included."""
    groups: Tensor
    """[B] integers: responses to the same prompt share a number; those that no reward has an opinion on stand apart."""


@dataclass(frozen=True)
class Experience:
    """What was recorded of a microbatch before the update."""

    logprobs: Tensor
    """[B, T]: log-probabilities of the sampled tokens under the policy that the update started from."""
    ref_logprobs: Tensor
    """[B, T]: the same under the reference."""
    values: Tensor
    """[B, T]"""
    advantages: Tensor
    """[B, T]: whitened over the whole rollout batch where `update.whiten` says so."""
    returns: Tensor
    """[B, T]"""
    mask: Tensor
    """[B, T]"""


@dataclass(frozen=True)
class Outputs:
    """What the policy says now of the same microbatch; carries gradients."""

    logprobs: Tensor
    """[B, T]"""
    values: Tensor
    """[B, T]"""
    entropy: Tensor
    """[B, T]: of the token distribution, in nats; carries a gradient where the optimizer sets `uses_entropy`."""
    mask: Tensor
    """[B, T]"""


@dataclass(frozen=True)
class SequenceOutputs:
    """What a model says of a microbatch of N items of S sequences, each padded to T learnt tokens."""

    logprobs: Tensor
    """[N, S, T]: log-probabilities of the tokens that `Tokens.mask` marks (policy)."""
    mask: Tensor
    """[N, S, T]"""
    ref_logprobs: Tensor | None = None
    """[N, S, T]: the same under the reference, where asked for."""
    scores: Tensor | None = None
    """[N, S]: the head's output at each sequence's last token (fitted rewards)."""
    correct: Tensor | None = None
    """[N, S, T]: 1 where the learnt token is the model's most likely one; without a gradient."""


@dataclass(frozen=True)
class Losses:
    """A microbatch's loss, a scalar mean, and numbers to log (means over the same units)."""

    loss: Tensor
    metrics: Mapping[str, Tensor | float] = field(default_factory=dict)
