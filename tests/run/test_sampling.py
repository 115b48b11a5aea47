"""Sampled replies: against transformers' own, whatever batch they stand in, and what is recorded of them."""

from __future__ import annotations

import pytest
import torch
from dressage.run import sampling
from dressage.run.sampling import Sampling, sample

GREEDY = Sampling(12, 0.0)


@pytest.fixture
def network(architecture, make_network):
    return make_network(architecture)


@pytest.fixture
def prompts(ids):
    return [ids(length, seed) for seed, length in enumerate((5, 9, 2, 17, 9))]


def drawn(network, prompts, settings=GREEDY, seed=0, **options):
    return sample(network, prompts, settings, generator=torch.Generator().manual_seed(seed), **options)


def replies(samples):
    return [s.ids for s in samples]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_an_adapter_that_changes_nothing_samples_as_the_bare_base(make_network, architecture, prompts, dtype):
    network = make_network(architecture, stirred=False, dtype=dtype)
    settings = Sampling(12)
    merged, bare = (drawn(network, prompts, settings, role=role) for role in ("default", None))
    assert [(s.ids, s.logprobs) for s in merged] == [(s.ids, s.logprobs) for s in bare]


def stop_at(network, token):
    """Makes a token that the model likes end a reply."""
    network.encoder.stop_ids = frozenset({*network.encoder.stop_ids, token})


def trained_logprobs(network, found, temperature=1.0):
    """Of one sample's tokens, from a pass of its own."""
    batch = network.pad([found.prompt + found.ids])
    hidden = network.hidden(batch, "default")[:, len(found.prompt) - 1 : -1]
    with torch.no_grad():
        return network.logprobs(hidden, torch.tensor([found.ids]), temperature=temperature)[0][0]


def generated(network, prompts, tokens):
    """What `transformers` makes of left-padded prompts, cut after the first stop token."""
    width = max(len(p) for p in prompts)
    pad = network.encoder.pad_id
    ids = torch.tensor([[pad] * (width - len(p)) + list(p) for p in prompts])
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
    stops = sorted(network.encoder.stop_ids)
    with network.adapters.use("default"):
        out = network.base.model.generate(
            input_ids=ids, attention_mask=mask, do_sample=False, max_new_tokens=tokens, eos_token_id=stops,
            pad_token_id=pad,
        )  # fmt: skip
    rows = out[:, width:].tolist()
    ends = [next((i + 1 for i, token in enumerate(row) if token in stops), len(row)) for row in rows]
    return [tuple(row[:end]) for row, end in zip(rows, ends, strict=True)]


def test_greedy_replies_are_those_of_transformers(network, prompts):
    stop_at(network, drawn(network, prompts[:1])[0].ids[6])
    found = replies(drawn(network, prompts))
    assert found == generated(network, prompts, 12)
    assert len({len(reply) for reply in found}) > 1


def test_replies_do_not_depend_on_the_batch(network, prompts):
    together = replies(drawn(network, prompts))
    assert together == [replies(drawn(network, [prompt]))[0] for prompt in prompts]
    assert together == replies(drawn(network, prompts, Sampling(12, 0.0, batch=2)))


def test_replies_to_prompts_beyond_a_sliding_window_do_not_depend_on_the_batch(make_network, ids):
    network, prompts = make_network("gemma2"), [ids(length, length) for length in (100, 61, 77)]
    assert replies(drawn(network, prompts)) == [replies(drawn(network, [prompt]))[0] for prompt in prompts]


def test_the_batch_of_the_longest_prompts_is_sampled_first(make_network, ids, monkeypatch):
    """It takes the most memory."""
    asked, read = [], sampling._Batch._read_prompts
    monkeypatch.setattr(sampling._Batch, "_read_prompts", lambda self: asked.append(self.prompts) or read(self))
    drawn(make_network(), [ids(n, n) for n in (4, 9, 6, 5)], Sampling(2, 0.0, batch=2))
    assert [[len(prompt) for prompt in batch] for batch in asked] == [[9, 6], [5, 4]]


def test_replies_stand_in_the_order_of_the_prompts(make_network, prompts):
    assert [s.prompt for s in drawn(make_network(), prompts, Sampling(2, 0.0, batch=2))] == prompts


@pytest.mark.parametrize("length", [8, 90])
def test_a_shared_prefix_changes_nothing(network, ids, monkeypatch, length):
    """90 tokens are more than the sliding window of gemma2, which is 64."""
    prompts = [ids(length, 7) + ids(rest, rest) for rest in (1, 6, 3)]
    shared = drawn(network, prompts, keep_states=True)
    monkeypatch.setattr(sampling, "SHARED", 1000)
    plain = drawn(network, prompts, keep_states=True)
    assert replies(shared) == replies(plain)
    for one, other in zip(shared, plain, strict=True):
        assert torch.allclose(torch.tensor(one.logprobs), torch.tensor(other.logprobs), atol=1e-4)
        assert torch.allclose(one.states, other.states, atol=1e-4)


