"""Packed rows: sequences end to end in one row give what padded rows give, and none sees another."""

from __future__ import annotations

import pytest
import torch
from dressage import ops
from dressage.run import offline
from dressage.run.base import load_base
from dressage.run.network import Network
from dressage.run.packing import check_packing
from dressage.spec.console import Quiet
from dressage.spec.errors import ModelError
from dressage.spec.policy import Losses
from dressage.spec.sections import AdapterConfig, ModelConfig
from dressage.spec.types import Example, Tokens
from dressage.testing.model import tiny_tokenizer

TEXTS = ["a", "two words", "the quick brown fox jumps over the dog", "!", "rather long " * 5, "b c d"]


class Pairs:
    """Two sequences an item, of which everything after the first token is learnt."""

    def collate(self, example, encode):
        sequences = (encode.plain(example.text), encode.plain(example.text[::-1] + " and back"))
        return tuple(Tokens(ids, (False,) + (True,) * (len(ids) - 1)) for ids in sequences)

    def loss(self, outputs):
        return Losses(-ops.masked_mean(outputs.logprobs, outputs.mask))


@pytest.fixture
def both(make_network, architecture):
    """A network, its items, and a padded and a packed task on them."""
    network = make_network(architecture)
    tasks = [offline.Task("test", Pairs(), "default", reference="", packing=packing) for packing in (False, True)]
    return network, offline.make_items([Example(text=text) for text in TEXTS], tasks[0], network, Quiet()), tasks


def test_packed_and_padded_give_the_same(both):
    network, items, tasks = both
    padded, packed = (offline.outputs(items, task, network) for task in tasks)
    assert torch.equal(packed.mask, padded.mask)
    for name in ("logprobs", "ref_logprobs"):
        torch.testing.assert_close(getattr(packed, name), getattr(padded, name), rtol=1e-4, atol=1e-5)


def test_the_gradients_are_the_same(both):
    network, items, tasks = both
    parameters = network.adapters.parameters("default")
    padded, packed = (
        torch.cat([g.flatten() for g in torch.autograd.grad(offline._loss(items, task, network).loss, parameters)])
        for task in tasks
    )
    assert (packed - padded).norm() <= 1e-4 * padded.norm()


def test_kept_states_are_packed_too(both):
    network, items, tasks = both
    before = offline.outputs(items, tasks[1], network).logprobs
    offline.keep_states(items, network, Quiet(), "test")
    assert all(len(item.states) == 2 for item in items) == network.keeps_states
    torch.testing.assert_close(offline.outputs(items, tasks[1], network).logprobs, before, rtol=1e-4, atol=1e-5)


def test_no_sequence_sees_another(make_network, ids, architecture):
    """The first sequence is changed; not a bit of the second's states may move."""
    network = make_network(architecture)
    second = ids(9, seed=2)
    states = [network.hidden(network.pack([ids(7, seed=seed), second]), "default")[0, 7:] for seed in (3, 4)]
    assert torch.equal(*states)


@pytest.fixture
def opt(tmp_path):
    """A network on an architecture that overlooks position numbers that start again."""
    from transformers import AutoConfig, AutoModelForCausalLM

    tokenizer = tiny_tokenizer()
    tokenizer.save_pretrained(tmp_path)
    config = AutoConfig.for_model("opt", vocab_size=len(tokenizer), hidden_size=32, word_embed_proj_dim=32, ffn_dim=64,
                                  num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=64)  # fmt: skip
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    base = load_base(ModelConfig(base=str(tmp_path), device="cpu", dtype="float32"), cache=tmp_path, folder=tmp_path)
    return Network(base, AdapterConfig(r=4))


def test_a_model_that_lets_packed_sequences_see_each_other_is_refused(opt):
    padded, packed = (offline.Task("test", Pairs(), "default", packing=packing) for packing in (False, True))
    rows = [Example(text=text) for text in TEXTS]
    assert offline.make_items(rows, padded, opt, Quiet())
    with pytest.raises(ModelError, match=r"update\.packing: OPTForCausalLM does not keep packed sequences apart"):
        offline.make_items(rows, packed, opt, Quiet())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_model_that_keeps_them_apart_is_not(make_network, architecture, dtype):
    check_packing(make_network(architecture, dtype=dtype))


def test_a_head_reads_the_last_token_of_each(make_network, ids):
    network = make_network()
    head = torch.nn.Linear(network.width, 1)
    items = [offline.Item(tuple(Tokens(ids(n, seed=n), (True,) * n) for n in pair)) for pair in ((5, 9), (3, 4))]
    padded, packed = (
        offline.outputs(items, offline.Task("test", Pairs(), "default", head=head, packing=packing), network).scores
        for packing in (False, True)
    )
    assert packed.shape == (2, 2)
    torch.testing.assert_close(packed, padded, rtol=1e-4, atol=1e-5)
