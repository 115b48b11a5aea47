"""The mathematics of a run as pure functions on tensors: means, advantages, losses, KL, log-probabilities.

A leaf: it imports torch and nothing of Dressage. B responses, T tokens, H hidden size, V vocabulary; masks are 0/1
floats or booleans, and what belongs to a masked token has no effect (not even where it is NaN) and comes back as 0.
"""

from __future__ import annotations

from dressage.ops.advantages import explained_variance, gae, group_center
from dressage.ops.kl import adaptive_kl, kl_estimate, token_rewards
from dressage.ops.limits import constrained_advantages, lagrange_multiplier
from dressage.ops.logprobs import selected_logprobs, selected_logprobs_and_entropy
from dressage.ops.losses import bradley_terry, policy_loss, probability_ratio, value_loss
from dressage.ops.masking import masked_mean, whiten

__all__ = [
    "adaptive_kl",
    "bradley_terry",
    "constrained_advantages",
    "explained_variance",
    "gae",
    "group_center",
    "kl_estimate",
    "lagrange_multiplier",
    "masked_mean",
    "policy_loss",
    "probability_ratio",
    "selected_logprobs",
    "selected_logprobs_and_entropy",
    "token_rewards",
    "value_loss",
    "whiten",
]
