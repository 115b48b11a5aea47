"""Loads a base model once: by registered name, folder, GGUF file or hub id; plain or in 4 bits."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dressage.run.attention import widen_attention
from dressage.run.devices import choose_device, choose_dtype
from dressage.run.encoder import ChatEncoder
from dressage.run.gguf import dequantised, sha256_of
from dressage.spec.errors import ModelError
from dressage.spec.sections import ModelConfig
from dressage.spec.types import Card

RECURRENT = frozenset({"linear_attention", "mamba", "conv", "recurrent"})
"""Kinds of layer, in a configuration's `layer_types`, that carry a state from token to token."""


# bitsandbytes looks for a faster kernel on a hub, and says that it has none, before anybody has asked for 4 bits
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)


@dataclass(frozen=True)
class Base:
    """A frozen base model with its tokens."""

    model: Any
    """A transformers causal LM; none of its weights needs a gradient."""
    encoder: ChatEncoder
    device: torch.device
    dtype: torch.dtype
    place: str
    """The folder or hub id that it was loaded from."""
    card: Card
    parameters: int
    """How many weights it came with (of a 4-bit one, before packing); adapters, which peft puts inside, are none."""
    quantize: str = "none"


def load_base(
    config: ModelConfig, *, cache: Path, folder: Path, source: Path | None = None, card: Card | None = None
) -> Base:
    """Loads `config.base`; `source` is the path that a registered model gave.

    Raises `ModelError` for a model or tokenizer that is not there, `MachineError` for a device that is not.
    """
    device = choose_device(config.device)
    dtype = choose_dtype(config.dtype, device)
    place = _place(config.base, source, folder, cache)
    extra = {"trust_remote_code": config.trust_remote_code, "revision": config.revision}
    tokenizer = _load_tokenizer(place, config.base, extra)
    model = _load_model(place, config, extra | _quantization(config, dtype), dtype)
    _refuse_recurrent(model, config.base)
    if config.quantize == "none":
        model.to(device)
    model.eval().requires_grad_(False)
    _keep_4bit_weights_unpacked(model)
    widen_attention(model)
    text = model.config.get_text_config()
    eos = model.generation_config.eos_token_id if model.generation_config is not None else None
    stops = eos if isinstance(eos, list) else [eos] if eos is not None else []
    encoder = ChatEncoder(tokenizer, limit=getattr(text, "max_position_embeddings", 1 << 30), stop_ids=stops)
    about, size = card or _card(config.base, place), int(model.num_parameters())
    return Base(model, encoder, device, dtype, place, about, size, config.quantize)


def logit_transform(config: Any) -> Callable[[Tensor], Tensor] | None:
    """What an architecture does to its logits after the head: soft caps (Gemma), scales (Cohere, Granite)."""
    cap = getattr(config, "final_logit_softcapping", None)
    if cap:
        return lambda logits: cap * torch.tanh(logits / cap)
    scale = getattr(config, "logit_scale", None)
    if scale:
        return lambda logits: logits * scale
    division = getattr(config, "logits_scaling", None)
    if division and division != 1:
        return lambda logits: logits / division
    return None


def _place(name: str, source: Path | None, folder: Path, cache: Path) -> str:
    place = locate(name, source, folder)
    return str(dequantised(Path(place), cache)) if place.endswith(".gguf") and Path(place).is_file() else place


def locate(name: str, source: Path | None, folder: Path) -> str:
    """The folder, GGUF file or hub id of a base; `source` is the path that a registered model gave.

    Raises `ModelError` for one that is not there.
    """
    path = source or folder / Path(name).expanduser()
    if path.is_file() and path.suffix == ".gguf":
        return str(path)
    if path.is_dir():
        if not (path / "config.json").exists():
            raise ModelError(
                f"model.base: {name}: the folder has no config.json; give a folder that transformers saved"
            )
        return str(path)
    looks_local = name.startswith((".", "/", "~")) or name.endswith(".gguf") or name.count("/") > 1
    if looks_local or source is not None:
        raise ModelError(f"model.base: {name}: no such folder or GGUF file (looked for {path})")
    _need_hub(name)
    return name


def _need_hub(name: str) -> None:
    """Answers in a second, where the hub's client would try for half a minute."""
    from huggingface_hub import try_to_load_from_cache

    advice = "give a local folder, a GGUF file, or a registered model (`dressage plugins` lists them)"
    try:
        kept = try_to_load_from_cache(name, "config.json")
    except ValueError:
        raise ModelError(f"model.base: {name}: no such folder, and no name that the hub could have; {advice}") from None
    if isinstance(kept, str):
        return
    if os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0"):
        raise ModelError(f"model.base: {name}: not in the local cache, and HF_HUB_OFFLINE is set; {advice}")
    if not _reachable():
        raise ModelError(f"model.base: {name}: not in the local cache, and the model hub cannot be reached; {advice}")


def _reachable() -> bool:
    import socket
    from urllib.parse import urlsplit

    address = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    try:
        socket.create_connection((address.hostname or "", address.port or 443), timeout=1.0).close()
    except OSError:
        return False
    return True


def _load_tokenizer(place: str, name: str, extra: dict[str, Any]) -> Any:
    from transformers import AutoTokenizer

    if Path(place).is_dir() and not any(Path(place).glob("*token*")) and not any(Path(place).glob("vocab.*")):
        raise ModelError(
            f"model.base: {name}: the folder has no tokenizer; save it there with tokenizer.save_pretrained"
        )
    try:
        return AutoTokenizer.from_pretrained(place, **extra)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"model.base: {name}: the tokenizer cannot be loaded ({_first_line(error)})") from error


def _load_model(place: str, config: ModelConfig, extra: dict[str, Any], dtype: torch.dtype) -> Any:
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging as progress

    progress.disable_progress_bar()
    try:
        return AutoModelForCausalLM.from_pretrained(place, dtype=dtype, **extra)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise ModelError(f"model.base: {config.base}: cannot be loaded ({_first_line(error)})") from error


def _refuse_recurrent(model: Any, name: str) -> None:
    """Rows that are padded or share a beginning are right where attention alone carries them on."""
    kinds = RECURRENT & set(getattr(model.config.get_text_config(), "layer_types", None) or ())
    if kinds or getattr(model, "_is_stateful", False):
        raise ModelError(
            f"model.base: {name}: {type(model).__name__} keeps a state beside its attention; take a causal language"
            " model of attention alone"
        )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _quantization(config: ModelConfig, dtype: torch.dtype) -> dict[str, Any]:
    if config.quantize == "none":
        return {}
    try:
        import bitsandbytes  # noqa: F401
    except ImportError as error:
        raise ModelError("model.quantize: nf4 needs bitsandbytes: pip install 'dressage[4bit]'") from error
    from transformers import BitsAndBytesConfig

    settings = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
    )
    return {"quantization_config": settings, "device_map": {"": str(choose_device(config.device))}}


def _keep_4bit_weights_unpacked(model: Any) -> None:
    """On CPUs with AVX512-BF16, bitsandbytes repacks 4-bit weights at the first forward in eval mode; gradients through
    them are wrong from then on, silently. This keeps every layer on the path that has right ones."""
    for module in model.modules():
        if type(module).__name__ == "Linear4bit":
            module.support_avx512bf16_for_cpu = False


def _card(name: str, place: str) -> Card:
    weights = sorted(Path(place).glob("*.safetensors")) if Path(place).is_dir() else []
    digest = sha256_of(weights[0]) if len(weights) == 1 else ""
    return Card(name, source=name, sha256=digest)
