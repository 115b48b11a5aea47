"""Advantage actor-critic (Mnih et al. 2016, "Asynchronous methods for deep reinforcement learning", synchronous).

The policy gradient as it stands: no ratio, no clip. It holds for the policy that sampled, so the stage should take one
pass in one minibatch: `update: {epochs: 1, minibatches: 1}`. Sampling, rewards, whitening, gradients are the core's.
"""

from __future__ import annotations

from dressage import Experience, Losses, OnlineOptimizer, Outputs, Trajectories
from dressage.ops import gae, kl_estimate, masked_mean, value_loss
from torch import Tensor

from dressage_a2c import A2COptions


class A2C(OnlineOptimizer[A2COptions]):
    """Advantage actor-critic with an entropy bonus."""

    uses_entropy = True

    def advantages(self, trajectories: Trajectories) -> tuple[Tensor, Tensor]:
        """The discounted rest of the rewards minus the value (lambda = 1), and the returns; both [B, T]."""
        return gae(
            trajectories.rewards,
            trajectories.values,
            trajectories.mask,
            gamma=self.options.gamma,
            lam=self.options.lam,
        )

    def loss(self, outputs: Outputs, experience: Experience) -> Losses:
        """Mean over tokens of -A log p, plus the weighted value loss, minus the weighted entropy."""
        mask = outputs.mask
        policy = -masked_mean(experience.advantages * outputs.logprobs, mask)
        value = value_loss(outputs.values, experience.values, experience.returns, mask, clip=None)
        entropy = masked_mean(outputs.entropy, mask)
        loss = policy + self.options.value_coefficient * value - self.options.entropy_coefficient * entropy
        moved = kl_estimate(experience.logprobs, outputs.logprobs.detach(), "k3")
        return Losses(
            loss,
            {
                "policy_loss": policy.detach(),
                "value_loss": value.detach(),
                "entropy": entropy.detach(),
                "approximate_kl": masked_mean(moved, mask),
            },
        )
