"""One optimizer step: exact accumulation, a bound on the gradient, a schedule, and nothing done on a bad loss."""

from __future__ import annotations

import random

import pytest
import torch
from dressage import ops
from dressage.run import offline
from dressage.run.learner import Learner
from dressage.spec.console import Quiet
from dressage.spec.errors import DataError, TrainingError
from dressage.spec.policy import Losses
from dressage.spec.sections import UpdateConfig
from dressage.spec.types import Example, Origin, Tokens
from dressage.testing import tiny_tokenizer
from torch import nn

START = torch.tensor([1.0, -2.0])


def learner(parameter=None, steps=10, head=(), **update):
    return Learner([parameter if parameter is not None else nn.Parameter(START.clone())], UpdateConfig(**update),
                   steps=steps, head=head)  # fmt: skip


def quadratic(parameter, target=0.0):
    return lambda: Losses(((parameter - target) ** 2).sum(), {"height": 3.0})


class TokenMean:
    """The mean over learnt tokens, as SFT's."""

    unit = "token"

    def collate(self, example, encode):
        ids = encode.plain(example.text)
        return (Tokens(ids, (False,) + (True,) * (len(ids) - 1)),)

    def loss(self, outputs):
        return Losses(-ops.masked_mean(outputs.logprobs, outputs.mask), {"accuracy": 0.5})


class PairMean:
    """The mean over pairs, as DPO's."""

    unit = "item"

    def collate(self, example, encode):
        sequences = (encode.plain(example.text), encode.plain(example.text[::-1] + " and back"))
        return tuple(Tokens(ids, (False,) + (True,) * (len(ids) - 1)) for ids in sequences)

    def loss(self, outputs):
        means = outputs.logprobs.sum(-1) / outputs.mask.sum(-1)
        return Losses(ops.bradley_terry(means[:, 0], means[:, 1]))


TEXTS = ["a", "two words", "the quick brown fox jumps over the dog", "!", "rather long " * 5, "b c d", "x", "yes yes"]


@pytest.fixture
def step(make_network):
    """The gradient, the numbers and the new weights of one step over eight rows in microbatches of `size`."""

    def run(collator, size, rows=TEXTS):
        network = make_network()
        task = offline.Task("test", collator, "default", unit=collator.unit)
        items = offline.make_items([Example(text=text) for text in rows], task, network, Quiet())
        found = offline.learner_for(task, network, UpdateConfig(max_grad_norm=1e6), 1)
        gradients = []
        update = found.optimizer.step
        found.optimizer.step = lambda: (gradients.extend(p.grad.clone() for p in found.parameters), update())
        tokens = offline.budget(items, size)
        parts = list(offline.microbatches(items, task, network, tokens))
        assert (len(parts) == 1) == (size >= len(rows))
        numbers = found.step(parts, name="test")
        return torch.cat([g.flatten() for g in gradients]), numbers, network.adapters.state("default")

    return run


@pytest.mark.parametrize("collator", [TokenMean(), PairMean()], ids=["token", "item"])
def test_accumulation_gives_the_gradient_of_the_whole(step, collator):
    whole, numbers, weights = step(collator, 8)
    assert whole.norm() > 0.1
    for size in (1, 2, 4):
        part, found, moved = step(collator, size)
        assert (part - whole).norm() <= 1e-5 * whole.norm()
        assert found["loss"] == pytest.approx(numbers["loss"], rel=1e-5)
        assert all(torch.allclose(moved[path], weights[path], atol=2e-4) for path in weights)


def test_a_microbatch_counts_by_its_tokens(step):
    texts = ["a", TEXTS[2]]
    one, other = (step(TokenMean(), 1, [text])[1]["loss"] for text in texts)
    short, long = (len(ids) - 1 for ids in tiny_tokenizer("llama")(texts)["input_ids"])  # without the BOS
    expected = (short * one + long * other) / (short + long)
    assert step(TokenMean(), 1, texts)[1]["loss"] == pytest.approx(expected, rel=1e-5)
    assert abs(expected - (one + other) / 2) > 1e-3


def test_a_first_token_that_is_marked_counts_for_nothing():
    """Nothing comes before it, so that it is never learnt."""
    assert offline.Item((Tokens((1, 2, 3), (True, True, False)), Tokens((1, 2), (False, True)))).units == 2


def test_shares_of_a_step_add_up_to_one(make_network):
    network = make_network()
    task = offline.Task("test", TokenMean(), "default")
    items = offline.make_items([Example(text=text) for text in TEXTS], task, network, Quiet())
    shares = [share for share, _ in offline.microbatches(items, task, network, offline.budget(items, 2))]
    assert len(shares) > 1
    assert sum(shares) == pytest.approx(1.0)


