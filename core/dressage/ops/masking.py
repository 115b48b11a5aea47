"""Means and moments over the tokens that a mask keeps."""

from __future__ import annotations

import torch
from torch import Tensor


def keep(x: Tensor, mask: Tensor) -> Tensor:
    """`x` where the mask is 1, else 0; unlike a product it also silences NaN and infinity.

    x, mask: the same shape.
    """
    return torch.where(mask.bool(), x, torch.zeros((), dtype=x.dtype, device=x.device))


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """The mean of `x` over the positions where the mask is 1: a scalar, 0 where there is none.

    x, mask: the same shape. Microbatch means are put together by weighting each with its `mask.sum()`.
    """
    return keep(x, mask).sum() / mask.sum().clamp(min=1)


def deviations(x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """`x` minus its mean where the mask is 1 (0 elsewhere), and that mean; equal numbers deviate by exactly 0.

    x, mask: the same shape; the mean is a scalar.
    """
    # Measured from one kept number, equal ones are all 0, and no rounding is left for a tiny variance to blow up.
    anchor = x.flatten()[mask.flatten().int().argmax()].detach()
    shifted = keep(x - anchor, mask)
    mean = masked_mean(shifted, mask)
    return keep(shifted - mean, mask), anchor + mean


def masked_variance(x: Tensor, mask: Tensor) -> Tensor:
    """The unbiased variance of `x` where the mask is 1: a scalar, 0 where fewer than two positions are."""
    return deviations(x, mask)[0].square().sum() / (mask.sum() - 1).clamp(min=1)


def whiten(x: Tensor, mask: Tensor, *, shift_mean: bool = True) -> Tensor:
    """`x` scaled to variance 1 where the mask is 1, and 0 elsewhere.

    x, mask: the same shape. The variance is unbiased, the scale rsqrt(var + 1e-8). `shift_mean=True` centres at 0
    (advantages); `False` keeps the mean (rewards, whose sign matters).
    """
    deviation, mean = deviations(x, mask)
    white = deviation * torch.rsqrt(masked_variance(x, mask) + 1e-8)
    return white if shift_mean else keep(white + mean, mask)
