"""Whose states the value head reads: the policy's, an adapter's on the shared base, or another base's."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from dressage.run.critic import ROLE
from dressage.run.experience import microbatches
from dressage.spec.errors import DataError, ModelError
from dressage.spec.types import Message, Origin, Prompt
from transformers import AutoModelForCausalLM

from tests.run.conftest import policy, same

ADAPTER = {"role": "adapter"}
MODEL = {"role": "model", "base": "other"}


def weights(network, role=ROLE):
    return network.adapters.state(role)


def micro_of(stage):
    return microbatches(stage.network, stage.samples, range(len(stage.samples)), budget=10**6)[0]


def seen_by(stage, micro):
    """The values of a microbatch under a head that sums the states."""
    with torch.no_grad():
        stage.critic.head.linear.weight.fill_(1.0)
        return stage.critic.values(micro, micro.states(stage.network, "default"))[0]


def test_a_heads_values_are_of_the_policys_states(make_stage):
    stage = make_stage()
    stage.iterate(1)
    micro = micro_of(stage)
    with torch.no_grad():
        expected = micro.states(stage.network, "default").sum(-1) * micro.mask
    stage.critic.head.linear.bias.data.zero_()
    assert torch.allclose(seen_by(stage, micro), expected, atol=1e-4)


@pytest.mark.parametrize("value", [{}, ADAPTER])
def test_there_is_no_value_of_padding(make_stage, value):
    stage = make_stage(value=value)
    stage.iterate(1)
    micro = micro_of(stage)
    shorter = replace(micro, mask=torch.cat([micro.mask[:, :-1], torch.zeros(len(micro.rows), 1)], dim=1))
    stage.critic.head.linear.bias.data.fill_(3.0)
    found = seen_by(stage, shorter)
    assert not found[:, -1].any()
    assert found[:, 0].all()


def test_an_adapter_begins_as_the_policy_and_goes_its_own_way(make_stage):
    stage = make_stage(value=ADAPTER)
    before = policy(stage)
    assert same(weights(stage.network), before)
    stage.iterate(1)
    stage.iterate(2)
    assert not same(weights(stage.network), policy(stage))
    assert not same(weights(stage.network), before)
    micro = micro_of(stage)
    stage.critic.head.linear.bias.data.zero_()
    with torch.no_grad():
        expected = micro.states(stage.network, ROLE).sum(-1) * micro.mask
        policys = micro.states(stage.network, "default").sum(-1) * micro.mask
    found = seen_by(stage, micro)
    assert torch.allclose(found, expected, atol=1e-4)
    assert not torch.allclose(found, policys, atol=1e-2)


@pytest.mark.parametrize("value", [ADAPTER, MODEL])
def test_what_the_values_learn_is_none_of_the_policys(make_stage, make_network, value):
    """The gradient that a policy is given is the same as beside a head that is solved; the value's own is not zero."""
    given = []
    for settings in ({}, value):
        own = make_network() if "base" in settings else None
        stage = make_stage(value=settings, own=own, update={"max_grad_norm": 1e9, "microbatch": 2})
        update, names = stage.learner.optimizer.step, stage.network.adapters.named_parameters("default")
        stage.learner.optimizer.step = lambda n=names, u=update: (
            given.append([p.grad.clone() for p in n.values()]),
            u(),
        )
        before = weights(stage.critic.network) if settings else {}
        stage.iterate(1)
        stage.iterate(2)  # a head of zeros says nothing to what is below it
    for found, expected in zip(given[2], given[0], strict=True):
        assert torch.allclose(found, expected, atol=1e-6)
    assert any(not torch.equal(before[path], after) for path, after in weights(stage.critic.network).items())


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("value", [ADAPTER, MODEL])
def test_the_gradient_of_values_reaches_their_own_adapter_alone(make_stage, make_network, value, checkpointing):
    adapter = {"gradient_checkpointing": checkpointing}
    stage = make_stage(value=value, own=make_network(**adapter) if "base" in value else None, adapter=adapter)
    stage.iterate(1)
    micro = micro_of(stage)
    stage.critic.head.linear.weight.data.fill_(1.0)
    stage.critic.values(micro, micro.states(stage.network, "default")).sum().backward()
    assert all(p.grad is None for p in stage.network.adapters.parameters("default"))
    assert any(p.grad is not None and p.grad.any() for p in stage.critic.adapter)


