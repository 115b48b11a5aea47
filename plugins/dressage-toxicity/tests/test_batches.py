"""Texts are judged in batches of similar length."""

from dressage_toxicity.batches import by_length


def test_answers_come_in_the_order_of_the_texts():
    assert by_length(["ccc", "a", "bb"], 2, lambda part: [len(text) for text in part]) == [3, 1, 2]


def test_no_batch_is_larger_than_asked_and_the_longest_come_first():
    seen = []
    by_length(["a", "ccc", "bb", "dddd", "eeeee"], 2, lambda part: seen.append(part) or part)
    assert seen == [["eeeee", "dddd"], ["ccc", "bb"], ["a"]]


def test_equal_texts_are_judged_once():
    seen = []
    assert by_length(["a", "b", "a"], 8, lambda part: seen.extend(part) or [t.upper() for t in part]) == ["A", "B", "A"]
    assert sorted(seen) == ["a", "b"]


def test_no_texts_ask_nothing():
    assert by_length([], 2, lambda part: 1 / 0) == []
