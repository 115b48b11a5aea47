"""Randomness without state: every draw's seed follows from the run's seed and what it is for.

So a run that is resumed needs no generator's state: iteration 7 of stage `ppo` draws what it would have drawn.
"""

from __future__ import annotations

import hashlib
import random

import torch


def seed_for(seed: int, *purpose: object) -> int:
    """A 63-bit seed for one purpose."""
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator_for(seed: int, *purpose: object) -> torch.Generator:
    """A CPU generator for one purpose."""
    return torch.Generator().manual_seed(seed_for(seed, *purpose))


def rng_for(seed: int, *purpose: object) -> random.Random:
    """A plain Python generator for one purpose."""
    return random.Random(seed_for(seed, *purpose))


def settle(seed: int, *purpose: object) -> None:
    """Sets the global generators, for components that use them."""
    value = seed_for(seed, *purpose)
    random.seed(value)
    torch.manual_seed(value)
