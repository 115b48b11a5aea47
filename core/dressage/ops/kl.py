"""How far a policy is from its reference, and what that costs."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from dressage.ops.losses import LOG_RATIO_LIMIT
from dressage.ops.masking import keep


def kl_estimate(logprobs: Tensor, ref_logprobs: Tensor, kind: Literal["k1", "k2", "k3"]) -> Tensor:
    """A per-token estimate of KL(policy || reference) in nats from tokens that the policy sampled.

    logprobs, ref_logprobs: the same shape, which is the result's. With d = logprobs - ref_logprobs: k1 = d (unbiased,
    either sign), k2 = d^2 / 2, k3 = exp(-d) - 1 + d (unbiased, >= 0; d is clamped to +-20). As a loss on samples of the
    policy k1 has expected gradient 0, k2 that of KL(policy || reference), k3 that of KL(reference || policy).
    Schulman 2020, "Approximating KL divergence".
    """
    delta = logprobs - ref_logprobs
    if kind == "k1":
        return delta
    if kind == "k2":
        return 0.5 * delta.square()
    if kind == "k3":
        delta = delta.clamp(-LOG_RATIO_LIMIT, LOG_RATIO_LIMIT)
        return (torch.expm1(-delta) + delta).clamp(min=0)  # an accelerator's expm1 may be an ulp too low
    raise ValueError(f"unknown KL estimate {kind!r}; one of k1, k2, k3")


def token_rewards(scores: Tensor, logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, *, beta: float) -> Tensor:
    """Per-token rewards: -beta (logprob - ref_logprob) on each response token, and the score once, at the last.

    scores: [B]; the others and the result [B, T]. A row whose mask is empty gets no reward at all.
    """
    rewards = keep(-beta * (logprobs - ref_logprobs), mask)
    real = mask.bool()
    places = torch.arange(mask.shape[1], device=mask.device)
    last = torch.where(real, places, torch.full_like(places, -1)).amax(dim=1, keepdim=True)
    return torch.where(places == last, rewards + scores.to(rewards.dtype)[:, None], rewards)


def adaptive_kl(beta: float, kl: float, *, target: float, horizon: float, n: int) -> float:
    """The next KL coefficient: beta (1 + e n / horizon) with e = clip(kl / target - 1, -0.2, 0.2).

    kl, target: the mean over responses of their summed token KL, in nats; n: the responses it was measured on.
    Ziegler et al. 2019, "Fine-tuning language models from human preferences", section 2.2.
    """
    error = min(max(kl / target - 1, -0.2), 0.2)
    return beta * (1 + error * n / horizon)
