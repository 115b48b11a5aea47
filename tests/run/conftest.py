"""Tiny models of six architectures, and networks on them whose adapters do something."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import pytest
import torch
from dressage.run.base import Base, load_base
from dressage.run.network import Network
from dressage.spec.plan import AdapterConfig, ModelConfig
from dressage.testing import tiny_model

ARCHITECTURES = ("llama", "qwen2", "mistral", "gemma", "gemma2", "gpt2")


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Small operations on two threads are many times slower on a busy machine."""
    torch.set_num_threads(1)


@pytest.fixture(params=ARCHITECTURES)
def architecture(request: pytest.FixtureRequest) -> str:
    """Each architecture in turn."""
    return request.param


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny model, made once an architecture."""

    @cache
    def folder(architecture: str = "llama") -> Path:
        return tiny_model(tmp_path_factory.mktemp("models") / architecture, architecture)

    return folder


@pytest.fixture(scope="session")
def make_base(model_folder: Callable[[str], Path]) -> Callable[..., Base]:
    """A freshly loaded base model."""

    def make(architecture: str = "llama", **settings: Any) -> Base:
        settings = {"base": str(model_folder(architecture)), "device": "cpu", "dtype": "float32"} | settings
        return load_base(ModelConfig(**settings), cache=Path("cache"), folder=Path())

    return make


@pytest.fixture(scope="session")
def make_network(make_base: Callable[..., Base]) -> Callable[..., Network]:
    """A network of its own; its policy has been moved away from the base unless `stirred=False`."""

    def make(architecture: str = "llama", *, stirred: bool = True, dtype: str = "float32", **adapter: Any) -> Network:
        network = Network(make_base(architecture, dtype=dtype), AdapterConfig(**{"r": 4, "layers": 2} | adapter))
        if stirred:
            stir_adapter(network)
        return network

    return make


def stir_adapter(network: Network, role: str = "default", *, seed: int = 1, size: float = 0.2) -> None:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.adapters.parameters(role):
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * size)


@pytest.fixture(scope="session")
def stir() -> Callable[..., None]:
    """Gives an adapter random weights, A and B alike."""
    return stir_adapter


@pytest.fixture
def ids() -> Callable[..., tuple[int, ...]]:
    """Random ordinary tokens, no special ones among them."""

    def draw(length: int, seed: int = 0) -> tuple[int, ...]:
        generator = torch.Generator().manual_seed(seed)
        return tuple(torch.randint(10, 300, (length,), generator=generator).tolist())

    return draw
