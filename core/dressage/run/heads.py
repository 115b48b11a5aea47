"""What scores a sequence: a linear head on a role's last state, or a bilinear one on frozen states alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class LinearHead(nn.Linear):
    """w h + b of a sequence's last hidden state, fp32."""

    def __init__(self, width: int, device: torch.device, generator: torch.Generator) -> None:
        super().__init__(width, 1, device=device)
        with torch.no_grad():
            self.weight.copy_(torch.randn(1, width, generator=generator) * width**-0.5)
            self.bias.zero_()


class BilinearHead(nn.Module):
    """a . (w + q W): how an answer's mean state a counts depends on the prompt's last state q; fp32.

    Both are standardised over what is learnt from. A Bradley-Terry loss is convex in `w` and `W`, which start at 0, so
    what is learnt hangs on no first draw. That the prompt alone weighs what the answer is scored by is the gate of
    Wang et al. 2024 (arXiv:2406.12845), here linear.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, width: int, device: torch.device) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(width, width, device=device))
        self.bias = nn.Parameter(torch.zeros(width, device=device))
        self.register_buffer("mean", torch.zeros(2, width, device=device))
        self.register_buffer("scale", torch.full((2, width), width**-0.5, device=device))

    @torch.no_grad()
    def standardise(self, summaries: Tensor) -> None:
        """Takes mean and spread of [N, 2, H]; a standardised state has a norm of about 1.

        A dimension that does not move says nothing, and counts for nothing: to divide by its rounding would throw every
        other state far away.
        """
        self.mean.copy_(summaries.mean(0))
        spread = summaries.std(0, correction=0)
        still = spread <= 1e-4 * spread.max() + 1e-12
        self.scale.copy_((summaries.shape[-1] ** -0.5 / spread).masked_fill(still, 0.0))

    def forward(self, summaries: Tensor) -> Tensor:
        """[N, 2, H], as `summary` gives them, to [N, 1]."""
        prompt, answer = ((summaries.float() - self.mean) * self.scale).unbind(1)
        return ((prompt @ self.weight + self.bias) * answer).sum(-1, keepdim=True)


def summary(states: Tensor, mask: Sequence[bool]) -> Tensor:
    """[2, H] of a sequence's frozen states [T, H]: at the last token before the answer, and the answer's mean.

    mask: which tokens are the answer's; the last one where none is.
    """
    answer = torch.as_tensor(mask if any(mask) else [*mask[:-1], True], device=states.device)
    first = int(answer.int().argmax())
    return torch.stack([states[max(first - 1, 0)].float(), states[: len(mask)][answer].float().mean(0)])
