"""The shapes of a model, from its configuration alone: built on the meta device, where a tensor has no bytes."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dressage.run.lora import decoder_layers
from dressage.spec.errors import ModelError


@dataclass(frozen=True)
class Linear:
    """A linear module: its path inside a decoder layer and its sizes."""

    path: str
    inputs: int
    outputs: int

    @property
    def weights(self) -> int:
        """Entries of its matrix."""
        return self.inputs * self.outputs

    def called(self, names: Sequence[str]) -> bool:
        """Whether peft takes it for one of these targets."""
        return any(f".{self.path}".endswith(f".{name}") for name in names)


@dataclass(frozen=True)
class Layer:
    """A decoder layer."""

    linears: tuple[Linear, ...]
    window: int | None = None
    """How many tokens back it sees, and keeps keys of; None for all."""


@dataclass(frozen=True)
class Shapes:
    """Everything of a model that its memory depends on."""

    architecture: str
    layers: tuple[Layer, ...]
    hidden: int
    """H, the width of a hidden state."""
    inner: int
    """I, the width inside the feed-forward part."""
    heads: int
    """Query heads."""
    kv_heads: int
    """Heads that keys and values are kept of."""
    head_width: int
    vocabulary: int
    gated: bool
    """Whether the feed-forward part multiplies two projections (SwiGLU, GeGLU)."""
    parameters: int
    """All weights, shared ones counted once."""
    positions: int
    """How many tokens it takes."""
    stored: int = 0
    """Bytes of a number in its file, as the configuration tells; 0 where it does not."""

    @property
    def depth(self) -> int:
        """How many decoder layers it has."""
        return len(self.layers)

    def adapted(self, layers: int | None, targets: Sequence[str] | None) -> tuple[Linear, ...]:
        """The modules of the last `layers` decoder layers that get adapters; all linear ones by default."""
        last = self.layers[self.depth - min(layers or self.depth, self.depth) :]
        return tuple(m for layer in last for m in layer.linears if targets is None or m.called(targets))

    @property
    def linears(self) -> tuple[Linear, ...]:
        """The linear modules of all decoder layers: what a 4-bit base packs."""
        return tuple(m for layer in self.layers for m in layer.linears)


def shapes_of(place: str, *, revision: str | None = None, trust_remote_code: bool = False) -> Shapes:
    """The shapes of a folder with a config.json, a GGUF file, or a hub id in the cache; no weight is read.

    Raises `ModelError` for a configuration that is not there or makes no causal language model.
    """
    config = _config(place, revision=revision, trust_remote_code=trust_remote_code)
    return of_config(config, name=place, trust_remote_code=trust_remote_code)


def of_config(config: Any, *, name: str, trust_remote_code: bool = False) -> Shapes:
    """The shapes of a transformers configuration. Raises `ModelError` for one that makes no causal language model."""
    from transformers import AutoModelForCausalLM

    if hasattr(config, "quantization_config"):
        del config.quantization_config
    try:
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)
        return of_model(model)
    except ModelError:
        raise
    except Exception as error:  # a configuration that does not fit together fails in many ways
        text = " ".join(str(error).split())[:160] or type(error).__name__
        raise ModelError(f"model.base: {name}: its config.json makes no causal language model ({text})") from error


def of_model(model: Any) -> Shapes:
    """The shapes of a transformers causal language model on any device."""
    config = model.config.get_text_config()
    heads, hidden = int(config.num_attention_heads), int(config.hidden_size)
    first = tuple(_linears(decoder_layers(model)[0]))
    inner = _inner(config, first, hidden)
    return Shapes(
        architecture=type(model).__name__,
        layers=tuple(_layers(model, config)),
        hidden=hidden,
        inner=inner,
        heads=heads,
        kv_heads=int(getattr(config, "num_key_value_heads", None) or heads),
        head_width=int(getattr(config, "head_dim", None) or hidden // heads),
        vocabulary=int(model.get_output_embeddings().weight.shape[0]),
        gated=sum(m.outputs for m in first if m.outputs in (inner, 2 * inner) and m.inputs == hidden) > inner,
        parameters=int(model.num_parameters()),
        positions=int(getattr(config, "max_position_embeddings", None) or 1 << 30),
        stored=_stored(config),
    )


def _config(place: str, **extra: Any) -> Any:
    from transformers import AutoConfig

    path = Path(place)
    try:
        if path.is_file():
            with redirect_stderr(io.StringIO()):
                return AutoConfig.from_pretrained(str(path.parent), gguf_file=path.name, **extra)
        return AutoConfig.from_pretrained(place, **extra)
    except Exception as error:  # a file that is cut off or altered fails in many ways
        text = " ".join(str(error).split())[:160] or type(error).__name__
        raise ModelError(f"model.base: {place}: no configuration can be read ({text})") from error


def _layers(model: Any, config: Any) -> Iterator[Layer]:
    window, kinds = getattr(config, "sliding_window", None), getattr(config, "layer_types", None)
    for number, layer in enumerate(decoder_layers(model)):
        slides = window is not None and (kinds[number] == "sliding_attention" if kinds else True)
        yield Layer(tuple(_linears(layer)), window if slides else None)


def _linears(layer: nn.Module) -> Iterator[Linear]:
    for path, module in layer.named_modules():
        if isinstance(module, nn.Linear):
            yield Linear(path, module.in_features, module.out_features)
        elif type(module).__name__ == "Conv1D":
            yield Linear(path, *map(int, module.weight.shape))


def _stored(config: Any) -> int:
    kind = getattr(config, "dtype", None)
    kind = getattr(torch, kind, None) if isinstance(kind, str) else kind
    return kind.itemsize if isinstance(kind, torch.dtype) else 0


def _inner(config: Any, linears: Sequence[Linear], hidden: int) -> int:
    """The feed-forward width by its usual names, else that of the widest module that leads back to the states."""
    for name in ("intermediate_size", "n_inner", "ffn_dim"):
        if isinstance(found := getattr(config, name, None), int):
            return found
    return max(m.inputs for m in linears if m.outputs == hidden) if linears else 4 * hidden


def nf4_bytes(weights: int) -> int:
    """What bitsandbytes keeps of one matrix in NF4 with double quantisation.

    4 bits an entry; 8 bits for the scale of each block of 64; a 32-bit scale for each 256 of those, and their mean; two
    code books of 16 and 256 fp32 numbers.
    """
    blocks = math.ceil(weights / 64)
    return math.ceil(weights / 2) + blocks + 4 * math.ceil(blocks / 256) + 4 + 4 * (16 + 256)
