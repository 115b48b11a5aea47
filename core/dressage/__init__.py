"""Dressage: plugin-based safety alignment for language models. This module is the public API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dressage.spec import events
from dressage.spec.components import (
    Component,
    Context,
    DataSource,
    Encoder,
    Evaluator,
    Filter,
    FittedReward,
    ModelSource,
    Observer,
    OfflineOptimizer,
    OnlineOptimizer,
    Reward,
)
from dressage.spec.errors import (
    CheckpointError,
    ComponentError,
    ConfigError,
    DataError,
    DressageError,
    GateError,
    Interrupted,
    MachineError,
    ModelError,
    PluginError,
    Problem,
    TrainingError,
    UsageError,
    Where,
)
from dressage.spec.hookspecs import hookimpl
from dressage.spec.options import NoOptions, Options, Use
from dressage.spec.policy import Experience, Losses, Outputs, SequenceOutputs, Trajectories
from dressage.spec.types import (
    Batch,
    Card,
    Drop,
    Example,
    Measure,
    Message,
    Origin,
    Part,
    Prompt,
    Score,
    Span,
    Statistic,
    Tokens,
    Values,
)

if TYPE_CHECKING:
    from dressage.api import Run

__version__ = "0.1.0"

__all__ = [
    "Batch", "Card", "CheckpointError", "Component", "ComponentError", "ConfigError", "Context", "DataError",
    "DataSource", "DressageError", "Drop", "Encoder", "Evaluator", "Example", "Experience", "Filter", "FittedReward",
    "GateError", "Interrupted", "Losses", "MachineError", "Measure", "Message", "ModelError", "ModelSource",
    "NoOptions", "Observer", "OfflineOptimizer", "OnlineOptimizer", "Options", "Origin", "Outputs", "Part",
    "PluginError", "Problem", "Prompt", "Reward", "Run", "Score", "SequenceOutputs", "Span", "Statistic", "Tokens",
    "TrainingError", "Trajectories", "UsageError", "Use", "Values", "Where", "events", "hookimpl",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "Run":  # the one name that drives the engine; imported only when asked for
        from dressage.api import Run

        return Run
    raise AttributeError(f"module 'dressage' has no attribute {name!r}")
