"""Probabilities become scores."""

import math

import pytest
from dressage import Batch, Context, Prompt, UsageError
from dressage_toxicity.detector import Detector, legible, log_odds
from dressage_toxicity.options import ProfanityOptions


class Shares(Detector[ProfanityOptions]):
    """Takes the texts for numbers."""

    def probabilities(self, texts):
        return [float(text) for text in texts]


def scores(responses, **options):
    batch = Batch(tuple(Prompt(text="") for _ in responses), tuple(responses))
    return Shares(ProfanityOptions(**options), Context()).score(batch)


def test_log_odds_of_hand_computed_probabilities():
    assert log_odds(0.5, 6) == 0.0
    assert log_odds(0.9, 6) == pytest.approx(2.1972245773)
    assert log_odds(0.2, 6) == pytest.approx(-1.3862943611)


def test_log_odds_are_clipped_on_both_sides():
    assert log_odds(0.999, 6) == 6.0
    assert log_odds(0.001, 6) == -6.0


def test_log_odds_of_certainty_are_the_ends():
    assert (log_odds(0.0, 3), log_odds(1.0, 3)) == (-3, 3)


def test_log_odds_do_not_hide_a_nan():
    assert math.isnan(log_odds(math.nan, 6))


def test_probability_is_the_default_output():
    assert scores(["0.25", "1"]) == [0.25, 1.0]


def test_output_log_odds_uses_the_clip_option():
    assert scores(["0.5", "0.9"], output="log-odds", clip=2) == [0.0, 2.0]


def test_no_responses_give_no_scores():
    assert scores([]) == []


def test_lower_is_better():
    assert Shares.goal == "min"


def test_threshold_has_the_unit_of_the_scores():
    assert Shares(ProfanityOptions(threshold=0.9), Context()).threshold == 0.9
    odds = Shares(ProfanityOptions(threshold=0.9, output="log-odds"), Context())
    assert odds.threshold == pytest.approx(2.1972245773)


def test_threshold_beyond_the_clip_is_refused():
    with pytest.raises(UsageError, match=r"the threshold 0.9 lies outside log-odds clipped to 2"):
        Shares(ProfanityOptions(threshold=0.9, output="log-odds", clip=2), Context())


def test_lone_surrogates_are_replaced():
    assert legible("a\ud83db") == "a?b"
    assert legible("🏇 שלום") == "🏇 שלום"
