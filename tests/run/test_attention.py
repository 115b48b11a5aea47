"""Attention in fp32 for 16-bit models on a CPU."""

import pytest
import torch
from dressage.run.attention import NAME

SEQUENCES = [list(range(20, 44)), list(range(20, 30)) + list(range(60, 69))]


def states(network, implementation=None):
    """Final states of two sequences that share a beginning, and the adapter's gradients."""
    if implementation is not None:
        network.base.model.set_attn_implementation(implementation)
    batch = network.pad(SEQUENCES)
    hidden = network.hidden(batch, "default")[batch.mask.bool()]
    loss = hidden.float()[:, ::3].sum()  # of all, the last norm would leave no slope
    return hidden.detach().float(), torch.autograd.grad(loss, network.adapters.parameters("default"))


def test_a_model_in_fp32_attends_as_it_did(make_base):
    assert make_base("llama", dtype="float32").model.config._attn_implementation == "sdpa"


def test_attention_is_computed_in_fp32(make_network, monkeypatch):
    seen = []
    plain = torch.nn.functional.scaled_dot_product_attention

    def noting(query, *arguments, **settings):
        seen.append((query.shape[2] > 1, query.dtype))
        return plain(query, *arguments, **settings)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", noting)
    network = make_network("llama", dtype="bfloat16")
    seen.clear()
    cache = network.cache(1)
    network.step(torch.tensor([SEQUENCES[0]]), cache)
    network.step(torch.tensor([[7]]), cache)
    assert set(seen) == {(True, torch.float32), (False, torch.bfloat16)}


def test_a_16_bit_model_is_as_near_to_fp32_as_it_was(make_network, architecture):
    if make_network(architecture, dtype="bfloat16").base.model.config._attn_implementation != NAME:
        pytest.skip(f"{architecture} attends in a way of its own")
    exact, slopes = states(make_network(architecture))
    for implementation in (NAME, "sdpa"):
        found, gradients = states(make_network(architecture, dtype="bfloat16"), implementation)
        assert (found - exact).norm() <= 0.03 * exact.norm()
        one, other = (torch.cat([x.flatten() for x in parts]) for parts in (gradients, slopes))
        assert (one - other).norm() <= 0.05 * other.norm()


def test_with_and_without_a_gradient_the_states_are_the_same_bits(make_network):
    network = make_network("llama", dtype="bfloat16")
    with_gradient, _ = states(network)
    with torch.no_grad():
        batch = network.pad(SEQUENCES)
        without = network.hidden(batch, "default")[batch.mask.bool()].float()
    assert torch.equal(with_gradient, without)
