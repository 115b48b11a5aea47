"""Supervised fine-tuning on the assistant's tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dressage import hookimpl

from dressage_sft.options import SFTOptions

if TYPE_CHECKING:
    from dressage.spec.hookspecs import RegisterOptimizer


@hookimpl
def register_optimizers(register: RegisterOptimizer) -> None:
    """Registers `sft` without importing torch."""
    register(
        "sft",
        "dressage_sft.optimizer:SFT",
        options=SFTOptions,
        kind="offline",
        needs="demonstrations",
        doc="Supervised fine-tuning on the assistant's tokens, or on plain text",
    )
