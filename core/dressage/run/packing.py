"""Whether sequences may be packed: an architecture that overlooks where one ends lets them see each other, silently."""

from __future__ import annotations

import torch
from torch import Tensor

from dressage.run.network import Network
from dressage.spec.errors import ModelError

FIRST, OTHER, SECOND = tuple(range(3, 12)), tuple(range(12, 21)), tuple(range(4, 10))
TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 5e-2, torch.float16: 5e-2}
"""How far packed states may be from those of the sequence alone, as a share of their norm."""
LEAK = 1e-5
"""How far a change of the sequence before may move them: the computation is the same, and so are its bits."""


@torch.no_grad()
def check_packing(network: Network) -> None:
    """Raises `ModelError` where the second of two packed sequences is not what it is alone, tried on a few tokens."""
    try:
        alone = network.hidden(network.pad([SECOND]), None)[0]
        packed, again = (
            network.hidden(network.pack([first, SECOND]), None)[0, len(first) :] for first in (FIRST, OTHER)
        )
        kept = _apart(packed, alone) <= TOLERANCE[network.base.dtype] and _apart(packed, again) <= LEAK
    except (RuntimeError, TypeError, ValueError, KeyError, IndexError):
        kept = False
    if not kept:
        name = type(network.base.model).__name__
        raise ModelError(f"update.packing: {name} does not keep packed sequences apart; set `packing: false`")


def _apart(first: Tensor, second: Tensor) -> float:
    return float((first - second).float().norm() / second.float().norm())
