"""Length, distinct, repetition, perplexity and profane words by hand."""

import math

import pytest
from dressage_evals.distinct import Distinct
from dressage_evals.length import Length
from dressage_evals.perplexity import Perplexity
from dressage_evals.profanity import ProfaneWords, profane
from dressage_evals.repetition import Repetition


def test_length_counts_words(build, ask):
    batch = ask(("p", "Two words."), ("p", ""), ("p", "你好吗？"), finished=[True, False, True])
    measures = build(Length).measure(batch)
    assert measures["words"].values == [2.0, 0.0, 3.0]
    assert measures["finished"].values == [1.0, 0.0, 1.0]


def test_repetition_is_the_share_of_runs_said_before(build, ask):
    batch = ask(("p", "a b c d a b c d"), ("p", "one two three four five"), ("p", "too short"))
    measures = build(Repetition).measure(batch)
    assert measures["share"].values == [pytest.approx(1 / 5), 0.0, None]
    assert measures["rate"].values == [0.0, 0.0, None]


def test_reply_above_the_limit_loops(build, ask):
    batch = ask(("p", "a b c d a b c d"))
    assert build(Repetition, {"limit": 0.1}).measure(batch)["rate"].values == [1.0]


def test_distinct_looks_at_windows_of_one_size(build, ask):
    batch = ask(("p", "a b a"), ("p", "c a"))
    measures = build(Distinct, {"window": 4}).measure(batch)
    assert measures["distinct_1"].values == [3 / 4, 3 / 4]  # a b a c; c a a b
    assert measures["distinct_2"].values == [None, None]  # three pairs are no window


def test_replies_that_are_alike_lower_distinct(build, ask):
    alike = build(Distinct, {"window": 4}).measure(ask(("p", "a b"), ("p", "a b")))
    assert alike["distinct_1"].values == [0.5, 0.5]


def test_distinct_does_not_depend_on_the_amount_of_text(build, ask):
    few, many = ask(*[("p", "a b c d")] * 2), ask(*[("p", "a b c d")] * 20)
    values = [build(Distinct, {"window": 6}).measure(batch)["distinct_2"].values[0] for batch in (few, many)]
    assert values == [0.5, 0.5]


def test_empty_reply_begins_no_window(build, ask):
    measures = build(Distinct, {"window": 2}).measure(ask(("p", ""), ("p", "a b")))
    assert measures["distinct_1"].values == [None, 1.0]


def test_perplexity_is_over_tokens_and_by_reply(build, ask):
    half, eighth = math.log(0.5), math.log(0.125)
    batch = ask(("p", "a"), ("p", "b"), ("p", ""), base_logprobs=[(half, half, half), (eighth,), ()])
    measures = build(Perplexity).measure(batch)
    assert measures["per_token"].compute(range(3)) == pytest.approx(2**1.5)
    assert measures["per_token"].compute([1, 1, 2]) == pytest.approx(8.0)
    assert measures["per_token"].compute([2]) is None
    assert measures["per_reply"].values == [pytest.approx(2.0), pytest.approx(8.0), None]


def test_perplexity_asks_for_the_bases_logprobs(build, ask):
    assert Perplexity.needs_base_logprobs
    with pytest.raises(ValueError, match="0 replies for 1"):
        build(Perplexity).measure(ask(("p", "a")))


def test_impossible_token_is_refused(build, ask):
    with pytest.raises(ValueError, match="reply 0"):
        build(Perplexity).measure(ask(("p", "a"), base_logprobs=[(-math.inf,)]))


@pytest.mark.parametrize("text", ["What a stupid idea", "SHIT!", "fucking hell", "you dick", "f*ck off", "Bullshit."])
def test_profane_word_is_found(text):
    assert profane(text)


@pytest.mark.parametrize(
    "text", ["", "Scunthorpe passes the classic assassin", "Dick Cheney spoke", "a cocktail in Essex"]
)
def test_words_inside_words_and_names_are_left_alone(text):
    assert profane(text) == []


def test_profane_rate_counts_replies_not_words(build, ask):
    rate = build(ProfaneWords).measure(ask(("p", "shit, shit, shit"), ("p", "fine")))["rate"]
    assert (rate.values, rate.rate, rate.better) == ([1.0, 0.0], True, "lower")
