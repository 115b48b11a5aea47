"""A 4-bit base: its gradients stay right after scoring, it learns, and nothing is merged into it."""

from __future__ import annotations

import pytest
import torch

bitsandbytes = pytest.importorskip("bitsandbytes")


@pytest.fixture(autouse=True, scope="module")
def runs_here():
    """Skips where bitsandbytes itself cannot pack a matrix; what a model makes of it is for the tests."""
    try:
        bitsandbytes.functional.quantize_4bit(torch.ones(64, 64), quant_type="nf4")
    except Exception as error:  # a bitsandbytes without a CPU backend says so in many ways
        pytest.skip(f"bitsandbytes does not run here: {error}")


@pytest.fixture
def network(make_network):
    return make_network("llama", quantize="nf4")


@pytest.fixture
def packed(network):
    """The 4-bit modules by path."""
    found = {p: m for p, m in network.base.model.named_modules() if isinstance(m, bitsandbytes.nn.Linear4bit)}
    assert len(found) == 4 * 7
    return found


def loss(network):
    batch = network.pad([list(range(20, 40)), list(range(50, 60))])
    hidden = network.hidden(batch, "default")[:, :-1]
    return -(network.logprobs(hidden, batch.ids[:, 1:])[0] * batch.mask[:, 1:]).mean()


def gradients(network):
    return torch.autograd.grad(loss(network), network.adapters.parameters("default"))


def test_gradients_after_scoring_are_those_before(network):
    """bitsandbytes repacks the weights in an eval-mode forward on some CPUs; gradients were wrong from then on."""
    before = gradients(network)
    network.base.model.eval()
    with torch.no_grad():
        loss(network)
    assert all(torch.equal(new, old) for new, old in zip(gradients(network), before, strict=True))


def test_gradients_are_those_of_the_dequantised_weights(network, packed, make_network):
    from bitsandbytes.functional import dequantize_4bit

    with torch.no_grad():
        loss(network)
    plain = make_network("llama")
    modules = dict(plain.base.model.named_modules())
    for path, module in packed.items():
        modules[path].weight.data = dequantize_4bit(module.weight.data, module.weight.quant_state).float()
    for found, expected in zip(gradients(network), gradients(plain), strict=True):
        assert (found - expected).norm() <= 1e-3 * expected.norm()


def test_no_layer_may_repack_its_weights(packed):
    assert all(module.support_avx512bf16_for_cpu is False for module in packed.values())


def test_a_training_step_lowers_the_loss_and_leaves_the_base_alone(network, packed):
    from dressage.run.learner import Learner
    from dressage.spec.policy import Losses
    from dressage.spec.sections import UpdateConfig

    bits = {path: module.weight.data.clone() for path, module in packed.items()}
    learner = Learner(network.adapters.parameters("default"), UpdateConfig(learning_rate=3e-3), steps=10)
    losses = [learner.step([(1.0, lambda: Losses(loss(network)))], name="test")["loss"] for _ in range(10)]
    assert losses[-1] < losses[0] - 0.1
    assert all(torch.equal(module.weight.data, bits[path]) for path, module in packed.items())


@torch.no_grad()
def test_a_merged_context_runs_the_adapter_beside_the_base(network, packed):
    bits = {path: module.weight.data.clone() for path, module in packed.items()}
    expected = loss(network)
    with network.adapters.merged("default"):
        assert network.adapters.active == "default"
        batch = network.pad([list(range(20, 40)), list(range(50, 60))])
        hidden = network._run(batch, None)[0][:, :-1]
        merged = -(network.logprobs(hidden, batch.ids[:, 1:])[0] * batch.mask[:, 1:]).mean()
        assert all(torch.equal(module.weight.data, bits[path]) for path, module in packed.items())
    assert torch.equal(merged, expected)
    assert all(torch.equal(module.weight.data, bits[path]) for path, module in packed.items())


def test_states_are_kept_on_a_4_bit_base(network):
    assert network.keeps_states


def test_replies_are_sampled(network):
    from dressage.run.sampling import Sampling, sample

    found = sample(network, [(20, 30), (40, 50, 60)], Sampling(4, 0.0), generator=torch.Generator())
    assert [len(s.ids) for s in found] == [4, 4]
