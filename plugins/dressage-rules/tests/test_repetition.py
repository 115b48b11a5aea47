"""Repetition: the share of n-grams that occurred before."""

import pytest
from dressage import Batch, Context, Prompt
from dressage_rules.options import RepetitionOptions
from dressage_rules.repetition import Repetition
from hypothesis import given
from hypothesis import strategies as st


def score(response, **options):
    batch = Batch((Prompt(text="q"),), (response,))
    return Repetition(RepetitionOptions(**options), Context()).score(batch)[0]


def test_a_loop_of_one_word_is_almost_one():
    assert score("no no no no no no", n=3) == pytest.approx(3 / 4)


def test_distinct_words_do_not_repeat():
    assert score("every word here differs from the next") == 0


def test_bigrams_by_hand():
    assert score("a b a b a", n=2) == pytest.approx(1 - 2 / 4)


def test_case_does_not_hide_a_repeat():
    assert score("Go on go ON", n=2) == pytest.approx(1 / 3)


def test_punctuation_loops_count():
    assert score("!!!!!!", n=3) == pytest.approx(3 / 4)


def test_emoji_loops_count():
    assert score("😀😀😀😀", n=2) == pytest.approx(2 / 3)


def test_chinese_repeats_by_character():
    assert score("好的好的好的", n=2) == pytest.approx(1 - 2 / 5)


def test_arabic_repeats_by_word():
    assert score("نعم نعم نعم", n=1) == pytest.approx(2 / 3)


def test_characters_when_asked():
    assert score("abab", n=2, unit="characters") == pytest.approx(1 / 3)


@pytest.mark.parametrize("text", ["", "two words", " \n"])
def test_a_response_shorter_than_n_does_not_repeat(text):
    assert score(text, n=3) == 0


def test_less_of_it_is_better():
    assert Repetition.goal == "min"


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=20))
def test_saying_it_twice_never_repeats_single_words_less(units):
    """Of longer n-grams it may: those across the seam can all be new."""
    once = " ".join(units)
    assert score(f"{once} {once}", n=1) >= score(once, n=1) - 1e-12