def test_values_and_policy_have_each_a_bound_on_their_gradient(make_stage):
    """What the values' gradient is scaled down by says nothing of the policy's."""
    stage = make_stage(lambda prompt, response: 50.0 * len(response), value=ADAPTER, update={"max_grad_norm": 0.5})
    norms, step = [], stage.learner.optimizer.step
    parts = stage.network.adapters.parameters("default"), [*stage.critic.adapter, *stage.critic.head.trained]

    def spy():
        norms.append([torch.cat([p.grad.flatten() for p in part if p.grad is not None]).norm() for part in parts])
        step()

    stage.learner.optimizer.step = spy
    logged = [stage.iterate(i).metrics["gradient_norm"] for i in (1, 2)]
    for (policys, values), told in zip(norms, logged, strict=True):
        assert float(values) == pytest.approx(0.5, rel=1e-3)
        assert float(policys) == pytest.approx(min(0.5, told), rel=1e-3)


def test_a_prompt_that_leaves_no_room_in_the_values_base_is_refused(make_stage, make_network):
    own = make_network()
    own.encoder.limit = 20
    asked = [Prompt((Message("user", "word " * 30),), origin=Origin("prompts.jsonl", 3))]
    make_stage(asked=asked)
    with pytest.raises(DataError, match=r"^prompts\.jsonl:3: \d+ tokens, but the model takes 20 with"):
        make_stage(asked=asked, value=MODEL, own=own)


def test_another_base_reads_the_policys_tokens(make_stage, make_network, model_folder):
    """Its states are those of transformers' own pass of each row by itself."""
    other = make_network("qwen2", stirred=False)
    stage = make_stage(value=MODEL, own=other)
    stage.iterate(1)
    other.adapters.load(ROLE, {path: weight * 0 for path, weight in weights(other).items()})
    stage.critic.head.linear.bias.data.zero_()
    micro = micro_of(stage)
    found = seen_by(stage, micro)
    plain = AutoModelForCausalLM.from_pretrained(model_folder("qwen2")).eval()
    for row, index in enumerate(micro.rows):
        sample = stage.samples[index]
        with torch.no_grad():
            states = plain.base_model(torch.tensor([sample.prompt + sample.ids])).last_hidden_state[0]
        expected = states[len(sample.prompt) - 1 : -1].sum(-1)
        assert torch.allclose(found[row, : len(sample.ids)], expected, atol=1e-3)


@pytest.mark.parametrize("value", [ADAPTER, MODEL])
def test_values_come_to_say_what_is_paid(make_stage, make_network, value):
    """A reward that a prompt tells: far from it at the start, near it after some iterations."""
    stage = make_stage(
        lambda prompt, response: 3.0 if prompt.columns["n"] % 3 else -3.0, value=value,
        own=make_network() if "base" in value else None,
        update={"learning_rate": 2e-3, "value_learning_rate": 2e-2, "epochs": 8, "microbatch": 6},
    )  # fmt: skip
    explained = [stage.iterate(i).metrics["explained_variance"] for i in range(1, 9)]
    assert explained[0] == pytest.approx(0.0, abs=1e-6)
    assert max(explained[-2:]) > 0.8


def test_limited_sources_have_values_of_the_same_states(make_stage):
    stage = make_stage(lambda p, r: 5.0, cost=lambda p, r: -2.0, limit={"max": 1.0}, value=ADAPTER,
                       update={"value_learning_rate": 5e-2, "epochs": 20, "learning_rate": 1e-3})  # fmt: skip
    for i in range(1, 5):
        stage.iterate(i)
    total, cost = stage.optimizer.trajectories[-2:]
    assert float(total.values[total.mask.bool()].mean()) == pytest.approx(5.0, abs=0.7)
    assert float(cost.values[cost.mask.bool()].mean()) == pytest.approx(-2.0, abs=0.7)


def test_an_optimizer_without_values_has_no_adapter_for_them(make_stage, monkeypatch):
    monkeypatch.setattr("tests.run.conftest.Climb.uses_values", False)
    stage = make_stage(value=ADAPTER)
    assert ROLE not in stage.network.adapters.names
    stage.iterate(1)


def test_a_base_with_another_vocabulary_is_refused(make_stage, make_network, monkeypatch):
    """The same words as tokens, two of them by each other's number."""
    other = make_network()
    kind, real = type(other.encoder.tokenizer), type(other.encoder.tokenizer).get_vocab
    swapped = dict(real(other.encoder.tokenizer))
    first, second = list(swapped)[20:22]
    swapped[first], swapped[second] = swapped[second], swapped[first]
    monkeypatch.setattr(kind, "get_vocab", lambda self: swapped if self is other.encoder.tokenizer else real(self))
    with pytest.raises(ModelError, match=r"^value\.base: its tokenizer has another vocabulary"):
        make_stage(value=MODEL, own=other)
    make_stage(value=MODEL, own=make_network())
