"""Adapters as roles: the engine's path against peft's own, merged rollouts, saving and loading."""

from __future__ import annotations

import pytest
import torch
from dressage.run.lora import _targets
from dressage.spec.errors import ModelError


@pytest.fixture
def network(architecture, make_network):
    return make_network(architecture)


@torch.no_grad()
def logits(network, role, sequence=range(20, 32)):
    batch = network.pad([list(sequence)])
    return network.logits(network.hidden(batch, role))


def base_weights(network):
    return {path: m.base_layer.weight.data for path, m in network.adapters._modules.items()}


@pytest.mark.parametrize("role", ["default", "other", None])
def test_the_engines_forward_equals_pefts(architecture, make_network, stir, role):
    fast, slow = make_network(architecture), make_network(architecture, forward="peft")
    for network in (fast, slow):
        network.adapters.add("other")
        stir(network, "other", seed=2)
    assert torch.allclose(logits(fast, role), logits(slow, role), atol=1e-5)
    assert (logits(fast, "default") - logits(fast, role or "other")).abs().max() > 0.1 or role == "default"


def test_the_engines_gradients_equal_pefts(architecture, make_network):
    gradients = []
    for forward in ("fast", "peft"):
        network = make_network(architecture, forward=forward)
        loss = network.hidden(network.pad([list(range(20, 32))]), "default").square().mean()
        gradients.append(torch.autograd.grad(loss, network.adapters.parameters("default")))
    for fast, slow in zip(*gradients, strict=True):
        assert torch.allclose(fast, slow, rtol=1e-4, atol=1e-6)


def test_a_new_adapter_changes_nothing(network):
    network.adapters.add("other")
    assert torch.equal(logits(network, "other"), logits(network, None))


def test_the_role_before_is_active_again_after_use(network):
    with network.adapters.use("default"):
        with network.adapters.use(None):
            assert network.adapters.active is None
        assert network.adapters.active == "default"


def test_merged_weights_are_put_back_bit_for_bit(network):
    before = {path: weight.clone() for path, weight in base_weights(network).items()}
    with network.adapters.merged("default"):
        inside = base_weights(network)
        assert all(not torch.equal(inside[path], before[path]) for path in before)
    assert all(torch.equal(weight, before[path]) for path, weight in base_weights(network).items())


def test_merged_weights_are_put_back_after_a_failure(network):
    before = {path: weight.clone() for path, weight in base_weights(network).items()}
    with pytest.raises(ZeroDivisionError), network.adapters.merged("default"):
        raise ZeroDivisionError
    assert all(torch.equal(weight, before[path]) for path, weight in base_weights(network).items())
    assert network.adapters.active == "default"


@torch.no_grad()
@pytest.mark.parametrize("forward", ["fast", "peft"])
def test_merged_and_unmerged_agree(architecture, make_network, forward):
    network = make_network(architecture, forward=forward)
    batch = network.pad([list(range(20, 32))])
    expected = network.logits(network.hidden(batch, "default"))
    with network.adapters.merged("default"):
        merged = network.logits(network._body(input_ids=batch.ids, use_cache=False).last_hidden_state)
    assert torch.allclose(merged, expected, atol=1e-5)


def test_a_merged_bare_base_is_the_bare_base(make_network):
    network = make_network()
    with network.adapters.merged(None):
        assert network.adapters.active is None


def test_only_the_last_layers_carry_adapters(network):
    layers = {int(next(part for part in path.split(".") if part.isdigit())) for path in network.adapters._modules}
    assert layers == {2, 3}
    assert network.adapters.split == 2


def test_every_linear_module_of_those_layers_carries_one(make_network):
    names = {path.rsplit(".", 1)[-1] for path in make_network("llama").adapters._modules}
    assert names == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}


def test_all_layers_carry_adapters_by_default(make_network):
    assert make_network(layers=None).adapters.split == 0


