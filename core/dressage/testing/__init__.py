"""The public test kit for plugins: tiny models, an isolated host, and contracts to subclass. Torch waits until used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dressage.testing.contract import TEXTS, Contract
    from dressage.testing.encoder import ByteEncoder
    from dressage.testing.evaluator import EvaluatorContract
    from dressage.testing.filter import FilterContract
    from dressage.testing.host import isolated_host
    from dressage.testing.model import Architecture, tiny_model, tiny_tokenizer
    from dressage.testing.offline import FittedRewardContract
    from dressage.testing.optimizer import OptimizerContract
    from dressage.testing.plugin import HEAVY, PluginContract
    from dressage.testing.policy import TinyPolicy, tiny_policy
    from dressage.testing.reward import RewardContract

_HOME = {
    "Architecture": "model",
    "ByteEncoder": "encoder",
    "Contract": "contract",
    "EvaluatorContract": "evaluator",
    "FilterContract": "filter",
    "FittedRewardContract": "offline",
    "HEAVY": "plugin",
    "OptimizerContract": "optimizer",
    "PluginContract": "plugin",
    "RewardContract": "reward",
    "TEXTS": "contract",
    "TinyPolicy": "policy",
    "isolated_host": "host",
    "tiny_model": "model",
    "tiny_policy": "policy",
    "tiny_tokenizer": "model",
}

__all__ = [
    "HEAVY", "TEXTS", "Architecture", "ByteEncoder", "Contract", "EvaluatorContract", "FilterContract",
    "FittedRewardContract", "OptimizerContract", "PluginContract", "RewardContract", "TinyPolicy", "isolated_host",
    "tiny_model", "tiny_policy", "tiny_tokenizer",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
