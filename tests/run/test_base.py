"""Loading a base model, and what is said where that cannot be done."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest
import torch
from dressage.run.base import load_base
from dressage.run.devices import choose_device
from dressage.spec.errors import DressageError, MachineError, ModelError
from dressage.spec.sections import ModelConfig
from dressage.spec.types import Card
from transformers import AutoModelForCausalLM, MambaConfig, Qwen3NextConfig


@pytest.fixture
def folder(model_folder, tmp_path):
    """A copy of a model's folder, to break."""
    return Path(shutil.copytree(model_folder("llama"), tmp_path / "model"))


def load(base, folder=Path(), **settings):
    config = ModelConfig(**{"base": str(base), "device": "cpu", "dtype": "float32"} | settings)
    return load_base(config, cache=Path("cache"), folder=folder)


def refusal(base, error=ModelError, **settings):
    with pytest.raises(DressageError) as caught:
        load(base, **settings)
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_base_is_frozen_and_in_eval_mode(model_folder):
    base = load(model_folder("llama"))
    assert not any(p.requires_grad for p in base.model.parameters())
    assert not base.model.training
    assert base.parameters == sum(p.numel() for p in base.model.parameters())
    assert base.encoder.limit == 1024


def test_the_size_of_a_base_does_not_count_its_adapters(make_network):
    base = make_network().base
    assert base.parameters == sum(p.numel() for path, p in base.model.named_parameters() if "lora_" not in path)


def test_a_path_is_relative_to_the_yaml(model_folder):
    path = model_folder("llama")
    assert load(path.name, folder=path.parent).place == str(path)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_number_format_is_as_asked(model_folder, dtype):
    base = load(model_folder("llama"), dtype=dtype)
    assert {p.dtype for p in base.model.parameters()} == {getattr(torch, dtype)}


def test_a_local_model_has_its_hash_in_its_card(folder):
    import hashlib

    card = load(folder).card
    assert card.sha256 == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def test_a_registered_models_path_and_card_are_used(model_folder):
    config = ModelConfig(base="tiny", device="cpu", dtype="float32")
    card = Card("tiny", licence="Apache-2.0")
    base = load_base(config, cache=Path("cache"), folder=Path(), source=model_folder("llama"), card=card)
    assert (base.place, base.card) == (str(model_folder("llama")), card)


def test_the_models_own_stop_tokens_are_known(folder):
    path = folder / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"eos_token_id": [2, 99]}))
    assert load(folder).encoder.stop_ids >= {2, 99}


def test_a_folder_without_a_tokenizer(folder):
    for path in folder.glob("*token*"):
        path.unlink()
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    assert refusal(folder) == (
        f"model.base: {folder}: the folder has no tokenizer; save it there with tokenizer.save_pretrained"
    )


def test_a_folder_without_a_model(tmp_path):
    assert "the folder has no config.json" in refusal(tmp_path)


def test_a_folder_without_weights(folder):
    (folder / "model.safetensors").unlink()
    assert f"model.base: {folder}: cannot be loaded" in refusal(folder)


def test_weights_that_are_cut_off(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])
    assert f"model.base: {folder}: cannot be loaded" in refusal(folder)


@pytest.mark.parametrize("name", ["./nowhere", "/no/such/folder", "~/nowhere-at-all", "a/b/c", "model.gguf"])
def test_a_folder_that_is_not_there(name):
    assert f"model.base: {name}: no such folder or GGUF file (looked for " in refusal(name)


def test_a_file_that_is_no_gguf(tmp_path):
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF but not really")
    assert str(path) in refusal(path)


def test_a_hub_name_offline_is_answered_at_once(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    start = time.monotonic()
    message = refusal("nobody/no-such-model")
    assert time.monotonic() - start < 2
    assert message.startswith("model.base: nobody/no-such-model: not in the local cache, and HF_HUB_OFFLINE is set;")


def test_a_hub_that_cannot_be_reached_is_answered_at_once(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    start = time.monotonic()
    assert "the model hub cannot be reached" in refusal("nobody/no-such-model")
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("device", ["gpu", "cuda:x", ""])
def test_a_device_that_is_none(device):
    with pytest.raises(MachineError, match="is no device; use auto, cpu, cuda, cuda:0 or mps"):
        choose_device(device)


def test_a_device_that_is_not_there():
    with pytest.raises(MachineError, match="'cuda:63' asked for, but this machine has"):
        choose_device("cuda:63")


def test_an_unknown_device_is_named_before_anything_is_loaded(folder):
    (folder / "model.safetensors").unlink()
    assert "model.device: 'gpu' is no device" in refusal(folder, MachineError, device="gpu")


def test_a_name_that_is_no_name_is_refused():
    assert refusal("my model").startswith("model.base: my model: no such folder, and no name that the hub could have")


@pytest.mark.parametrize(
    "config",
    [
        MambaConfig(vocab_size=600, hidden_size=32, num_hidden_layers=2, state_size=4),
        Qwen3NextConfig(vocab_size=600, hidden_size=32, intermediate_size=32, moe_intermediate_size=16, num_experts=2,
                        num_experts_per_tok=1, shared_expert_intermediate_size=16, num_hidden_layers=4, head_dim=8,
                        num_attention_heads=4, num_key_value_heads=2, linear_num_value_heads=4, linear_num_key_heads=2,
                        linear_key_head_dim=8, linear_value_head_dim=8),
    ],
    ids=lambda config: config.model_type,
)  # fmt: skip
def test_a_model_that_is_not_of_attention_alone_is_refused(folder, config):
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    message = refusal(folder)
    assert "keeps a state beside its attention; take a causal language model of attention alone" in message
