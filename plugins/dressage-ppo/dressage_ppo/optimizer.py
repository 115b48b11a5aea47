"""Proximal policy optimisation for replies of a language model.

Every step in the order it happens: the core samples and scores, composes per-token rewards (-beta times the log-ratio
to the reference, and the score at the last token), asks `advantages` (once, and once for each reward with a limit),
whitens over the batch, and then asks `loss` for each microbatch of each epoch. Nothing here samples, whitens, clips a
gradient or calls backward.
"""

from __future__ import annotations

import torch
from dressage import Context, Experience, Losses, OnlineOptimizer, Outputs, TrainingError, Trajectories
from dressage.ops import (
    gae,
    group_center,
    kl_estimate,
    masked_mean,
    policy_loss,
    probability_ratio,
    value_loss,
)
from torch import Tensor

from dressage_ppo.options import PPOOptions


class PPO(OnlineOptimizer[PPOOptions]):
    """Clipped PPO with a value head and GAE, or a group baseline (Schulman et al. 2017; Ziegler et al. 2019)."""

    def __init__(self, options: PPOOptions, ctx: Context) -> None:
        super().__init__(options, ctx)
        self.uses_values = options.baseline == "value"  # type: ignore[misc]  # a fact of this instance, not of the class

    def advantages(self, trajectories: Trajectories) -> tuple[Tensor, Tensor]:
        """GAE over the value head, or each reply's return against those of its prompt's other replies; both [B, T].

        Raises `TrainingError` where a group baseline meets no prompt with two replies.
        """
        if self.options.baseline == "value":
            return gae(
                trajectories.rewards,
                trajectories.values,
                trajectories.mask,
                gamma=self.options.gamma,
                lam=self.options.lam,
            )
        return self._group_advantages(trajectories)

    def _group_advantages(self, trajectories: Trajectories) -> tuple[Tensor, Tensor]:
        if torch.unique(trajectories.groups).numel() == trajectories.groups.numel():
            raise TrainingError(
                f"{self.ctx.name or 'ppo'}: `baseline: group` compares replies to the same prompt, and every prompt has"
                " one: set `rollout: {samples: 4}`, or `with: {baseline: value}`"
            )
        mask = trajectories.mask.to(trajectories.rewards.dtype)
        returns = torch.where(mask.bool(), trajectories.rewards, 0.0).sum(dim=1)
        centred = group_center(returns, trajectories.groups, leave_one_out=True)
        return centred[:, None] * mask, returns[:, None] * mask

    def loss(self, outputs: Outputs, experience: Experience) -> Losses:
        """The clipped policy loss, plus the clipped value loss where there is a value head; a mean over tokens."""
        new, old, mask = outputs.logprobs, experience.logprobs, outputs.mask
        policy = policy_loss(new, old, experience.advantages, mask, clip=self.options.clip)
        metrics: dict[str, Tensor | float] = {"policy_loss": policy.detach()}
        loss = policy
        if self.uses_values:
            value = value_loss(
                outputs.values, experience.values, experience.returns, mask, clip=self.options.value_clip
            )
            metrics["value_loss"] = value.detach()
            loss = policy + self.options.value_coefficient * value
        return Losses(loss, metrics | self._distance(new.detach(), old, mask))

    def _distance(self, new: Tensor, old: Tensor, mask: Tensor) -> dict[str, Tensor | float]:
        """How far the update has moved the policy, as means over tokens."""
        ratio = probability_ratio(new, old, mask)
        return {
            "clip_fraction": masked_mean(((ratio - 1).abs() > self.options.clip).to(ratio.dtype), mask),
            "approximate_kl": masked_mean(kl_estimate(old, new, "k3"), mask),
            "ratio": masked_mean(ratio, mask),
        }
