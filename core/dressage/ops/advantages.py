"""Estimates of how much better than expected each action was."""

from __future__ import annotations

import torch
from torch import Tensor

from dressage.ops.masking import keep, masked_variance


@torch.no_grad()
def gae(rewards: Tensor, values: Tensor, mask: Tensor, *, gamma: float, lam: float) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimates and the returns that the value head learns, neither whitened.

    rewards, values, mask: [B, T]; a row's mask is one run of ones. Both results are [B, T] and carry no gradient.
    delta_t = r_t + gamma V_{t+1} - V_t with V = 0 after the last token; A_t = delta_t + gamma lam A_{t+1};
    returns = A + V. Schulman et al. 2016, "High-dimensional continuous control using generalized advantage
    estimation", equation 16.
    """
    rewards, values = keep(rewards, mask), keep(values, mask)
    following = torch.cat([values[:, 1:], torch.zeros_like(values[:, :1])], dim=1)
    deltas = rewards + gamma * following - values
    advantages = torch.empty_like(deltas)
    running = torch.zeros_like(deltas[:, 0])
    for t in range(deltas.shape[1] - 1, -1, -1):
        running = deltas[:, t] + gamma * lam * running
        advantages[:, t] = running
    advantages = keep(advantages, mask)
    return advantages, advantages + values


def group_center(scores: Tensor, groups: Tensor, *, leave_one_out: bool = False) -> Tensor:
    """Each score minus the mean score of its group, or minus the mean of the group's others.

    scores: [B]; groups: [B] integers; result: [B]. A group of equal scores gives exactly 0, and so does a group of one.
    `leave_one_out` is the unbiased baseline of RLOO (Ahmadian et al. 2024): n / (n - 1) times the plain difference.
    """
    _, index, sizes = torch.unique(groups, return_inverse=True, return_counts=True)
    sizes = sizes.to(scores.dtype)
    # Measured from the group's least score, equal scores are all 0 and no rounding is left for whitening to blow up.
    least = torch.zeros_like(sizes).scatter_reduce(0, index, scores, reduce="amin", include_self=False)
    above = scores - least[index]
    mean = torch.zeros_like(sizes).scatter_add(0, index, above) / sizes
    centred: Tensor = above - mean[index]
    return centred * (sizes / (sizes - 1).clamp(min=1))[index] if leave_one_out else centred


@torch.no_grad()
def explained_variance(values: Tensor, returns: Tensor, mask: Tensor) -> Tensor:
    """1 - Var(returns - values) / Var(returns): 1 for a perfect value head, 0 for a constant, negative for worse.

    values, returns, mask: [B, T]; result: a scalar, 0 where the returns do not vary.
    """
    variance = masked_variance(returns, mask)
    # Returns that differ by rounding alone (A + V) do not vary, and their variance must not become the denominator.
    rounding = 8 * torch.finfo(returns.dtype).eps * keep(returns, mask).abs().amax()
    unexplained = masked_variance(keep(returns - values, mask), mask) / variance
    return torch.where(variance > rounding.square(), 1 - unexplained, torch.zeros_like(variance))