def test_numbers_are_means_over_the_units():
    parameter = nn.Parameter(START.clone())
    parts = [(0.25, lambda: Losses(parameter.sum() * 0 + 4.0, {"x": 8.0})), (0.75, lambda: Losses(parameter.sum() * 0))]
    found = learner(parameter).step(parts, name="test")
    assert (found["loss"], found["x"]) == (1.0, 2.0)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("at", [0, 1])
def test_a_loss_that_is_not_finite_leaves_the_weights(value, at):
    parameter = nn.Parameter(START.clone())
    found = learner(parameter)
    parts = [(0.5, quadratic(parameter)), (0.5, quadratic(parameter))]
    parts.insert(at, (0.5, lambda: Losses(parameter.sum() * value)))
    with pytest.raises(TrainingError, match=r"^ppo: the loss is (nan|inf|-inf) at step 1; try a lower learning_rate$"):
        found.step(parts, name="ppo")
    assert torch.equal(parameter.data, START)
    assert parameter.grad is None
    assert found.step_count == 0


def test_a_gradient_that_is_not_finite_leaves_the_weights():
    parameter = nn.Parameter(torch.zeros(2))
    with pytest.raises(TrainingError, match="gradient is not finite at step 1"):
        learner(parameter).step([(1.0, lambda: Losses(parameter.sqrt().sum()))], name="test")
    assert torch.equal(parameter.data, torch.zeros(2))
    assert parameter.grad is None


def test_training_goes_on_after_a_bad_loss():
    parameter = nn.Parameter(START.clone())
    found = learner(parameter)
    with pytest.raises(TrainingError):
        found.step([(1.0, lambda: Losses(parameter.sum() * float("nan")))], name="test")
    found.step([(1.0, quadratic(parameter))], name="test")
    fresh = nn.Parameter(START.clone())
    learner(fresh).step([(1.0, quadratic(fresh))], name="test")
    assert torch.equal(parameter.data, fresh.data)


def test_the_gradient_is_clipped_and_its_norm_told():
    parameter = nn.Parameter(torch.tensor([3.0, 4.0]))
    found, seen = learner(parameter, max_grad_norm=0.5), []
    update = found.optimizer.step
    found.optimizer.step = lambda: (seen.append(parameter.grad.clone()), update())
    numbers = found.step([(1.0, lambda: Losses((parameter**2).sum() / 2))], name="test")
    assert numbers["gradient_norm"] == pytest.approx(5.0)
    assert torch.allclose(seen[0], torch.tensor([0.3, 0.4]), atol=1e-6)


def test_a_small_gradient_is_not_clipped():
    parameter = nn.Parameter(torch.tensor([0.3, 0.4]))
    found, seen = learner(parameter, max_grad_norm=1.0), []
    update = found.optimizer.step
    found.optimizer.step = lambda: (seen.append(parameter.grad.clone()), update())
    found.step([(1.0, lambda: Losses((parameter**2).sum() / 2))], name="test")
    assert torch.equal(seen[0], torch.tensor([0.3, 0.4]))


def test_the_first_step_is_adams():
    """Adam's first step is the rate times the sign of the gradient."""
    parameter = nn.Parameter(START.clone())
    learner(parameter, learning_rate=0.01).step([(1.0, quadratic(parameter))], name="test")
    assert torch.allclose(parameter.data, START - 0.01 * START.sign(), atol=1e-6)


def test_weight_decay_is_decoupled_and_not_for_heads():
    adapter, head = nn.Parameter(torch.tensor([2.0])), nn.Parameter(torch.tensor([2.0]))
    found = learner(adapter, head=[head], learning_rate=0.1, value_learning_rate=0.01, weight_decay=0.5)
    found.step([(1.0, lambda: Losses(adapter.sum() + head.sum()))], name="test")
    assert adapter.item() == pytest.approx(2 * (1 - 0.1 * 0.5) - 0.1, abs=1e-5)
    assert head.item() == pytest.approx(2 - 0.01, abs=1e-5)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [1, 1, 1, 1, 1]),
        ({"schedule": "linear"}, [1, 0.82, 0.64, 0.46, 0.28]),
        ({"schedule": "cosine"}, [1, 0.91406, 0.68906, 0.41094, 0.18594]),
        ({"warmup": 0.4}, [1 / 3, 2 / 3, 1, 1, 1]),
        ({"warmup": 0.4, "schedule": "linear"}, [1 / 3, 2 / 3, 1, 0.7, 0.4]),
    ],
)
def test_the_rate_follows_the_schedule(settings, expected):
    """Of five steps; `linear` and `cosine` fall towards a tenth: 1 - 0.9 k / 5, 1 - 0.45 (1 - cos(pi k / 5))."""
    parameter = nn.Parameter(START.clone())
    found = learner(parameter, steps=5, learning_rate=1.0, **settings)
    rates = [found.step([(1.0, quadratic(parameter))], name="test")["learning_rate"] for _ in range(5)]
    assert rates == pytest.approx(expected, abs=1e-4)


