"""Attention of a 16-bit model on a CPU: torch's kernel is several times faster backward in fp32 than in bf16.

More than one query at a time is therefore computed in fp32, with a gradient and without, so that both give the same
bits; a single one (a step of sampling, which has no gradient) stays in 16 bits.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

NAME = "dressage_wide"


def widen_attention(model: Any) -> None:
    """Has a 16-bit model on a CPU that attends by torch's `sdpa` do so in fp32."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    if model.device.type != "cpu" or model.dtype not in (torch.bfloat16, torch.float16):
        return
    if model.config._attn_implementation != "sdpa" or not model._can_set_attn_implementation():
        return
    AttentionInterface.register(NAME, _attend)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    model.set_attn_implementation(NAME)


def _attend(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **kwargs: Any
) -> tuple[Tensor, None]:
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    if query.shape[2] == 1:
        out, _ = sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)
        return out, None
    if attention_mask is not None and attention_mask.is_floating_point():
        attention_mask = attention_mask.float()
    out, _ = sdpa_attention_forward(module, query.float(), key.float(), value.float(), attention_mask, **kwargs)
    return out.to(query.dtype), None
