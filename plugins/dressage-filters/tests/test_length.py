"""Length: bounds on prompts and answers."""

import pytest
from dressage import Context, Drop, Example, Message
from dressage_filters.length import Length
from dressage_filters.options import LengthOptions
from pydantic import ValidationError


def check(row, **options):
    outcome = Length(LengthOptions(**options), Context()).check(row)
    return outcome.reason if isinstance(outcome, Drop) else "kept"


def row(question="one two three", **fields):
    return Example((Message("user", question),), **fields)


def test_bounds_are_inclusive():
    answer = row(response="a b c")
    assert check(answer, minimum=3, maximum=3) == "kept"
    assert check(answer, minimum=4) == "shorter than 4 words"
    assert check(answer, maximum=2) == "longer than 2 words"


def test_characters_are_counted_when_asked():
    assert check(row(response="abc"), unit="characters", maximum=2) == "longer than 2 characters"


def test_chinese_characters_are_words():
    assert check(row(response="你好世界"), minimum=4) == "kept"


def test_one_answer_that_is_out_drops_a_comparison():
    assert check(row(chosen="a b", rejected="a b c d"), maximum=3) == "longer than 3 words"


def test_prompt_turns_count_together():
    many = Example((Message("user", "a b"), Message("assistant", "c"), Message("user", "d")), "x")
    assert check(many, part="prompt", minimum=4) == "kept"
    assert check(many, part="prompt", minimum=5) == "shorter than 5 words"


def test_both_counts_prompt_and_answer_together():
    assert check(row(response="four five"), part="both", maximum=5) == "kept"
    assert check(row(response="four five"), part="both", maximum=4) == "longer than 4 words"
    assert check(row(), part="both", maximum=2) == "longer than 2 words"


def test_an_empty_answer_is_short_and_a_missing_one_is_not():
    assert check(row(response=""), minimum=1) == "shorter than 1 words"
    assert check(row(), minimum=1) == "kept"
    assert check(Example(text="plain"), part="prompt", minimum=5) == "kept"


def test_no_bound_is_refused():
    with pytest.raises(ValidationError, match="nothing to check"):
        LengthOptions()
    with pytest.raises(ValidationError, match="above maximum"):
        LengthOptions(minimum=2, maximum=1)
