"""Which sequences share a pass: every one once, within the budget, the largest pass first, little of it padding."""

from __future__ import annotations

import random
from itertools import pairwise

from dressage.run import batching, offline
from dressage.spec.types import Tokens
from hypothesis import given
from hypothesis import strategies as st

SEQUENCES = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=40), min_size=1, max_size=60)


@given(SEQUENCES, st.integers(1, 400), st.integers(1, 2))
def test_parts_have_every_sequence_once_within_the_budget_the_largest_first(sequences, budget, an_item):
    found = batching.parts(sequences, budget, an_item=an_item)
    assert sorted(i for part in found for i in part) == list(range(len(sequences)))
    sizes = [len(part) * max(len(sequences[i]) for i in part) for part in found]
    assert sizes == sorted(sizes, reverse=True)
    assert all(an_item * size <= budget or len(part) == 1 for size, part in zip(sizes, found, strict=True))


@given(SEQUENCES, st.integers(1, 400))
def test_no_two_neighbouring_parts_would_fit_in_one(sequences, budget):
    """So that none is smaller than it must be, whatever the order of lengths."""
    alike = [[i, *s] for i, s in enumerate(sequences)]
    found = sorted(batching.parts(alike, budget), key=lambda part: max(len(alike[i]) for i in part))
    for small, large in pairwise(found):
        assert (len(large) + 1) * max(len(alike[i]) for i in [*small, *large]) > budget


def test_as_many_of_the_longest_as_the_budget_was_made_for_and_more_of_shorter_ones():
    lengths = [100] * 4 + [50] * 8 + [10] * 40
    sequences = [[i] * n for i, n in enumerate(lengths)]
    assert [len(part) for part in batching.parts(sequences, 4 * 100)] == [4, 8, 40]


def test_beginnings_that_differ_leave_the_order_to_the_lengths():
    rng = random.Random(0)
    texts = [[rng.randrange(1000) for _ in range(n)] for n in (30, 9, 21, 14, 9, 40)]
    assert [len(texts[i]) for i in batching.in_order(texts)] == [9, 9, 14, 21, 30, 40]


def test_many_of_one_beginning_stay_together_whatever_their_length():
    chat = [[7] * 8 + [i] * (1 + 3 * i) for i in range(batching.MANY)]
    texts = [[i] * (9 + 3 * i) for i in range(10, 20)]
    order = batching.in_order([*chat, *texts])
    places = [order.index(i) for i in range(len(chat))]
    assert places == list(range(places[0], places[0] + len(chat)))
    few = batching.in_order([*chat[1:], *texts])
    lengths = [len([*chat[1:], *texts][i]) for i in few]
    assert lengths == sorted(lengths)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=200), st.integers(1, 16), st.integers(0, 5))
def test_an_epoch_begins_with_the_step_that_takes_the_most_memory(lengths, size, seed):
    items = [offline.Item((Tokens((1,) * n, (True,) * n),)) for n in lengths]
    found = offline.batches(items, size, random.Random(seed))
    sizes = [len(part) * max(len(item.longest) for item in part) for part in found]
    assert sizes[0] == max(sizes)
    assert sorted(id(item) for part in found for item in part) == sorted(map(id, items))


def test_a_budget_is_so_many_of_the_longest_item_with_all_its_sequences():
    pair = offline.Item((Tokens((1,) * 5, (True,) * 5), Tokens((1,) * 9, (True,) * 9)))
    single = offline.Item((Tokens((1,) * 12, (True,) * 12),))
    assert offline.budget([pair, single], 4) == offline.Budget(4, 4 * 2 * 9)
    assert offline.budget([], 4).tokens == 0


@given(SEQUENCES, st.integers(1, 400), st.integers(1, 5))
def test_a_part_has_no_more_than_so_many(sequences, budget, most):
    assert all(len(part) <= most for part in batching.parts(sequences, budget, most=most))
