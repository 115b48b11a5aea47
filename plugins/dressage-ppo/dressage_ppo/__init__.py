"""Clipped PPO with a value head and GAE, or with the mean of a prompt's other replies as its baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dressage import hookimpl

from dressage_ppo.options import PPOOptions

if TYPE_CHECKING:
    from dressage.spec.hookspecs import RegisterOptimizer


@hookimpl
def register_optimizers(register: RegisterOptimizer) -> None:
    """Registers `ppo` without importing torch."""
    register(
        "ppo",
        "dressage_ppo.optimizer:PPO",
        options=PPOOptions,
        kind="online",
        doc="Clipped PPO with a value head and GAE, or a group baseline",
    )
