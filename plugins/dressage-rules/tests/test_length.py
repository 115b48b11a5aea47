"""Length: the documented formula, and words in any script."""

import pytest
from dressage import Batch, Context, Prompt
from dressage_rules.length import Length
from dressage_rules.options import LengthOptions
from dressage_rules.units import words
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError


def scores(*responses, **options):
    batch = Batch(tuple(Prompt(text="q") for _ in responses), responses)
    return list(Length(LengthOptions(**options), Context()).score(batch))


def test_without_a_wish_a_longer_response_scores_higher():
    assert scores("", "a " * 20, "a " * 60) == [0.0, 0.5, 0.75]


def test_target_scores_one_and_falls_on_both_sides():
    assert scores("a b", "a b c d", "a b c d e f", target=4, softness=2) == [0.5, 1.0, 0.5]


def test_a_range_is_flat_inside():
    texts = ["a " * n for n in (1, 3, 5, 9)]
    assert scores(*texts, minimum=3, maximum=5, softness=4) == [pytest.approx(4 / 6), 1.0, 1.0, 0.5]


def test_maximum_alone_never_punishes_shortness():
    assert scores("", "a " * 30, maximum=10) == [1.0, 0.5]


def test_maximum_zero_rewards_brevity():
    assert scores("", "a " * 20, maximum=0) == [1.0, 0.5]


def test_characters_are_counted_when_asked():
    assert scores("abc", target=3, unit="characters") == [1.0]
    assert scores("x" * 100, unit="characters") == [0.5]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("don't stop - well-known", 3),
        ("你好世界", 4),
        ("使用 Python 编程。", 5),
        ("مرحبا بالعالم", 2),
        ("हिन्दी भाषा", 2),
        ("안녕 세계", 2),
        ("... !!! 😀", 0),
        ("", 0),
    ],
)
def test_words_are_counted_in_any_script(text, count):
    assert len(words(text)) == count


def test_target_beside_a_range_is_refused():
    with pytest.raises(ValidationError, match="target goes without"):
        LengthOptions(target=3, minimum=1)


def test_an_empty_range_is_refused():
    with pytest.raises(ValidationError, match="minimum 5 is above maximum 2"):
        LengthOptions(minimum=5, maximum=2)


@given(st.text(max_size=60), st.integers(1, 9))
def test_the_score_stays_in_the_unit_interval(text, target):
    assert 0 <= scores(text)[0] < 1
    assert 0 < scores(text, target=target)[0] <= 1
