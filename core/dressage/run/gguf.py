"""GGUF files: dequantised once into a plain transformers folder in the cache."""

from __future__ import annotations

import hashlib
import io
import shutil
import tempfile
from contextlib import redirect_stderr
from pathlib import Path

from dressage.spec.errors import MachineError, ModelError


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def dequantised(path: Path, cache: Path) -> Path:
    """A folder with the weights of a GGUF file as bf16 safetensors and its tokenizer; made once per content."""
    folder = _folder(path, cache)
    if (folder / "config.json").exists():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # transformers draws a bar of its own that no setting turns off
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary, redirect_stderr(io.StringIO()):
            _convert(path, Path(temporary) / "model")
            shutil.move(Path(temporary) / "model", folder)
    except OSError as error:
        raise MachineError(
            f"cannot write {folder}: {error.strerror or error}; set DRESSAGE_CACHE to a folder with room"
        ) from error
    return folder


def made_before(path: Path, cache: Path) -> Path | None:
    """The folder that `dequantised` made of a file, None where it was not asked yet."""
    folder = _folder(path, cache)
    return folder if (folder / "config.json").exists() else None


def _folder(path: Path, cache: Path) -> Path:
    return cache / "gguf" / sha256_of(path)[:16]


def _convert(path: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils import logging

    logging.disable_progress_bar()

    place = {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}
    try:
        tokenizer = AutoTokenizer.from_pretrained(**place)
        # transformers keeps a GGUF packed (slow, cannot be saved) unless told otherwise
        config = GgufConfig(dequantize=True)
        model = AutoModelForCausalLM.from_pretrained(**place, quantization_config=config, dtype=torch.bfloat16)
    except Exception as error:  # a file that is cut off or altered fails in many ways
        raise ModelError(f"{path}: not a GGUF file that transformers reads ({error})") from error
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
