"""The cache with room: what it holds is what a plain one holds, and a step copies nothing of the past."""

from __future__ import annotations

import torch
from dressage.run.cache import RoomyLayer
from transformers.cache_utils import DynamicLayer

HEADS, WIDTH = 2, 4


def pieces(*lengths, batch=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [[torch.randn(batch, HEADS, n, WIDTH, generator=generator) for _ in range(2)] for n in lengths]


def same(one, other):
    return torch.equal(one.keys, other.keys) and torch.equal(one.values, other.values)


def test_it_holds_what_a_plain_layer_holds():
    roomy, plain = RoomyLayer(3), DynamicLayer()
    for keys, values in pieces(5, 1, 1, 1, 1, 4):  # the room ends at 8, and again at 12
        found, expected = roomy.update(keys, values), plain.update(keys, values)
        assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
        assert roomy.get_seq_length() == plain.get_seq_length()


def test_rows_are_repeated_and_chosen_as_in_a_plain_layer():
    roomy, plain = RoomyLayer(2), DynamicLayer()
    for layer in (roomy, plain):
        (first,) = pieces(4, batch=1)
        layer.update(*first)
        layer.batch_repeat_interleave(3)
        for keys, values in pieces(2, 1, seed=1):
            layer.update(keys, values)
        layer.batch_select_indices(torch.tensor([0, 2]))
        for keys, values in pieces(1, 1, batch=2, seed=2):
            layer.update(keys, values)
    assert same(roomy, plain)


def test_a_token_more_moves_none_before_it():
    layer = RoomyLayer(4)
    first, *more = pieces(5, 1, 1, 1, 1)
    layer.update(*first)
    places = {layer.keys.data_ptr()}
    for keys, values in more:
        layer.update(keys, values)
        places.add(layer.keys.data_ptr())
    assert len(places) == 1


def test_sampling_uses_it(make_network):
    assert {type(layer) for layer in make_network("llama").cache(4).layers} == {RoomyLayer}
