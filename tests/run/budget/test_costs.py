"""Bytes, counted by hand on a model of three layers: H 8, I 12, 4 heads of 2 (2 of keys), V 100."""

from __future__ import annotations

import pytest
import torch
from dressage.run.budget import costs
from dressage.run.budget.shapes import nf4_bytes, of_config, of_model
from dressage.run.lora import AdapterSet
from dressage.spec.sections import AdapterConfig
from torch import nn

ATTENTION = 8 * 8 + 2 * 8 * 4 + 8 * 8  # q, k and v of two heads, o
FEED_FORWARD = 3 * 8 * 12
LAYER = ATTENTION + FEED_FORWARD


def test_weights(tiny):
    norms = 3 * 2 * 8 + 8
    assert costs.base_weights(tiny, 4) == 4 * (2 * 100 * 8 + 3 * LAYER + norms)
    assert costs.base_weights(tiny, 2) == 2 * (2 * 100 * 8 + 3 * LAYER + norms)


def test_nf4_of_one_matrix():
    # 4096 x 14336 entries: half a byte each, 917504 blocks of 64 with a byte, 3584 groups of 256 of those with 4 bytes
    assert nf4_bytes(4096 * 14336) == 29360128 + 917504 + 4 * 3584 + 4 + 4 * 272


def test_nf4_leaves_embeddings_norms_and_head(tiny):
    whole = 2 * 100 * 8 + 3 * 2 * 8 + 8
    packed = 3 * (2 * nf4_bytes(64) + 2 * nf4_bytes(32) + 3 * nf4_bytes(96))
    assert costs.base_weights(tiny, 2, "nf4") == 2 * whole + packed


def test_adapter_and_optimizer(tiny):
    sums = (8 + 8) + (8 + 4) + (8 + 4) + (8 + 8) + 3 * (8 + 12)
    one = costs.adapter_weights(tiny, AdapterConfig(r=4, layers=2))
    assert one == 4 * 4 * 2 * sums
    assert costs.optimizer_state(one) == 3 * one
    assert costs.adapter_weights(tiny, AdapterConfig(r=4, targets=("q_proj",))) == 4 * 4 * 3 * 16


def test_cache(tiny):
    a_layer = 2 * 4 * 5 * 7 * (2 * 2)  # keys and values, fp32, 5 rows of 7 tokens, two heads of width 2
    assert costs.cache(tiny, 4, 5, 7) == 3 * a_layer + a_layer


def test_merged_copies(tiny):
    config = AdapterConfig(layers=1)
    assert costs.merged_copies(tiny, config, 4, "none") == 4 * LAYER + 4 * 2 * 96
    assert costs.merged_copies(tiny, config, 2, "none") == 2 * LAYER + 4 * 3 * 96
    assert costs.merged_copies(tiny, config, 2, "nf4") == 0


def test_value_head(tiny):
    assert costs.head_weights(tiny) == 4 * 9
    assert costs.ridge_sums(tiny) == 8 * (81 + 9)


def test_logits_chunk(tiny):
    assert costs.logits_chunk(tiny, 6) == 3 * 4 * 6 * 100
    assert costs.logits_chunk(tiny, 10**9) <= 3 * 4 * 2**23


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "gemma2", "gpt2"])
def test_shapes_are_those_of_the_loaded_model(architecture, make_base):
    base = make_base(architecture)
    shapes = of_model(base.model)
    assert costs.base_weights(shapes, 4) == sum(4 * p.numel() for p in base.model.parameters())
    config = AdapterConfig(r=4, layers=2)
    adapters = AdapterSet(base.model, config)
    held = sum(p.numel() * p.element_size() for p in adapters.parameters("default"))
    assert costs.adapter_weights(shapes, config) == held


def test_checkpointed_activations_are_the_layers_inputs_and_one_layer(tiny):
    plain, again = (AdapterConfig(layers=2, gradient_checkpointing=on) for on in (False, True))
    masks = 4 * 5 * 7 * 7
    one = (costs.activations(tiny, plain, 4, 5, 7) - 2 * masks) // 2
    assert costs.activations(tiny, again, 4, 5, 7) == 2 * (4 * 8 * 5 * 7) + one + masks


@pytest.mark.parametrize("padded", [False, True])
def test_activations_are_what_autograd_keeps(padded, make_network):
    """All that a microbatch's forward pass saves for backward, beside weights and rotations."""
    network = make_network("llama")
    shapes, config = of_config(network.base.model.config, name="llama"), network.adapters.config
    rows = [list(range(3, 43)), list(range(4, 44 - 7 * padded))]
    batch = network.pad(rows)
    kept: dict[int, torch.Tensor] = {}

    def keep(x: torch.Tensor) -> torch.Tensor:
        if not isinstance(x, nn.Parameter) and x.is_floating_point():
            kept[x.untyped_storage().data_ptr()] = x
        return x

    weights = {p.untyped_storage().data_ptr() for p in network.base.model.parameters()}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        network.hidden(batch, "default")
    measured = sum(x.untyped_storage().nbytes() for at, x in kept.items() if at not in weights)
    rotations = 2 * 4 * 40 * 8  # cosines and sines, once a batch
    assert costs.activations(shapes, config, 4, 2, 40, padded=padded) == measured - rotations
