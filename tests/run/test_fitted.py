"""A fitted reward: learns from pairs, scores the sampled tokens themselves, and comes back from a checkpoint."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from dressage import ops
from dressage.run import checkpoint, fitted, offline
from dressage.run.fitted import Fitted, _calibration, _summary
from dressage.run.sampling import Sampling, sample
from dressage.spec.components import Context, FittedReward
from dressage.spec.console import Quiet
from dressage.spec.options import NoOptions
from dressage.spec.plan import RewardPlan
from dressage.spec.policy import Losses
from dressage.spec.sections import UpdateConfig
from dressage.spec.types import Batch, Example, Message, Prompt, Tokens


class Pairs(FittedReward[NoOptions]):
    def collate(self, example, encode):
        prompt = encode.prompt(example.prompt)
        answers = [encode.answer(text) for text in (example.chosen, example.rejected)]
        return tuple(Tokens(prompt + a, (False,) * len(prompt) + (True,) * len(a)) for a in answers)

    def loss(self, outputs):
        chosen, rejected = outputs.scores[:, 0], outputs.scores[:, 1]
        return Losses(ops.bradley_terry(chosen, rejected), {"accuracy": (chosen > rejected).float().mean()})


PAIRS = [
    Example((Message("user", f"question {i}?"),), chosen=f"I'm sorry {i}", rejected=f"the quick brown {i}")
    for i in range(40)
]
ASKED = [Prompt((Message("user", "why " * (i % 3) + f"this {i}?"),)) for i in range(5)]


@pytest.fixture
def make(make_network, planned):
    def make(seed=0, base=None, **adapter):
        network = make_network(**adapter)
        reward = Pairs(NoOptions(), Context("pairs"))
        reward.base = base
        update = UpdateConfig(batch=8, learning_rate=3e-3)
        return Fitted(RewardPlan(planned(Pairs, "pairs", "stages.1.rewards.0"), update=update, epochs=2), reward,
                      network, seed)  # fmt: skip

    return make


@pytest.fixture
def make_bilinear(make_network, planned):
    def make(seed=0, base=None, **adapter):
        reward = Pairs(NoOptions(), Context("pairs"))
        reward.base, reward.head = base, "bilinear"
        update = UpdateConfig(batch=8, learning_rate=3e-2)
        plan = RewardPlan(planned(Pairs, "pairs", "stages.1.rewards.0"), update=update, epochs=5)
        return Fitted(plan, reward, make_network(**adapter), seed)

    return make


def fit(model):
    return model.fit(PAIRS, Quiet(), lambda: None)


def rollout(model, keep=True):
    ids = [model.network.encoder.encode(prompt) for prompt in ASKED]
    samples = sample(model.network, ids, Sampling(5), generator=torch.Generator().manual_seed(0), keep_states=keep)
    return Batch(tuple(ASKED), tuple(model.network.encoder.decode(s.ids) for s in samples)), samples


def test_it_learns_the_preference(make):
    found = fit(make())
    assert found["pairs"] == 40
    assert found["accuracy"]["value"] == 1.0
    assert found["accuracy"]["n"] == 4
    assert found["loss"] < 0.3


def test_nothing_is_measured_where_nothing_is_held_out(make):
    found = make().fit(PAIRS[:19], Quiet(), lambda: None)
    assert found == {"accuracy": None, "ece": None, "loss": None, "pairs": 19}


def test_the_loss_is_that_of_the_held_out_pairs(make, monkeypatch):
    asked, given = [], fitted.offline.held_out_numbers
    monkeypatch.setattr(fitted.offline, "held_out_numbers", lambda *a: (asked.append(a[0]), given(*a))[1])
    model = make()
    found = fit(model)
    (held,) = asked
    assert len(held) == 4
    task = offline.Task("pairs", model.reward, model.role, unit="item", head=model.head)
    scores = offline.outputs(held, task, model.network).scores
    assert found["loss"] == pytest.approx(float(ops.bradley_terry(scores[:, 0], scores[:, 1])), abs=1e-5)


def test_it_can_be_stopped_between_batches(make):
    asked = []

    def check_stop():
        asked.append(1)
        if len(asked) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make().fit(PAIRS, Quiet(), check_stop)


def test_it_starts_from_the_policy(make, monkeypatch):
    model, seen = make(), {}
    adapters = model.network.adapters
    with torch.no_grad():
        for number, weight in enumerate(adapters.parameters("default")):
            weight.fill_(0.001 * (number + 1))
    monkeypatch.setattr(fitted.offline, "keep_states", lambda *_: seen.update(adapters.state(model.role)))
    fit(model)
    policy = adapters.state("default")
    assert seen.keys() == policy.keys()
    assert all(torch.equal(seen[path], policy[path]) for path in policy)


def test_the_policy_is_left_alone(make):
    model = make()
    before = model.network.adapters.state("default")
    fit(model)
    after = model.network.adapters.state("default")
    assert all(torch.equal(before[path], after[path]) for path in before)
    assert model.network.adapters.names == ["default", "reward-stages-1-rewards-0"]


@pytest.mark.parametrize("head", ["make", "make_bilinear"])
def test_scores_have_mean_zero_on_what_was_learnt_from(head, request):
    """36 of the 40 pairs are learnt from; the rest hardly moves the mean."""
    model = request.getfixturevalue(head)()
    fit(model)
    answers = [text for pair in PAIRS for text in (pair.chosen, pair.rejected)]
    model.reward.base = "."  # encoded anew, not the sampled tokens
    prompts = tuple(Prompt(pair.prompt) for pair in PAIRS for _ in (0, 1))
    scores = model.score(Batch(prompts, tuple(answers)), [], list(range(80)))
    assert max(scores) - min(scores) > 1
    assert sum(scores) / 80 == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize("layers", [2, None])
def test_scores_are_the_heads_at_the_last_sampled_token(make, layers):
    model = make(layers=layers)
    fit(model)
    batch, samples = rollout(model)
    found = model.score(batch, samples, [4, 0, 2])
    for row, score in zip([4, 0, 2], found, strict=True):
        network = model.network
        padded = network.pad([samples[row].prompt + samples[row].ids])
        with torch.no_grad():
            expected = model.head(network.hidden(padded, model.role)[0, -1])[0] - model.shift
        assert score == pytest.approx(float(expected), abs=1e-4)


def test_sampled_tokens_are_not_encoded_again(make):
    """A reply that decodes to the same text as another has its own score."""
    model = make()
    fit(model)
    batch, samples = rollout(model)
    same_text = Batch(batch.prompts, ("x",) * 5)
    assert model.score(same_text, samples, range(5)) == model.score(batch, samples, range(5))


def test_a_base_of_its_own_encodes_prompt_and_reply(make):
    model = make(base="other")
    encoder = model.network.encoder
    batch = Batch((ASKED[0], Prompt(text="Once ")), ("yes", "upon a time"))
    assert model._encode(batch, 0) == (encoder.prompt(ASKED[0].messages), encoder.answer("yes"))
    prompt, reply = model._encode(batch, 1)
    assert prompt == encoder.plain("Once ")
    assert prompt + reply == encoder.plain("Once upon a time")


def test_a_base_of_its_own_closes_only_a_reply_that_ended(make):
    model = make(base="other")
    encoder = model.network.encoder
    batch = Batch((ASKED[0],) * 2, ("yes",) * 2, (True, False))
    closed, open_ = (model._encode(batch, row) for row in (0, 1))
    assert closed == (open_[0], open_[1] + encoder.answer("")[-1:])


def test_a_base_of_its_own_takes_the_end_of_what_is_too_long(make):
    model = make(base="other")
    prompt, reply = model._encode(Batch((ASKED[2],), ("yes",)), 0)
    model.network.encoder.limit = len(prompt + reply) - 3
    assert model._encode(Batch((ASKED[2],), ("yes",)), 0) == (prompt[3:], reply)
    text = Batch((Prompt(text="Once " * 40),), ("upon",))
    assert len(sum(model._encode(text, 0), ())) == len(prompt + reply) - 3
    model.network.encoder.limit = 2
    assert model._encode(Batch((ASKED[2],), ("yes",)), 0) == ((), reply[-2:])


def test_one_seed_gives_one_reward(make):
    first, again, other = make(), make(), make(seed=1)
    for model in (first, again, other):
        fit(model)
    first, again, other = (model.tensors() for model in (first, again, other))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])


def test_the_first_weights_do_not_depend_on_what_was_drawn_before(make_network, planned):
    found = []
    for drawn in (0, 7):
        network = make_network()
        torch.rand(drawn)
        model = Fitted(RewardPlan(planned(Pairs, "pairs")), Pairs(NoOptions(), Context()), network, 0)
        found.append(model.tensors())
    assert all(torch.equal(found[0][key], found[1][key]) for key in found[0])


@pytest.mark.parametrize("head", ["make", "make_bilinear"])
def test_it_comes_back_from_a_checkpoint(head, tmp_path, request):
    make = request.getfixturevalue(head)
    first, second = make(), make(seed=9)
    fit(first)
    checkpoint.save(tmp_path, 1, first.tensors())
    second.load_tensors(checkpoint.load_latest(tmp_path, Quiet()))
    batch, samples = rollout(first)
    assert second.score(batch, samples, range(5)) == first.score(batch, samples, range(5))
    assert second.shift == first.shift


CROSSED = [
    Example((Message("user", f"{ask} number {i}?"),), chosen=pair[0], rejected=pair[1])
    for i in range(40)
    for ask, pair in (("may I", ("I'm sorry", "the quick brown")), ("why not", ("the quick brown", "I'm sorry")))
]
"""Which answer is the better hangs on the prompt: no score of the answer alone gets more than half of them right."""


def test_a_bilinear_head_learns_which_answer_a_prompt_wants(make_bilinear):
    found = make_bilinear().fit(CROSSED, Quiet(), lambda: None)
    assert found["accuracy"]["value"] == 1.0
    assert found["accuracy"]["n"] == 8


def test_a_bilinear_head_says_that_it_does_not_pack(make_bilinear):
    warned = []
    console = Quiet()
    console.warn = warned.append
    model = make_bilinear()
    for packing in (False, True):
        model.plan = replace(model.plan, update=UpdateConfig(batch=8, packing=packing))
        model.fit(PAIRS, console, lambda: None)
    assert [text.split(":")[0] for text in warned] == ["pairs"]
    assert "packing" in warned[0]


def test_a_bilinear_head_has_no_adapter_and_leaves_the_policy_alone(make_bilinear):
    model = make_bilinear()
    before = model.network.adapters.state("default")
    fit(model)
    after = model.network.adapters.state("default")
    assert all(torch.equal(before[path], after[path]) for path in before)
    assert model.network.adapters.names == ["default"]
    assert all(key.startswith("head.") or key == "shift" for key in model.tensors())


@pytest.mark.parametrize("layers", [1, None], ids=["frozen-trunk", "all-layers-trained"])
def test_a_bilinear_heads_scores_do_not_move_with_the_policy(make_bilinear, layers):
    model = make_bilinear(layers=layers)
    fit(model)
    batch, samples = rollout(model, keep=False)
    before = model.score(batch, samples, range(5))
    with torch.no_grad():
        for weight in model.network.adapters.parameters("default"):
            weight.add_(0.05)
    assert model.score(batch, samples, range(5)) == before
    assert len(set(before)) == 5


def test_a_bilinear_head_scores_kept_states_as_it_scores_tokens(make_bilinear):
    model = make_bilinear(layers=1)
    fit(model)
    batch, samples = rollout(model)
    assert all(s.states is not None for s in samples)
    _, without = rollout(model, keep=False)
    torch.testing.assert_close(
        torch.tensor(model.score(batch, samples, range(5))), torch.tensor(model.score(batch, without, range(5)))
    )


def test_a_bilinear_head_runs_no_layer_where_states_are_kept(make_bilinear, monkeypatch):
    model = make_bilinear(layers=1)
    fit(model)
    batch, samples = rollout(model)
    for name in ("trunk", "hidden"):
        monkeypatch.setattr(model.network, name, lambda *_: pytest.fail("a layer was run"))
    assert len(model.score(batch, samples, range(5))) == 5


@pytest.mark.parametrize("keep", [True, False])
def test_a_bilinear_score_is_the_heads_of_the_prompts_end_and_the_replys_mean(make_bilinear, keep):
    model = make_bilinear(layers=1)
    fit(model)
    batch, samples = rollout(model, keep=keep)
    for sampled, score in zip(samples, model.score(batch, samples, range(5)), strict=True):
        asked = len(sampled.prompt)
        states = model.network.frozen(model.network.pad([sampled.prompt + sampled.ids]))[0]
        summed = torch.stack([states[asked - 1], states[asked:].mean(0)])
        assert score == pytest.approx(float(model.head(summed[None])) - model.shift, abs=1e-4)


def test_a_bilinear_head_on_a_base_of_its_own_scores_the_text(make_bilinear):
    model = make_bilinear(base="other")
    fit(model)
    batch, samples = rollout(model)
    other = Batch(batch.prompts, ("I'm sorry 1", *batch.responses[1:]))
    ours, changed = (model.score(b, samples, range(5)) for b in (batch, other))
    assert ours[1:] == pytest.approx(changed[1:], abs=1e-5)
    assert ours[0] != changed[0]


def test_accuracy_has_wilsons_interval():
    """3 of 4: 0.3006 to 0.9544."""
    found = _summary([1.0, 2.0, -1.0, 0.5], 0.4, pairs=40)
    assert found["accuracy"] == pytest.approx({"value": 0.75, "low": 0.3006, "high": 0.9544, "n": 4}, abs=1e-4)
    assert (found["loss"], found["pairs"]) == (0.4, 40)


def test_calibration_is_the_gap_between_confidence_and_accuracy():
    """sigmoid(1.5) = .8176 twice, one right: |1.6352 - 1| / 3; sigmoid(0.2) = .5498, right: .4502 / 3."""
    assert _calibration([1.5, -1.5, 0.2]) == pytest.approx((0.63515 + 0.45017) / 3, abs=1e-4)
    assert _calibration([]) == 0.0
