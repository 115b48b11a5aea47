"""The learning tasks: their rewards by hand, and PPO on one seed of each."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
import torch

from benchmarks import learning
from benchmarks.learning import GOAL, LONGEST, NODES, Graph, increasing, learn


@pytest.fixture
def graph():
    """b -> a; c -> b; d -> c and d -> a: from d the goal is one step off, or three through c."""
    made = Graph(0)
    made.next = {"b": ["a"], "c": ["b"], "d": ["a", "c"]}
    made.shortest = {"a": 0, "b": 1, "c": 2, "d": 1}
    return made


@pytest.mark.parametrize(
    ("start", "way", "expected"),
    [
        ("d", "a", 1.0),
        ("c", "ba", 1.0),
        ("d", "cba", 1 - (3 - 1) / (9 - 1)),
        ("d", "cbazz", 0.0),
        ("d", "aa", 0.0),
        ("c", "a", 0.0),
        ("d", "cb", 0.0),
        ("d", "", 0.0),
        ("d", "dcba", 0.0),
    ],
)
def test_a_walk_is_worth_its_optimality(graph, start, way, expected):
    assert graph.optimality(start, way) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("bcdefghi", 1.0), ("bbbbb", 0.125), ("", 0.0), ("bcaq" + "z" * 9, 0.5)],
)
def test_numbers_are_worth_the_share_of_steps_that_go_up(text, expected):
    assert increasing("a", text) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(40))
def test_each_node_has_a_way_to_the_goal_that_can_be_named(seed):
    graph = Graph(seed)
    assert set(graph.shortest) == set(NODES)
    assert max(graph.shortest.values()) <= LONGEST - 2
    for node in NODES[1:]:
        assert graph.shortest[node] == 1 + min(graph.shortest[other] for other in graph.next[node])
        assert graph.optimality(node, shortest_way(graph, node)) == 1.0


def shortest_way(graph, node):
    way = ""
    while node != GOAL:
        node = min(graph.next[node], key=graph.shortest.__getitem__)
        way += node
    return way


def test_a_random_walk_goes_along_edges_and_ends_in_time():
    graph, rng = Graph(1), random.Random(0)
    for walk in (graph.walk(rng) for _ in range(200)):
        assert all(b in graph.next[a] for a, b in pairwise(walk))
        assert walk[-1] == GOAL or len(walk) == LONGEST


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_ppo_does_better_than_the_walks_that_it_has_seen(tmp_path):
    found = learn("random-walks", 0, tmp_path)
    assert found["before"] < 0.8
    assert found["after"] >= 0.9


def test_ppo_learns_to_count_up(tmp_path):
    found = learn("increasing-numbers", 0, tmp_path)
    assert found["before"] < 0.6
    assert found["after"] >= 0.9


RESULTS = {
    "random-walks": {
        "0": {"before": 0.5, "after": 0.95, "curve": [0.5, 0.9]},
        "1": {"before": 0.6, "after": 0.97, "curve": [0.6, 0.8]},
    }
}


def test_a_table_has_a_column_a_seed():
    assert learning.markdown(RESULTS).splitlines() == [
        "| mean reward | seed 0 | seed 1 | median |",
        "|---|---|---|---|",
        "| random-walks: the clone | 0.50 | 0.60 | 0.55 |",
        "| random-walks: after PPO | 0.95 | 0.97 | 0.96 |",
    ]


def test_the_drawing_has_a_line_a_seed():
    from xml.etree import ElementTree

    root = ElementTree.fromstring(learning.drawing(RESULTS))
    assert sum("fill" in path.attrib for path in root.iter("{http://www.w3.org/2000/svg}path")) == 2
