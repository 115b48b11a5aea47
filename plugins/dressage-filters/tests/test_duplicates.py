"""Exact and near duplicates: the first stays, and what has no text to compare stays."""

import random

import pytest
from dressage import Context, Drop, Example, Message
from dressage_filters.duplicates import ExactDuplicates
from dressage_filters.near import NearDuplicates, bands, jaccard, shingles
from dressage_filters.options import ExactDuplicatesOptions, NearDuplicatesOptions
from hypothesis import given, settings
from hypothesis import strategies as st


def ask(question, response=None, **fields):
    return Example((Message("user", question),), response, **fields)


def exact(rows, **options):
    return list(ExactDuplicates(ExactDuplicatesOptions(**options), Context()).apply(rows))


def near(rows, **options):
    return list(NearDuplicates(NearDuplicatesOptions(**options), Context()).apply(rows))


def kept(outcomes):
    return [row for row in outcomes if isinstance(row, Example)]


def test_the_first_of_two_equal_rows_stays():
    first, second = ask("q", "a", columns={"n": 1}), ask("q", "a", columns={"n": 2})
    assert exact([first, second]) == [first, Drop(second, "exact duplicate")]


def test_another_answer_is_no_duplicate_unless_only_prompts_are_read():
    rows = [ask("q", "a"), ask("q", "b")]
    assert len(kept(exact(rows))) == 2
    assert len(kept(exact(rows, part="prompt"))) == 1


def test_another_question_is_a_duplicate_where_only_answers_are_read():
    rows = [ask("p", "a"), ask("q", "a")]
    assert len(kept(exact(rows))) == 2
    assert len(kept(exact(rows, part="answer"))) == 1


def test_prompts_without_answers_are_not_all_equal():
    rows = [ask("p"), ask("q")]
    assert kept(exact(rows, part="answer")) == rows
    assert kept(near(rows, part="answer")) == rows


def test_a_turned_comparison_is_no_duplicate():
    rows = [ask("q", chosen="a", rejected="b"), ask("q", chosen="b", rejected="a")]
    assert kept(exact(rows)) == rows


def test_folding_forgets_case_and_space():
    rows = [ask("Why  not?", "Ja"), ask("why not?\n", "ja")]
    assert kept(exact(rows)) == rows
    assert kept(exact(rows, fold=True)) == rows[:1]


def test_fields_do_not_run_into_each_other():
    rows = [ask("q", chosen="ab", rejected="c"), ask("q", chosen="a", rejected="bc")]
    assert kept(exact(rows)) == rows


def test_a_small_change_is_a_near_duplicate():
    text = "The horse walks around the arena twice before it trots, and then it stands still."
    rows = [ask(text), ask(text.replace("twice", "Twice,")), ask("Something else altogether, about the weather.")]
    assert near(rows) == [rows[0], Drop(rows[1], "near duplicate"), rows[2]]


def test_jaccard_by_hand():
    assert jaccard(frozenset("abc"), frozenset("bcd")) == 0.5


def test_shingles_by_hand():
    assert shingles("abcd", 3) == {"abc", "bcd"}
    assert shingles(["a", "b", "c"], 2) == {"a b", "b c"}
    assert shingles("ab", 3) == {"ab"}
    assert shingles("", 3) == frozenset()


def test_the_threshold_is_exact():
    # Words 1..9 and 1..8 plus another: 8 common of 10 single-word shingles.
    first, second = ask("a b c d e f g h i"), ask("a b c d e f g h z")
    assert len(kept(near([first, second], unit="words", size=1, threshold=0.8))) == 1
    assert len(kept(near([first, second], unit="words", size=1, threshold=0.81))) == 2


def test_a_dropped_row_does_not_drop_others():
    # Each is a near duplicate of the one before, the third not of the first: chains do not creep.
    rows = [ask("a b c d e f g h i j"), ask("a b c d e f g h i z"), ask("a b c d e f g h y z")]
    assert kept(near(rows, unit="words", size=1, threshold=0.8)) == [rows[0], rows[2]]


def test_a_system_prompt_makes_nothing_alike():
    system = Message("system", " ".join(f"Rule {i}: {i * i}." for i in range(50)))
    rows = [Example((system, Message("user", text))) for text in ("What is red?", "Who rides?")]
    assert kept(near(rows)) == rows


def test_chinese_rows_compare_by_character():
    rows = [ask("今天天气很好我们去公园散步吧"), ask("今天天气很好我们去公园散步吗"), ask("请告诉我怎么做面包")]
    assert kept(near(rows, unit="words", size=2, threshold=0.7)) == [rows[0], rows[2]]


def test_rows_of_punctuation_compare_too():
    rows = [ask("?!"), ask("?!"), ask("...")]
    assert kept(near(rows, unit="words")) == [rows[0], rows[2]]


@pytest.mark.parametrize(("threshold", "count"), [(1.0, 1), (0.9, 16), (0.8, 32), (0.5, 64), (0.05, 128)])
def test_bands_find_a_pair_at_the_threshold(threshold, count):
    assert bands(threshold, 128) == count


def test_two_hundred_pairs_at_the_threshold_are_all_found():
    draw = random.Random(0)
    rows = []
    for _ in range(200):
        words = [str(draw.random()) for _ in range(18)]
        rows += [ask(" ".join(words)), ask(" ".join([*words[:16], "x", "y"]))]  # 16 common of 20: .8
    assert len(kept(near(rows, unit="words", size=1, threshold=0.8))) == 200


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.text("ab ", max_size=12), st.text("ab ", max_size=12)), max_size=8))
def test_no_row_is_lost_and_a_second_pass_drops_nothing(pairs):
    rows = [ask(*pair) for pair in pairs]
    for filtered in (exact, near):
        outcomes = filtered(rows)
        assert [o.example if isinstance(o, Drop) else o for o in outcomes] == rows
        assert filtered(kept(outcomes)) == kept(outcomes)
