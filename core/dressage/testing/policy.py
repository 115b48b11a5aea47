"""A policy small enough to learn in a moment: a softmax and a value for each position, no network at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from dressage.ops import whiten
from dressage.spec.policy import Experience, Outputs, Trajectories

END = 0
"""The token that ends a response; it belongs to it."""


class TinyPolicy:
    """T independent softmaxes over V tokens, uniform at first, and one value per position.

    Token 0 ends a response, so that responses have different lengths and masks matter.
    """

    def __init__(self, *, vocabulary: int, length: int, seed: int, device: str) -> None:
        self.logits = torch.zeros(length, vocabulary, device=device, requires_grad=True)
        self.value = torch.zeros(length, device=device, requires_grad=True)
        self._generator = torch.Generator(device="cpu").manual_seed(seed)

    def sample(self, count: int) -> tuple[Tensor, Tensor]:
        """Tokens and mask of `count` responses, both [B, T]."""
        probabilities = self.logits.detach().cpu().softmax(-1)
        tokens = torch.multinomial(probabilities, count, replacement=True, generator=self._generator).T
        ended = (tokens == END).cumsum(1) - (tokens == END).long()
        mask = (ended == 0).float()
        return tokens.to(self.logits.device), mask.to(self.logits.device)

    def outputs(self, tokens: Tensor, mask: Tensor) -> Outputs:
        """What the policy says now of the responses; carries gradients."""
        logprobs = self.logits.log_softmax(-1)
        taken = logprobs.gather(1, tokens.T).T
        entropy = -(logprobs.exp() * logprobs).sum(-1).expand_as(mask)
        return Outputs(taken * mask, self.value.expand_as(mask) * mask, entropy * mask, mask)

    def improve(
        self, optimizer: Any, reward: Callable[[Tensor, Tensor], Tensor], *, iterations: int = 40, rate: float = 0.1
    ) -> list[float]:
        """Trains with an online optimizer as the core would, and gives the mean reward of each iteration.

        `reward` takes tokens and mask [B, T] and gives [B]. 16 prompts of 4 samples an iteration, two passes.
        """
        squares = [torch.zeros_like(leaf) for leaf in (self.logits, self.value)]
        means = []
        for _ in range(iterations):
            tokens, mask = self.sample(64)
            scores = reward(tokens, mask)
            means.append(float(scores.mean()))
            experience = self._experience(optimizer, tokens, mask, scores)
            for _ in range(2):
                optimizer.loss(self.outputs(tokens, mask), experience).loss.backward()
                for leaf, square in zip((self.logits, self.value), squares, strict=True):
                    _step(leaf, square, rate)
        return means

    def _experience(self, optimizer: Any, tokens: Tensor, mask: Tensor, scores: Tensor) -> Experience:
        with torch.no_grad():
            before = self.outputs(tokens, mask)
            values = before.values if optimizer.uses_values else torch.zeros_like(mask)
            last = (mask.sum(1) - 1).long()
            rewards = torch.zeros_like(mask).scatter(1, last[:, None], scores[:, None].to(mask.dtype))
            groups = torch.arange(len(scores), device=mask.device) // 4
            advantages, returns = optimizer.advantages(Trajectories(rewards, values, mask, groups))
            return Experience(before.logprobs, before.logprobs, values, whiten(advantages, mask), returns, mask)


def _step(leaf: Tensor, square: Tensor, rate: float) -> None:
    """RMSprop by hand: what a loss is scaled by does not matter, and torch.optim takes seconds to import."""
    if leaf.grad is None:
        return
    with torch.no_grad():
        square.mul_(0.9).addcmul_(leaf.grad, leaf.grad, value=0.1)
        leaf -= rate * leaf.grad / (square.sqrt() + 1e-8)
    leaf.grad = None


def tiny_policy(*, vocabulary: int = 4, length: int = 3, seed: int = 0, device: str = "cpu") -> TinyPolicy:
    """A uniform policy over `vocabulary` tokens at each of `length` positions; token 0 ends a response."""
    return TinyPolicy(vocabulary=vocabulary, length=length, seed=seed, device=device)
