"""Demonstrations in the steps of an online stage: which ones, how much they weigh, and what is told of them."""

from __future__ import annotations

import pytest
import torch
from dressage.run import offline
from dressage.run.mixing import Mixture
from dressage.spec.console import Quiet
from dressage.spec.plan import MixPlan
from dressage.spec.types import Example
from dressage_sft.optimizer import SFT
from dressage_sft.options import SFTOptions

TEXTS = [f"{word} number {i}" for i, word in enumerate(("a cat", "two dogs", "one very long text of", "b", "a bird"))]
LOOSE = {"max_grad_norm": 1e9, "learning_rate": 1e-2}


@pytest.fixture
def mixture(planned):
    def make(network, *, weight=1.0, batch=2, size=16, seed=0):
        task = offline.Task("ppo.mix", SFT(SFTOptions(), None), "default")
        items = offline.make_items([Example(text=text) for text in TEXTS], task, network, Quiet())
        plan = MixPlan(planned(SFT, "sft"), (), weight, batch)
        return Mixture(plan, task, network, items, seed, offline.budget(items, size))

    return make


def gradients(stage):
    """What each optimizer step is given, in the order of the steps."""
    seen, step = [], stage.learner.optimizer.step
    parameters = stage.network.adapters.parameters("default")

    def spy():
        seen.append([p.grad.clone() if p.grad is not None else torch.zeros_like(p) for p in parameters])
        step()

    stage.learner.optimizer.step = spy
    return seen


def likelihood(network, item):
    """The mean negative log-likelihood of one text after its first token, by transformers alone."""
    ids = torch.tensor([item.sequences[0].ids])
    with network.adapters.use("default"):
        logits = network.base.model(ids).logits[0, :-1]
    return -logits.log_softmax(-1).gather(-1, ids[0, 1:, None]).mean()


def test_every_example_is_learnt_before_any_is_again(make_network, mixture):
    mix = mixture(make_network(), batch=2)
    found = [item.sequences[0].ids for step in range(5) for item in mix.batch(step)]
    texts = {item.sequences[0].ids for item in mix.items}
    assert set(found[:5]) == set(found[5:]) == texts
    assert found[:5] != found[5:]


def test_a_seed_and_a_step_tell_the_batch(make_network, mixture):
    network = make_network()
    one, same, other = (mixture(network, batch=4, seed=seed) for seed in (1, 1, 2))
    batches = [[item.sequences[0].ids for item in mix.batch(1)] for mix in (one, same, other)]
    assert batches[0] == batches[1] != batches[2]


@pytest.mark.parametrize("weight", [0.5, 3.0])
@pytest.mark.parametrize("size", [1, 16])
def test_a_step_is_given_the_weighted_gradient_of_both(make_stage, mixture, weight, size):
    alone, mixed = make_stage(update=LOOSE), make_stage(update=LOOSE)
    mix = mixture(mixed.network, weight=weight, batch=3, size=size)
    mixed.mixed = mix.microbatches
    tokens = sum(item.units for item in mix.batch(0))
    loss = sum(likelihood(mixed.network, item) * item.units / tokens for item in mix.batch(0))
    loss.backward()
    parameters = mixed.network.adapters.parameters("default")
    own = [p.grad.clone() for p in parameters]
    mixed.network.base.model.zero_grad()
    both, rewards = gradients(mixed), gradients(alone)
    metrics = mixed.iterate(1).metrics
    alone.iterate(1)
    assert metrics["mix.loss"] == pytest.approx(float(loss), rel=1e-5)
    for whole, part, rest in zip(both[0], own, rewards[0], strict=True):
        assert torch.allclose(whole, rest + weight * part, atol=1e-5)


def test_each_step_has_a_batch_of_its_own(make_stage, mixture):
    stage, asked = make_stage(update={"minibatches": 2, "epochs": 2}), []
    mix = mixture(stage.network)
    stage.mixed = lambda step: (asked.append(step), mix.microbatches(step))[1]
    stage.iterate(1)
    stage.iterate(2)
    assert asked == list(range(8))


def test_what_the_rewards_forget_is_held(make_stage, mixture):
    """A judge against the letters of the texts: alone it makes them unlikely, with the mix it does not."""

    def worst(stage):
        return max(float(likelihood(stage.network, item)) for item in mixture(stage.network).items)

    forgetful, mindful = (make_stage(lambda p, r: -len(r), update={"learning_rate": 0.05}) for _ in range(2))
    mindful.mixed = mixture(mindful.network, batch=5, weight=5.0).microbatches
    for iteration in range(1, 6):
        forgetful.iterate(iteration)
        mindful.iterate(iteration)
    assert worst(mindful) < worst(forgetful) - 0.5
