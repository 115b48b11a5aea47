"""The halves of a network, its log-probabilities, and two roles in one backward pass."""

from __future__ import annotations

import pytest
import torch
from dressage.run.network import Padded, shared_prefix


def whole_model_logprobs(network, sequence, role):
    """log_softmax of the model's own logits on one unpadded sequence: [T - 1], of tokens 1 to T - 1."""
    ids = torch.tensor([sequence])
    with torch.no_grad(), network.adapters.use(role):
        logits = network.base.model(input_ids=ids, use_cache=False).logits.float()
    return logits.log_softmax(-1)[0, :-1].gather(-1, ids[0, 1:, None])[:, 0]


def logprobs(network, batch, role, **options):
    """Of tokens 1 to T - 1 of each row: [B, T - 1]."""
    return network.logprobs(network.hidden(batch, role)[:, :-1], batch.ids[:, 1:], **options)[0]


def with_states(network, batch):
    return Padded(batch.ids, batch.mask, network.trunk(batch), batch.shared)


def without_prefix(batch):
    return Padded(batch.ids, batch.mask, batch.states)


@pytest.fixture
def network(architecture, make_network):
    return make_network(architecture)


@torch.no_grad()
@pytest.mark.parametrize("role", ["default", None])
def test_the_two_halves_give_the_bits_of_the_whole(network, ids, role):
    batch = network.pad([ids(9, 1), ids(5, 2)])
    valid = batch.mask.bool()
    whole = network.hidden(batch, role)[valid]
    assert torch.equal(network.hidden(with_states(network, batch), role)[valid], whole)


@torch.no_grad()
def test_the_halves_are_taken_apart_where_the_adapters_begin(network, ids):
    batch = network.pad([ids(6)])
    with network.adapters.use(None):
        states = network.base.model(input_ids=batch.ids, output_hidden_states=True, use_cache=False).hidden_states
    assert torch.equal(network.trunk(batch), states[2])


def test_states_are_kept_on_every_architecture_that_the_design_names(network):
    assert network.keeps_states


def test_no_states_are_kept_where_all_layers_have_adapters(make_network, ids):
    network = make_network(layers=None)
    assert not network.keeps_states
    assert network.trunk(network.pad([ids(4)])) is None


@torch.no_grad()
@pytest.mark.parametrize("role", ["default", None])
def test_logprobs_are_those_of_the_model_itself(network, ids, role):
    sequence = ids(11)
    expected = whole_model_logprobs(network, sequence, role)
    assert torch.allclose(logprobs(network, network.pad([sequence]), role)[0], expected, atol=2e-6)


@torch.no_grad()
def test_the_policy_differs_from_the_base(network, ids):
    batch = network.pad([ids(11)])
    assert (logprobs(network, batch, "default") - logprobs(network, batch, None)).abs().max() > 0.1


@torch.no_grad()
def test_temperature_divides_the_logits(network, ids):
    batch = network.pad([ids(7)])
    logits = network.logits(network.hidden(batch, "default"))[0, :-1]
    expected = (logits / 0.5).log_softmax(-1).gather(-1, batch.ids[0, 1:, None])[:, 0]
    assert torch.allclose(logprobs(network, batch, "default", temperature=0.5)[0], expected, atol=2e-6)


@torch.no_grad()
def test_kept_states_logprobs_do_not_depend_on_the_padding_width(network, ids):
    short = ids(6, 1)
    alone = network.pad([short])
    wide = network.pad([ids(40, 2), short])
    states = network.trunk(alone)[0]
    kept = network.pad([ids(40, 2), short], [torch.randn(40, network.width), states])
    for batch in (wide, kept):
        found = logprobs(network, batch, "default")[1, :5]
        assert torch.allclose(found, logprobs(network, alone, "default")[0], atol=2e-6)


