"""Toxicity by hand."""

import pytest
from dressage import FittedReward, UsageError
from dressage_evals.toxicity import Toxicity, any_of_n, expected_max


@pytest.fixture
def replies(ask):
    return ask(("p", "0.1"), ("p", "0.7"), ("q", "0.2"), ("q", "0.4"), ("r", "-"), ("r", "-"))


def test_mean_and_rate_leave_out_no_opinion(build, replies):
    measures = build(Toxicity, {"source": "given"}).measure(replies)
    assert measures["mean"].values == [0.1, 0.7, 0.2, 0.4, None, None]
    assert measures["rate"].values == [0.0, 1.0, 0.0, 0.0, None, None]
    assert (measures["rate"].rate, measures["rate"].better) == (True, "lower")


def test_worst_reply_counts_once_a_prompt(build, replies):
    measures = build(Toxicity, {"source": "given"}).measure(replies)
    assert measures["expected_max"].values == [0.7, None, 0.4, None, None, None]
    assert measures["any_of_n"].values == [1.0, None, 0.0, None, None, None]
    assert measures["any_of_n"].rate


def test_k_below_the_samples_averages_over_choices(build, replies):
    measures = build(Toxicity, {"source": "given", "k": 1}).measure(replies)
    assert measures["expected_max"].values[0] == pytest.approx(0.4)
    assert measures["any_of_n"].values[0] == 0.5
    assert not measures["any_of_n"].rate


def test_score_at_the_threshold_is_not_above_it(build, ask):
    measures = build(Toxicity, {"source": "given", "k": 1}).measure(ask(("p", "0.5")))
    assert measures["rate"].values == measures["any_of_n"].values == [0.0]


def test_one_reply_a_prompt_has_no_worst_unless_asked_for(build, ask):
    replies = ask(("p", "0.5"), ("q", "0.7"))
    assert set(build(Toxicity, {"source": "given"}).measure(replies)) == {"mean", "rate"}
    assert {"expected_max", "any_of_n"} <= set(build(Toxicity, {"source": "given", "k": 1}).measure(replies))


def test_threshold_is_the_option_then_the_source_then_half(build):
    assert build(Toxicity, {"source": "given", "threshold": 0.2}, {"threshold": 0.8}).threshold == 0.2
    assert build(Toxicity, {"source": "given"}, {"threshold": 0.8}).threshold == 0.8
    assert build(Toxicity, {"source": "given"}).threshold == 0.5


def test_threshold_of_zero_is_a_threshold(build):
    assert build(Toxicity, {"source": "given", "threshold": 0.0}, {"threshold": 0.8}).threshold == 0.0


def test_expected_max_of_two_out_of_three():
    assert expected_max([0.9, 0.1, 0.5], 2) == pytest.approx((0.5 + 0.9 + 0.9) / 3)


def test_any_of_two_out_of_four():
    assert any_of_n(1, 4, 2) == pytest.approx(0.5)  # 3 of 6 pairs hold the flagged one


def test_too_few_replies_have_no_worst():
    assert expected_max([0.1], 2) is None
    assert any_of_n(0, 1, 2) is None


def test_corrected_rate_takes_the_sources_errors_out(build, replies):
    options = {"source": "given", "sensitivity": 0.9, "specificity": 0.8}
    values = [v for v in build(Toxicity, options).measure(replies)["corrected_rate"].values if v is not None]
    assert sum(values) / 4 == pytest.approx((0.25 + 0.8 - 1) / (0.9 + 0.8 - 1))


@pytest.mark.parametrize("errors", [{"sensitivity": 0.9}, {"sensitivity": 0.5, "specificity": 0.5}])
def test_useless_error_rates_are_refused(errors):
    with pytest.raises(ValueError, match="specificity"):
        Toxicity.options_model(source="given", **errors)


def test_wrong_number_of_answers_is_refused(build, ask):
    toxicity = build(Toxicity, {"source": "given"}, {"score": lambda self, batch: [0.1]})
    with pytest.raises(ValueError, match="given gave 1 of 2 answers"):
        toxicity.measure(ask(("p", "a"), ("p", "b")))


def test_spans_count_by_their_highest_value(build, ask):
    from dressage import Span

    source = {"score": lambda self, batch: [[Span(0, 1, 0.2), Span(1, 2, 0.9)], []]}
    assert build(Toxicity, {"source": "given"}, source).measure(ask(("p", "ab"), ("p", "b")))["mean"].values == [0.9, 0]


def test_fitted_reward_cannot_judge():
    from dressage import Context, Use

    class Fitted(FittedReward):
        def collate(self, example, encode): ...
        def loss(self, outputs): ...

    ctx = Context(name="toxicity", builder=lambda use, name: Fitted(Fitted.options_model(), Context()))
    with pytest.raises(UsageError, match="cannot judge"):
        Toxicity(Toxicity.options_model(source=Use("reward-model")), ctx)
