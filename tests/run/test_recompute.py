"""Gradient checkpointing: the same numbers and gradients, less that is kept."""

from __future__ import annotations

import pytest
import torch
from dressage.run.network import Padded
from torch import nn


@pytest.fixture
def pair(architecture, make_network):
    """The same network without and with it."""
    return tuple(make_network(architecture, gradient_checkpointing=on) for on in (False, True))


def logprobs(network, batch, role):
    return network.logprobs(network.hidden(batch, role)[:, :-1], batch.ids[:, 1:])[0] * batch.mask[:, 1:]


def gradients(network, batch, roles):
    """Of each role, from one backward pass after all forward passes."""
    sum(logprobs(network, batch, role).sum() for role in roles).backward()
    return {(role, path): p.grad for role in roles for path, p in network.adapters.named_parameters(role).items()}


@pytest.mark.parametrize("kept", [False, True])
def test_gradients_are_the_same(pair, ids, kept):
    found = []
    for network in pair:
        batch = network.pad([ids(9, 1), ids(5, 2)])
        if kept:
            batch = Padded(batch.ids, batch.mask, network.trunk(batch))
        found.append(gradients(network, batch, ["default"]))
    plain, again = found
    assert any(float(gradient.abs().max()) > 0 for gradient in plain.values())
    assert all(torch.equal(gradient, again[path]) for path, gradient in plain.items())


def test_each_role_gets_its_own_gradients(pair, ids, stir):
    """The layers run again when the role of their first time has long been left."""
    found = []
    for network in pair:
        network.adapters.add("other")
        stir(network, "other", seed=2)
        found.append(gradients(network, network.pad([ids(8)]), ["default", "other"]))
    plain, again = found
    paths = pair[0].adapters.named_parameters("default")
    assert not all(torch.equal(plain["default", path], plain["other", path]) for path in paths)
    assert all(torch.equal(gradient, again[path]) for path, gradient in plain.items())


def test_a_shared_prefix_is_not_run_apart(pair, ids):
    """Its keys would enter the cache a second time."""
    prefix = ids(12, 1)
    rows = [prefix + ids(5, 2), prefix + ids(3, 3)]
    plain, again = pair
    assert (plain.pad(rows).shared, again.pad(rows).shared) == (12, 0)
    gradients(again, again.pad(rows), ["default"])


def test_packed_rows_too(pair, ids):
    found = []
    for network in pair:
        batch = network.pack([ids(9, 1), ids(5, 2)])
        found.append(gradients(network, batch, ["default"]))
    plain, again = found
    assert all(torch.allclose(gradient, again[path]) for path, gradient in plain.items())


def test_the_trunk_can_be_passed_over_afterwards(pair, ids):
    network = pair[1]
    batch = network.pad([ids(9, 1), ids(5, 2)])
    network.trunk(batch)
    assert saved(network, batch) < saved(pair[0], batch)


def saved(network, batch):
    """Bytes that a forward pass keeps for backward."""
    kept = {}

    def keep(x):
        if not isinstance(x, nn.Parameter):
            kept[x.untyped_storage().data_ptr()] = x
        return x

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        network.hidden(batch, "default")
    return sum(x.untyped_storage().nbytes() for x in kept.values())


@pytest.mark.parametrize("stirred", [False, True])
def test_an_iteration_learns_the_same(make_stage, stirred):
    found = []
    for on in (False, True):
        stage = make_stage(stirred=stirred, adapter={"gradient_checkpointing": on})
        found.append(stage.iterate(1).metrics)
    plain, again = found
    assert again["kl"] == 0.0
    assert again["gradient_norm"] > 0
    assert again == pytest.approx(plain, rel=1e-4, abs=1e-6)
