"""Losses over tokens and over pairs; each is a scalar mean."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from dressage.ops.masking import keep, masked_mean

LOG_RATIO_LIMIT = 20.0
"""Log-ratios are clamped to +- this before exp, so that no ratio overflows."""


def probability_ratio(logprobs: Tensor, old_logprobs: Tensor, mask: Tensor) -> Tensor:
    """The new probability of each token over its old one, and 1 at masked tokens.

    All [B, T]; the log-ratio is clamped to +-20 before exp.
    """
    return torch.exp(keep(logprobs - old_logprobs, mask).clamp(-LOG_RATIO_LIMIT, LOG_RATIO_LIMIT))


def policy_loss(logprobs: Tensor, old_logprobs: Tensor, advantages: Tensor, mask: Tensor, *, clip: float) -> Tensor:
    """The clipped surrogate, the mean over tokens of max(-A r, -A clip(r, 1 - clip, 1 + clip)).

    All [B, T]; carries the gradient of `logprobs`. Schulman et al. 2017, "Proximal policy optimization algorithms",
    equation 7 (negated).
    """
    ratio = probability_ratio(logprobs, old_logprobs, mask)
    advantages = keep(advantages, mask)
    return masked_mean(torch.maximum(-advantages * ratio, -advantages * ratio.clamp(1 - clip, 1 + clip)), mask)


def value_loss(values: Tensor, old_values: Tensor, returns: Tensor, mask: Tensor, *, clip: float | None) -> Tensor:
    """Half the mean squared error of the values, the larger of plain and clipped at each token.

    All [B, T]; carries the gradient of `values`. Clipped values stay within `clip` of the old ones;
    `clip=None` is the plain error.
    """
    values, old_values, returns = keep(values, mask), keep(old_values, mask), keep(returns, mask)
    error = (values - returns).square()
    if clip is not None:
        clipped = torch.maximum(torch.minimum(values, old_values + clip), old_values - clip)
        error = torch.maximum(error, (clipped - returns).square())
    return 0.5 * masked_mean(error, mask)


def bradley_terry(chosen: Tensor, rejected: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
    """The mean of -log sigmoid(chosen - rejected), the negative log-likelihood of the preferences.

    chosen, rejected: [N] scores. `label_smoothing` s in [0, 0.5) takes a share s of the labels to be the wrong way
    round: -(1 - s) log sigmoid(d) - s log sigmoid(-d).
    """
    gap = chosen - rejected
    right, wrong = functional.logsigmoid(gap), functional.logsigmoid(-gap)
    return -((1 - label_smoothing) * right + label_smoothing * wrong).mean()
