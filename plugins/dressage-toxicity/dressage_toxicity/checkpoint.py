"""A checkpoint in detoxify's form: weights, label names, and which architecture they belong to."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from dressage import ModelError

from dressage_toxicity.source import reachable

STANDARD_NAMES = {"toxic": "toxicity", "identity_hate": "identity_attack", "severe_toxic": "severe_toxicity"}
"""The names that detoxify gives to the labels of its oldest model."""


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds."""

    path: Path
    classes: tuple[str, ...]
    architecture: str
    """Folder or hub id of configuration and tokenizer."""
    model_class: str
    tokenizer_class: str
    outputs: int
    """The width of the head; may exceed the number of classes."""
    weights: Mapping[str, Any]


def read_checkpoint(path: Path, *, trusted: bool, where: str) -> Checkpoint:
    """Reads tensors and plain values only, unless the file is `trusted`: a pickle can run code when loaded."""
    content = _unpickle(path, trusted, where)
    try:
        arch = content["config"]["arch"]["args"]
        classes = [str(name) for name in content["config"]["dataset"]["args"]["classes"]]
        checkpoint = Checkpoint(
            path,
            tuple(STANDARD_NAMES.get(name, name) for name in classes),
            str(arch["model_type"]),
            str(arch["model_name"]),
            str(arch["tokenizer_name"]),
            int(arch["num_classes"]),
            content["state_dict"],
        )
    except (KeyError, TypeError) as error:
        raise ModelError(f"{where}: {path} is no detoxify checkpoint, it lacks {error}") from None
    named_well = checkpoint.model_class.endswith("ForSequenceClassification") and checkpoint.tokenizer_class.endswith(
        ("Tokenizer", "TokenizerFast")
    )
    if not named_well:
        raise ModelError(f"{where}: {path} names {checkpoint.model_class}, which is no sequence classifier")
    return checkpoint


def download(url: str, where: str) -> Path:
    """The file of one of detoxify's published models, from torch's cache or fetched into it."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[1]
    if path.is_file():
        return path
    if not reachable(url):
        raise ModelError(
            f"{where}: {path.name} is not in {path.parent} and {url} cannot be reached; "
            "set `checkpoint` to a local file, or run once with a network"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(url, str(path))
    except OSError as error:
        raise ModelError(f"{where}: {url} could not be fetched: {error}") from None
    return path


def _unpickle(path: Path, trusted: bool, where: str) -> Any:
    if not path.is_file():
        raise ModelError(f"{where}: no checkpoint file {path}")
    try:
        return torch.load(path, map_location="cpu", weights_only=not trusted)
    except pickle.UnpicklingError:
        raise ModelError(
            f"{where}: {path} holds Python objects beside tensors (or is no checkpoint), and could run code when "
            "loaded; set `trusted: true` only if you know where it comes from"
        ) from None
    except Exception as error:  # damaged bytes make an unpickler raise anything
        raise ModelError(f"{where}: {path} cannot be read as a checkpoint ({type(error).__name__})") from None
