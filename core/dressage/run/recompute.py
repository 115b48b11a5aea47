"""Gradient checkpointing (Chen et al. 2016, arXiv:1604.06174) of layers whose adapter changes with the role."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from dressage.run.lora import AdapterSet


def recompute(layers: Iterable[nn.Module], adapters: AdapterSet) -> None:
    """Has each layer keep its inputs alone where there is a gradient, and run again in the backward pass."""
    for layer in layers:
        layer.forward = _again(layer.forward, adapters)


def _again(forward: Callable[..., Any], adapters: AdapterSet) -> Callable[..., Any]:
    """A forward pass that backward repeats under the role of the first time, which it has left by then."""

    def once_more(*args: Any, **kwargs: Any) -> Any:
        if not torch.is_grad_enabled():
            return forward(*args, **kwargs)
        role = adapters.active

        def under_role(*inner: Any, **named: Any) -> Any:
            with adapters.use(role):
                return forward(*inner, **named)

        return checkpoint(under_role, *args, use_reentrant=False, preserve_rng_state=False, **kwargs)

    return once_more