def test_prompts_that_are_all_alike_are_answered_alike(network, ids):
    assert len({s.ids for s in drawn(network, [ids(20)] * 3)}) == 1


def test_a_stop_token_ends_a_reply_and_belongs_to_it(make_network, prompts):
    network = make_network()
    free = drawn(network, prompts)[3].ids
    stop_at(network, free[4])
    stopped = drawn(network, prompts)[3]
    assert stopped.ids == free[: free.index(free[4]) + 1]
    assert stopped.finished


def test_the_limit_ends_a_reply_that_does_not_finish(make_network, prompts):
    found = drawn(make_network(), prompts)
    assert {len(s.ids) for s in found} == {12}
    assert not any(s.finished for s in found)


def test_a_stop_token_at_the_limit_is_finished(make_network, prompts):
    network = make_network()
    free = drawn(network, prompts[:1])[0].ids
    assert free[3] not in free[:3]
    stop_at(network, free[3])
    found = drawn(network, prompts[:1], Sampling(4, 0.0))[0]
    assert (found.ids, found.finished) == (free[:4], True)


def test_stop_tokens_of_the_prompt_do_not_end_the_reply(make_network, ids):
    network = make_network()
    eos, pad = network.encoder.eos_id, network.encoder.pad_id
    found = drawn(network, [(*ids(3), eos, *ids(3, 1), eos), (pad, eos, pad), (eos,)])
    assert [len(s.ids) for s in found] == [12, 12, 12]


@pytest.mark.parametrize("prefix", [0, 10])
def test_kept_states_are_those_of_the_trunk(network, prompts, ids, prefix):
    prompts = [ids(prefix, 99) + p for p in prompts]
    stop_at(network, drawn(network, prompts[:1])[0].ids[3])
    found = drawn(network, prompts, keep_states=True)
    assert len({len(s.ids) for s in found}) > 1
    for s in found:
        whole = s.prompt + s.ids
        assert s.states.shape == (len(whole), network.width)
        assert torch.allclose(s.states, network.trunk(network.pad([whole]))[0], atol=1e-4)


def test_no_states_are_kept_unasked(make_network, prompts):
    assert all(s.states is None for s in drawn(make_network(), prompts))


def test_no_states_are_kept_where_all_layers_are_trained(make_network, prompts):
    assert all(s.states is None for s in drawn(make_network(layers=None), prompts, keep_states=True))


def test_keeping_states_changes_no_reply(make_network, prompts):
    network = make_network()
    plain, kept = (drawn(network, prompts, Sampling(6), seed=3, keep_states=keep) for keep in (False, True))
    assert replies(plain) == replies(kept)


@pytest.mark.parametrize("merge", [True, False])
@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_recorded_logprobs_are_those_of_the_trained_policy(network, prompts, temperature, merge):
    for s in drawn(network, prompts, Sampling(8, temperature), merge=merge):
        expected = trained_logprobs(network, s, temperature)
        assert torch.allclose(torch.tensor(s.logprobs), expected, atol=1e-4)


def test_a_role_is_sampled_from(make_network, stir, prompts):
    network = make_network()
    network.adapters.add("other")
    stir(network, "other", seed=5)
    assert len({tuple(replies(drawn(network, prompts, role=role))) for role in ("default", "other", None)}) == 3


def test_the_same_generator_gives_the_same_replies(make_network, prompts):
    network = make_network()
    first, again, other = (replies(drawn(network, prompts, Sampling(6), seed=seed)) for seed in (1, 1, 2))
    assert first == again != other


def test_rows_that_are_done_are_counted(make_network, prompts):
    ticks = []
    drawn(make_network(), prompts, Sampling(2, 0.0, batch=2), tick=ticks.append)
    assert ticks == [2, 2, 1]


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_frequencies_match_the_probabilities(make_network, ids, temperature):
    network, kept = make_network(), [30, 40, 50, 60, 70, 80]
    network.transform = lambda logits: torch.full_like(logits, -torch.inf).index_copy(-1, index, logits[..., index])
    index = torch.tensor(kept)
    count, prompt = 6000, ids(6)
    found = drawn(network, [prompt] * count, Sampling(1, temperature, batch=2000))
    states = network.hidden(network.pad([prompt]), "default")[0, -1]
    with torch.no_grad():
        expected = (network.logits(states)[index] / temperature).softmax(-1) * count
    seen = torch.tensor([sum(s.ids == (token,) for s in found) for token in kept])
    assert int(seen.sum()) == count
    assert float(expected.min()) > 20
    assert float(((seen - expected) ** 2 / expected).sum()) < 20.5  # chi-square of 5 degrees, p = .001