@torch.no_grad()
@pytest.mark.parametrize("length", [8, 90])
@pytest.mark.parametrize("kept", [False, True])
def test_a_shared_prefix_changes_nothing(network, ids, length, kept):
    """90 tokens are more than the sliding window of gemma2, which is 64."""
    prefix = ids(length, 1)
    sequences = [prefix + ids(5, 2), prefix + ids(3, 3), prefix + ids(9, 4)]
    batch = network.pad(sequences)
    assert batch.shared == length
    plain = without_prefix(batch)
    if kept:
        states = network.trunk(plain)
        batch, plain = (Padded(b.ids, b.mask, states, b.shared) for b in (batch, plain))
    valid = plain.mask[:, 1:].bool()
    expected = logprobs(network, plain, "default")[valid]
    assert torch.allclose(logprobs(network, batch, "default")[valid], expected, atol=2e-5)


@torch.no_grad()
@pytest.mark.parametrize("length", [8, 90])
def test_the_frozen_half_of_a_shared_prefix_is_that_of_the_whole(network, ids, length):
    prefix = ids(length, 1)
    batch = network.pad([prefix + ids(5, 2), prefix + ids(3, 3)])
    valid = batch.mask.bool()
    expected = network.trunk(without_prefix(batch))[valid]
    assert torch.allclose(network.trunk(batch)[valid], expected, atol=2e-5)


def test_gradients_of_a_shared_prefix_are_those_of_the_whole(network, ids):
    prefix = ids(12, 1)
    batch = with_states(network, network.pad([prefix + ids(5, 2), prefix + ids(3, 3)]))
    parameters = network.adapters.parameters("default")
    valid = batch.mask[:, 1:].float()

    def gradients(batch):
        loss = (logprobs(network, batch, "default") * valid).sum()
        return torch.autograd.grad(loss, parameters)

    for found, expected in zip(gradients(batch), gradients(without_prefix(batch)), strict=True):
        assert torch.allclose(found, expected, atol=1e-4 * float(expected.abs().max()) + 1e-6)


@pytest.mark.parametrize(
    ("sequences", "shared"),
    [(((1, 2, 3), (1, 2, 4)), 2), (((1, 2), (1, 2)), 1), (((1, 2, 3), (2, 2, 3)), 0), (((1,), (1, 2)), 0)],
)
def test_a_shared_prefix_leaves_a_token_of_each(sequences, shared):
    assert shared_prefix(sequences) == shared


@torch.no_grad()
def test_states_caught_at_the_split_are_those_of_the_trunk(network, ids):
    batch = network.pad([ids(7)])
    caught = []
    with network.tapped(caught.append):
        network.hidden(batch, "default")
    assert torch.equal(caught[0], network.trunk(batch))


def test_two_roles_in_one_backward_pass_both_get_their_gradients(network, stir, ids):
    """peft's own switch leaves the first adapter's gradients at None here."""
    network.adapters.add("other")
    stir(network, "other", seed=2)
    batch = with_states(network, network.pad([ids(8)]))
    roles = {role: network.adapters.parameters(role) for role in ("default", "other")}
    separate = {
        role: torch.autograd.grad(logprobs(network, batch, role).sum(), parameters)
        for role, parameters in roles.items()
    }
    (logprobs(network, batch, "default").sum() + logprobs(network, batch, "other").sum()).backward()
    for role, parameters in roles.items():
        assert any(gradient.abs().max() > 0 for gradient in separate[role])
        for parameter, expected in zip(parameters, separate[role], strict=True):
            assert torch.equal(parameter.grad, expected)


def test_the_base_gets_no_gradient(network, ids):
    logprobs(network, network.pad([ids(6)]), "default").sum().backward()
    names = {name for name, p in network.base.model.named_parameters() if p.grad is not None}
    assert names
    assert all(".lora_" in name for name in names)


@torch.no_grad()
def test_an_unknown_scale_of_the_logits_is_refused(make_base, monkeypatch):
    from dressage.run.network import Network
    from dressage.spec.errors import ModelError
    from dressage.spec.sections import AdapterConfig

    base = make_base("gemma2")
    monkeypatch.setattr("dressage.run.network.logit_transform", lambda config: lambda logits: 3 * logits)
    with pytest.raises(ModelError, match="scales its logits"):
        Network(base, AdapterConfig(r=4, layers=2))
