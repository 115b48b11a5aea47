"""Pattern: words, expressions, modes and spans."""

import pytest
from dressage import Batch, Context, DataError, Prompt, Span
from dressage_rules.options import PatternOptions
from dressage_rules.pattern import Pattern
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError


def score(response, folder=None, **options):
    batch = Batch((Prompt(text="q"),), (response,))
    context = Context(folder=folder) if folder else Context()
    return Pattern(PatternOptions(**options), context).score(batch)[0]


def test_share_is_of_characters():
    assert score("damn it ok", words=["damn"]) == pytest.approx(0.4)


def test_count_counts_every_match():
    assert score("damn, DAMN and damnation", words=["damn"], mode="count") == 2


def test_any_is_zero_or_one():
    assert score("fine", words=["damn"], mode="any") == 0
    assert score("damn", words=["damn"], mode="any") == 1


def test_parts_of_words_match_when_asked():
    assert score("damnation", words=["damn"], whole_word=False, mode="count") == 1


def test_case_counts_when_asked():
    assert score("Damn", words=["damn"], ignore_case=False, mode="any") == 0


def test_a_chinese_word_matches_inside_a_sentence():
    assert score("这是坏蛋的话", words=["坏蛋"], mode="count") == 1


def test_a_hebrew_word_matches_whole():
    assert score("שלום עולם", words=["שלום"], mode="count") == 1
    assert score("ושלומות", words=["שלום"], mode="count") == 0


def test_a_word_with_punctuation_is_literal():
    assert score("I like C++ and c.", words=["c++"], mode="count") == 1


def test_the_longer_of_two_words_wins():
    assert score("hot dog", words=["hot", "hot dog"], mode="count") == 1


def test_a_phrase_matches_over_a_line_break():
    assert score("shut\n up", words=["shut up"], mode="any") == 1


def test_overlapping_expressions_count_once():
    assert score("abcd", patterns=["abc", "bcd"], mode="count") == 1


def test_the_longer_of_two_expressions_wins():
    assert score("abcd", patterns=["a", "ab", "abc"]) == pytest.approx(0.75)


def test_an_expression_that_matches_nothing_long_counts_nothing():
    assert score("bbb", patterns=["a*"], mode="count") == 0


def test_expressions_and_words_work_together():
    assert score("call 555 now, idiot", patterns=[r"\d{3}"], words=["idiot"], mode="count") == 2


def test_spans_give_places():
    assert score("oh damn!", words=["damn"], spans=True) == (Span(3, 7, 1.0),)
    assert score("oh", words=["damn"], spans=True) == ()


def test_the_goal_can_be_turned():
    assert Pattern(PatternOptions(words=["sorry"], goal="max"), Context()).goal == "max"
    assert Pattern(PatternOptions(words=["sorry"]), Context()).goal == "min"


def test_a_word_list_is_read_from_the_folder_of_the_yaml(tmp_path):
    (tmp_path / "bad.txt").write_text("\ufeff# a comment\n\ndarn\nheck \n", encoding="utf-8")
    assert score("heck, darn; a comment", tmp_path, file="bad.txt", mode="count") == 2


def test_a_missing_word_list_is_named(tmp_path):
    with pytest.raises(DataError, match=r"bad\.txt: no such file"):
        score("x", tmp_path, file="bad.txt")


def test_an_empty_word_list_is_refused(tmp_path):
    (tmp_path / "bad.txt").write_text("# nothing\n")
    with pytest.raises(DataError, match="holds no words"):
        score("x", tmp_path, file="bad.txt")


def test_a_broken_expression_is_named():
    with pytest.raises(ValidationError, match=r"'\(' is no regular expression"):
        PatternOptions(patterns=["("])


def test_nothing_to_look_for_is_refused():
    with pytest.raises(ValidationError, match="nothing to look for"):
        PatternOptions()


def test_a_blank_word_is_refused():
    with pytest.raises(ValidationError, match="blank"):
        PatternOptions(words=[" "])


def test_spans_beside_a_mode_are_refused():
    with pytest.raises(ValidationError, match="leave mode out"):
        PatternOptions(words=["x"], spans=True, mode="any")


@given(st.text(alphabet="ab c", max_size=30))
def test_a_share_is_a_share(text):
    assert 0 <= score(text, words=["a", "ab", "a b"], patterns=["b+"]) <= 1
