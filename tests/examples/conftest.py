"""The example YAML files, and stand-ins for what they would fetch."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import pytest
from dressage.testing import tiny_model

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "you", "are", "the", "and", "a", "he", "she"]
LETTERS = "abcdefghijklmnopqrstuvwxyz.,!'?"


@pytest.fixture(scope="session")
def examples() -> Path:
    """The folder of examples."""
    return EXAMPLES


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Small operations on two threads are many times slower on a busy machine."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model of the architecture that the one-GPU examples name."""
    return tiny_model(tmp_path_factory.mktemp("models") / "qwen2", "qwen2")


@pytest.fixture(scope="session")
def detoxify(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Options of `toxicity` for a checkpoint in detoxify's form, with random weights."""
    pytest.importorskip("detoxify")
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    folder = tmp_path_factory.mktemp("detoxify")
    entries = [*WORDS, *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    tokenizer = BertTokenizer(vocab={entry: number for number, entry in enumerate(entries)})
    config = BertConfig(
        vocab_size=len(entries), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=128, initializer_range=0.4, pad_token_id=0, num_labels=2,
    )  # fmt: skip
    torch.manual_seed(7)
    model = BertForSequenceClassification(config)
    config.save_pretrained(folder / "bert")
    tokenizer.save_pretrained(folder / "bert")
    arch = {"model_type": str(folder / "bert"), "model_name": "BertForSequenceClassification",
            "tokenizer_name": "BertTokenizer", "num_classes": 2}  # fmt: skip
    about = {"arch": {"args": arch}, "dataset": {"args": {"classes": ["toxic", "insult"]}}}
    torch.save({"config": about, "state_dict": model.state_dict()}, folder / "tiny.ckpt")
    return {"checkpoint": str(folder / "tiny.ckpt"), "architecture": str(folder / "bert")}


@pytest.fixture(scope="session")
def comparisons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few pairs to fit a reward model to."""
    path = tmp_path_factory.mktemp("data") / "comparisons.jsonl"
    rows = [{"prompt": f"Greet guest {n}.", "chosen": "Welcome!", "rejected": "Go away."} for n in range(20)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="session")
def call() -> Callable[..., tuple[int, str]]:
    """Runs `dressage ARGUMENTS` in this process: the exit code, and all that it said."""

    def run(*arguments: Any) -> tuple[int, str]:
        from dressage.cli.main import main

        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = main([str(argument) for argument in arguments])
        return code, said.getvalue()

    return run
