"""Checkpoints: safetensors and JSON, never pickle; written aside, flushed, renamed, and hashed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from dressage.run.gguf import sha256_of
from dressage.spec.console import Console
from dressage.spec.errors import CheckpointError

TENSORS, STATE = "tensors.safetensors", "state.json"


def save(folder: Path, number: int, state: Mapping[str, Any], *, keep: int = 2) -> Path:
    """Writes `folder/NUMBER`; older ones beyond the newest `keep` are removed afterwards.

    `state` may nest mappings, lists, plain values and tensors.
    """
    target, aside = folder / f"{number:06d}", folder / f".{number:06d}.part"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    tensors: dict[str, Tensor] = {}
    plain = _flatten(state, tensors)
    save_file(tensors, aside / TENSORS)
    body = json.dumps(plain, sort_keys=True)
    digests = {TENSORS: sha256_of(aside / TENSORS), STATE: _digest(body)}
    with (aside / STATE).open("w", encoding="utf-8") as file:
        json.dump({"sha256": digests, "state": body}, file)
        file.flush()
        os.fsync(file.fileno())
    _sync(aside / TENSORS)
    _sync(aside)
    shutil.rmtree(target, ignore_errors=True)
    aside.rename(target)
    _sync(folder)
    for old in _numbered(folder)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return target


def load_latest(folder: Path, console: Console) -> dict[str, Any] | None:
    """The newest checkpoint that is whole; a damaged one is named, and the one before is used.

    None where none was ever written; raises `CheckpointError` where all are damaged.
    """
    found = _numbered(folder)
    if not found:
        return None
    for path in reversed(found):
        try:
            return _load(path)
        except (OSError, ValueError, KeyError, TypeError, CheckpointError) as error:
            console.warn(f"checkpoint {path} is damaged ({error}); trying the one before")
    raise CheckpointError(
        f"{folder}: no checkpoint to resume from (all are damaged); start again with another --run-dir"
    )


def _load(path: Path) -> dict[str, Any]:
    with (path / STATE).open(encoding="utf-8") as file:
        outer = json.load(file)
    for name, digest in ((TENSORS, sha256_of(path / TENSORS)), (STATE, _digest(outer["state"]))):
        if digest != outer["sha256"][name]:
            raise CheckpointError(f"{name} is not what was saved")
    state = _restore(json.loads(outer["state"]), load_file(path / TENSORS))
    assert isinstance(state, dict)
    return state


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _numbered(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("[0-9]*") if path.is_dir()) if folder.is_dir() else []


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _flatten(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        name = f"t{len(tensors):05d}"
        tensors[name] = value.detach().to("cpu", copy=True).contiguous()
        return {"$tensor": name}
    if isinstance(value, Mapping):
        return {"$items": [[key, _flatten(inner, tensors)] for key, inner in value.items()]}
    if isinstance(value, list | tuple):
        return [_flatten(inner, tensors) for inner in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise CheckpointError(f"a state holds a {type(value).__name__}; give plain values and tensors")


def _restore(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(value, dict):
        if "$tensor" in value:
            return torch.clone(tensors[value["$tensor"]])
        return {key: _restore(inner, tensors) for key, inner in value["$items"]}
    return [_restore(inner, tensors) for inner in value] if isinstance(value, list) else value