def test_more_layers_than_there_are_is_all_of_them(make_network):
    assert make_network(layers=9).adapters.split == 0


def test_targets_name_the_modules(make_network):
    network = make_network(targets=("q_proj", "v_proj"))
    assert len(network.adapters._modules) == 2 * 2


def test_adapter_weights_are_fp32_on_a_16_bit_base(make_network):
    network = make_network(dtype="bfloat16")
    assert {p.dtype for p in network.adapters.parameters("default")} == {torch.float32}


def test_the_saved_adapter_loads_in_plain_peft(architecture, make_network, model_folder, tmp_path):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    network = make_network(architecture)
    network.adapters.save(tmp_path)
    plain = AutoModelForCausalLM.from_pretrained(model_folder(architecture), dtype=torch.float32).eval()
    model = PeftModel.from_pretrained(plain, tmp_path).eval()
    with torch.no_grad():
        expected = model(input_ids=torch.tensor([list(range(20, 32))])).logits
    assert torch.allclose(logits(network, "default"), expected, atol=1e-5)
    assert (logits(network, None) - expected).abs().max() > 0.1


def test_the_saved_adapter_is_the_policy_alone(make_network, tmp_path):
    network = make_network()
    network.adapters.add("reference")
    network.adapters.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == []
    assert (tmp_path / "adapter_model.safetensors").exists()


def test_a_saved_adapter_comes_back_bit_for_bit(make_network, tmp_path):
    first, second = make_network(), make_network(stirred=False)
    first.adapters.save(tmp_path)
    second.adapters.load_saved(tmp_path)
    before, after = first.adapters.state("default"), second.adapters.state("default")
    assert before.keys() == after.keys()
    assert all(torch.equal(before[path], after[path]) for path in before)
    assert torch.equal(logits(first, "default"), logits(second, "default"))


@pytest.mark.parametrize("other", [{"r": 8}, {"alpha": 2}, {"layers": 1}, {"layers": 3}, {"targets": ("q_proj",)}])
def test_a_saved_adapter_of_another_shape_is_refused(make_network, tmp_path, other):
    make_network().adapters.save(tmp_path)
    network = make_network(stirred=False, **other)
    with pytest.raises(ModelError, match=r"model\.adapter"):
        network.adapters.load_saved(tmp_path)


def test_a_folder_without_an_adapter_is_refused(make_network, tmp_path):
    with pytest.raises(ModelError, match="no adapter here"):
        make_network().adapters.load_saved(tmp_path)


def test_a_state_is_a_copy(make_network, stir):
    network = make_network()
    state = network.adapters.state("default")
    kept = {path: weight.clone() for path, weight in state.items()}
    stir(network, seed=9)
    assert all(torch.equal(state[path], kept[path]) for path in kept)
    network.adapters.load("default", state)
    assert all(torch.equal(weight, kept[path]) for path, weight in network.adapters.state("default").items())


@pytest.mark.parametrize("name", ["q_prj", "embed_tokens", "lm_head", "self_attn", "proj"])
def test_a_target_that_is_no_linear_module_of_a_layer_is_refused(make_network, name):
    with pytest.raises(
        ModelError, match=rf"model\.adapter\.targets: .* called '{name}'; there are: down_proj, gate_proj"
    ):
        make_network(targets=("q_proj", name))


def test_a_target_may_say_where_in_the_layer_it_is(make_network):
    adapters = make_network(targets=("self_attn.q_proj",)).adapters
    assert {path.rsplit(".", 2)[-2] for path in adapters.named_parameters("default")} == {"q_proj"}


def test_linear_layers_of_a_class_of_their_own_get_adapters(make_base):
    class Own(torch.nn.Linear):
        """What Falcon has."""

    base = make_base()
    for module in base.model.modules():
        if type(module) is torch.nn.Linear:
            module.__class__ = Own
    assert "q_proj" in _targets(base.model, None)
