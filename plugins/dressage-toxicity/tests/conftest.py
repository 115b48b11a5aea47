"""Tiny classifiers made on the spot: random weights, a vocabulary of letters and a few words, no download."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "you", "are", "kind", "vile", "the", "horse", "walks"]
LETTERS = "abcdefghijklmnopqrstuvwxyz.,!'"
POSITIONS = 32


def bert_tokenizer() -> Any:
    """Words, letters and pieces; `vocab=`, for a `vocab_file=` is ignored by transformers 5."""
    from transformers import BertTokenizer

    entries = [*WORDS, *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    return BertTokenizer(vocab={entry: number for number, entry in enumerate(entries)})


def bert_classifier(labels: Sequence[str], problem_type: str | None = None) -> Any:
    """A BERT of two layers of width 32 and 32 positions, with weights wide enough that texts differ."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(
        vocab_size=len(bert_tokenizer()), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=POSITIONS, initializer_range=0.4, pad_token_id=0,
        id2label=dict(enumerate(labels)), label2id={label: i for i, label in enumerate(labels)},
        problem_type=problem_type,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        return BertForSequenceClassification(config).eval()


@pytest.fixture
def classifier_folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes a classifier with the given labels and returns its folder."""

    def write(labels: Sequence[str], problem_type: str | None = None) -> Path:
        folder = tmp_path / "classifier"
        bert_classifier(labels, problem_type).save_pretrained(folder)
        bert_tokenizer().save_pretrained(folder)
        return folder

    return write


@pytest.fixture
def checkpoint(tmp_path: Path) -> Callable[..., Path]:
    """Writes a checkpoint in detoxify's form beside the folder `bert`, which holds configuration and tokenizer."""

    def write(
        classes: Sequence[str] = ("toxic", "insult"), drop: str = "", extra: Any = None, architecture: str = ""
    ) -> Path:
        import torch

        folder, path = tmp_path / "bert", tmp_path / "tiny.ckpt"
        model = bert_classifier(classes)
        model.config.save_pretrained(folder)
        bert_tokenizer().save_pretrained(folder)
        arch = {
            "model_type": architecture or str(folder), "model_name": "BertForSequenceClassification",
            "tokenizer_name": "BertTokenizer", "num_classes": len(classes),
        }  # fmt: skip
        weights = {name: value for name, value in model.state_dict().items() if name != drop}
        config = {"arch": {"args": arch}, "dataset": {"args": {"classes": list(classes)}}}
        torch.save({"config": config, "state_dict": weights, "extra": extra}, path)
        return path

    return write


@pytest.fixture
def data() -> Path:
    """The folder of labelled sets beside the repository; skips where it is absent."""
    folder = Path(__file__).resolve().parents[4] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no data folder {folder}")
    return folder
