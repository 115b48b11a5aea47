"""Logits: those of every architecture's own head, and never those of a whole batch at once."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from dressage.run.base import load_base
from dressage.run.network import Network
from dressage.spec.errors import ModelError
from dressage.spec.sections import AdapterConfig, ModelConfig
from dressage.testing.model import tiny_tokenizer
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import AutoConfig, AutoModelForCausalLM

SCALED = {
    "cohere": {"logit_scale": 0.25},
    "granite": {"logits_scaling": 4.0, "embedding_multiplier": 3.0, "residual_multiplier": 0.5},
}


@pytest.fixture(params=SCALED)
def scaled(request, tmp_path):
    """A tiny model whose logits are its head's, scaled."""
    tokenizer = tiny_tokenizer("llama")
    config = AutoConfig.for_model(
        request.param, vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=3,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256, initializer_range=0.1,
        pad_token_id=tokenizer.pad_token_id, bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        **SCALED[request.param],
    )  # fmt: skip
    torch.manual_seed(0)
    tokenizer.save_pretrained(tmp_path)
    AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(tmp_path)
    config = ModelConfig(base=str(tmp_path), device="cpu", dtype="float32")
    return load_base(config, cache=tmp_path / "cache", folder=tmp_path)


@torch.no_grad()
def test_scaled_logits_are_the_models_own(scaled):
    network = Network(scaled, AdapterConfig(r=4, layers=2))
    batch = network.pad([tuple(range(5, 14)), tuple(range(30, 34))])
    tokens = torch.randint(5, 400, batch.ids.shape)
    states = network.hidden(batch, None)
    found, _, _ = network.logprobs(states, tokens)
    model = scaled.model(input_ids=batch.ids, attention_mask=batch.mask, use_cache=False)
    expected = model.logits.float().log_softmax(-1).gather(-1, tokens[..., None])[..., 0]
    valid = batch.mask.bool()
    assert torch.allclose(found[valid], expected[valid], atol=1e-5)


def test_a_scale_that_was_forgotten_is_noticed(scaled, monkeypatch):
    monkeypatch.setattr("dressage.run.network.logit_transform", lambda config: None)
    with pytest.raises(ModelError, match="scales its logits"):
        Network(scaled, AdapterConfig(r=4, layers=2))


class Widest(TorchDispatchMode):
    """The most rows of anything as wide as the vocabulary that an operation makes, weights aside."""

    def __init__(self, head: torch.Tensor) -> None:
        super().__init__()
        self.width = len(head)
        self.weights = head.untyped_storage().data_ptr()
        self.rows = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for one in tree_leaves(made):
            wide = isinstance(one, torch.Tensor) and one.dim() > 0 and one.shape[-1] == self.width
            if wide and one.untyped_storage().data_ptr() != self.weights:
                self.rows = max(self.rows, one.numel() // self.width)
        return made


@pytest.mark.parametrize("entropy", [False, True])
def test_an_iteration_never_holds_more_logits_than_a_chunk(make_stage, monkeypatch, entropy):
    stage = make_stage(rollout={"prompts": 6, "samples": 6, "max_new_tokens": 5}, update={"microbatch": 36})
    head = stage.network.head[0]
    monkeypatch.setattr("dressage.ops.logprobs.CHUNK_LOGITS", 40 * len(head))
    stage.optimizer.uses_entropy = entropy
    with Widest(head) as widest:
        stage.iterate(1)
    assert sum(len(sample.ids) for sample in stage.samples) > 100
    assert 36 <= widest.rows <= 40  # a step of sampling has one row of logits a reply


def test_more_logits_than_a_chunk_would_be_seen(make_stage):
    stage = make_stage(rollout={"prompts": 6, "samples": 6, "max_new_tokens": 5}, update={"microbatch": 36})
    with Widest(stage.network.head[0]) as widest:
        stage.iterate(1)
    assert widest.rows > 100
