"""How many tokens of a text a classifier reads."""

from __future__ import annotations

from typing import Any


def window(model: Any, tokenizer: Any, cap: int) -> int:
    """The longest input in tokens, special tokens included: the least of `cap`, the tokenizer's and the model's limit.

    A tokenizer without a limit of its own reports an astronomical one, so that it alone truncates nothing.
    """
    limits = [cap, int(tokenizer.model_max_length)]
    positions = getattr(model.config, "max_position_embeddings", None)
    if isinstance(positions, int) and positions > 0:
        limits.append(positions - _reserved(model))
    return min(limits)


def _reserved(model: Any) -> int:
    """The positions that a RoBERTa-like model never uses: it counts from its padding index on."""
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            return int(module.padding_idx) + 1
    return 0
