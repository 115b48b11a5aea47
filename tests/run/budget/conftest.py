"""The shapes of tiny and of large models, and checked plans on a config.json alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dressage.host import check
from dressage.run.budget.shapes import Shapes, of_config
from dressage.spec.plan import Plan
from dressage.testing import isolated_host
from transformers import LlamaConfig

TINY = {
    "vocab_size": 100, "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 64, "tie_word_embeddings": False,
}  # fmt: skip
LLAMA_8B = {
    "vocab_size": 128256, "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 131072,
    "tie_word_embeddings": False,
}  # fmt: skip
ROLES = """\
model: {{base: {base}, {model}}}
data: {{comparisons: comparisons.jsonl, prompts: prompts.jsonl, demonstrations: demonstrations.jsonl}}
stages:
  - {{use: sft, update: {{microbatch: 4}}}}
  - use: ppo
    rollout: {{prompts: 64, samples: 2, max_new_tokens: 96}}
    update: {{microbatch: 8}}
    rewards: [{{use: reward-model, update: {{microbatch: 4}}}}]
"""


@pytest.fixture(scope="session")
def tiny() -> Shapes:
    """Three layers of width 8: numbers that a person can multiply."""
    return of_config(LlamaConfig(**TINY), name="tiny")


@pytest.fixture(scope="session")
def small() -> dict[str, Any]:
    """What a config.json says of it."""
    return TINY


@pytest.fixture(scope="session")
def llama_8b() -> dict[str, Any]:
    """What a config.json says of Llama 3.1 8B."""
    return LLAMA_8B


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., Plan]:
    """A run with all four roles on a Llama of which there is a config.json alone, and rows of 400 characters."""
    host = isolated_host("dressage_ppo", "dressage_sft", "dressage_reward_model")
    rows: dict[str, dict[str, Any]] = {
        "prompts": {"text": "a" * 400},
        "comparisons": {"prompt": "a" * 200, "chosen": "b" * 180, "rejected": "c" * 180},
        "demonstrations": {"prompt": "a" * 200, "response": "b" * 180},
    }
    for name, row in rows.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps({**row, "n": n}) + "\n" for n in range(30)))

    def make(shape: dict[str, Any] = TINY, model: str = "device: cpu, dtype: float32", *settings: str) -> Plan:
        folder = tmp_path / "model"
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text(json.dumps({"model_type": "llama", **shape}))
        path = tmp_path / "run.yaml"
        path.write_text(ROLES.format(base=folder, model=model))
        return check(path, host, overrides=settings, environ={})

    return make