def test_a_restored_learner_goes_on_bit_for_bit(tmp_path):
    from dressage.run import checkpoint
    from dressage.spec.console import Quiet

    def steps(found, parameter, count):
        for _ in range(count):
            found.step([(1.0, quadratic(parameter, 0.3))], name="test")

    settings = {"schedule": "cosine", "warmup": 0.2, "learning_rate": 0.05}
    whole = nn.Parameter(START.clone())
    steps(learner(whole, **settings), whole, 6)
    first = nn.Parameter(START.clone())
    found = learner(first, **settings)
    steps(found, first, 3)
    checkpoint.save(tmp_path, 1, {"learner": found.state_dict(), "weights": first.data})
    state = checkpoint.load_latest(tmp_path, Quiet())
    second = nn.Parameter(state["weights"])
    again = learner(second, **settings)
    again.load_state_dict(state["learner"])
    steps(again, second, 3)
    assert torch.equal(second.data, whole.data)


def test_kept_states_change_no_gradient(make_network):
    from dressage.spec.console import Quiet

    network = make_network()
    task = offline.Task("test", TokenMean(), "default")
    items = offline.make_items([Example(text=text) for text in TEXTS], task, network, Quiet())
    parameters = network.adapters.parameters("default")

    def gradients():
        return torch.autograd.grad(offline._loss(items, task, network).loss, parameters)

    before = gradients()
    offline.keep_states(items, network, Quiet(), "test")
    assert all(len(item.states) == 1 for item in items)
    for found, expected in zip(gradients(), before, strict=True):
        assert (found - expected).norm() <= 1e-5 * expected.norm()


def test_an_epoch_has_every_row_once():
    items = [offline.Item((Tokens(tuple(range(1 + i % 7)), (True,) * (1 + i % 7)),)) for i in range(50)]
    parts = offline.batches(items, 4, random.Random(1))
    assert sorted(id(item) for part in parts for item in part) == sorted(map(id, items))
    assert max(map(len, parts)) == 4


def test_a_tenth_is_held_out_and_none_of_few():
    items = [offline.Item((Tokens((1,), (True,)),)) for _ in range(40)]
    learn, held = offline.split_held_out(items, 5)
    assert (len(learn), len(held)) == (36, 4)
    assert {id(i) for i in learn}.isdisjoint({id(i) for i in held})
    assert offline.split_held_out(items[:19], 5)[1] == []


def test_rows_that_cannot_be_learnt_are_an_error(make_network):
    class Nothing(TokenMean):
        def collate(self, example, encode):
            return None

    with pytest.raises(DataError, match="sft: none of the 1 rows"):
        offline.make_items([Example(text="a")], offline.Task("sft", Nothing(), "default"), make_network(), Quiet())


def test_rows_left_out_are_told_with_the_first_place(make_network):
    class LongOnes(TokenMean):
        def collate(self, example, encode):
            return super().collate(example, encode) if len(example.text) > 3 else None

    heard, console = [], Quiet()
    console.warn = heard.append
    rows = [Example(text=text, origin=Origin("rows.jsonl", 1 + i)) for i, text in enumerate(["a cat", "a", "b"])]
    assert len(offline.make_items(rows, offline.Task("sft", LongOnes(), "default"), make_network(), console)) == 1
    assert heard == ["sft: left out 2 of 3 rows that it cannot learn from, the first rows.jsonl:2"]


def test_reference_logprobs_are_those_of_the_role_asked_for(make_network, stir):
    network = make_network()
    network.adapters.add("reference")
    stir(network, "reference", seed=4)

    def outputs(**settings):
        task = offline.Task("test", TokenMean(), "default", **settings)
        items = offline.make_items([Example(text=t) for t in TEXTS[:3]], task, network, Quiet())
        return offline.outputs(items, task, network)

    def policy(role):
        task = offline.Task("test", TokenMean(), role)
        items = offline.make_items([Example(text=t) for t in TEXTS[:3]], task, network, Quiet())
        return offline.outputs(items, task, network).logprobs

    assert outputs().ref_logprobs is None
    assert torch.equal(outputs(reference="reference").ref_logprobs, policy("reference"))
    assert torch.equal(outputs(reference="").ref_logprobs, policy(None))
