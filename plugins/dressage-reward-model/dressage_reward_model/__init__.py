"""A Bradley-Terry reward model on the run's comparisons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dressage import hookimpl

from dressage_reward_model.options import RewardModelOptions

if TYPE_CHECKING:
    from dressage.spec.hookspecs import Register


@hookimpl
def register_rewards(register: Register) -> None:
    """Registers `reward-model` without importing torch."""
    register(
        "reward-model",
        "dressage_reward_model.reward:RewardModel",
        options=RewardModelOptions,
        needs="comparisons",
        doc="A Bradley-Terry reward model, fitted to the run's comparisons before the stage that uses it",
    )
