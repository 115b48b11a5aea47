"""Rewards to one score a response: signs, weights, bounds, normalisation, missing opinions, and bad answers."""

from __future__ import annotations

import math

import pytest
import torch
from dressage.run.scoring import Moments, Source, matches, refuse_silence, score
from dressage.spec.components import Context, Reward
from dressage.spec.errors import ComponentError, TrainingError
from dressage.spec.options import NoOptions
from dressage.spec.plan import RewardPlan
from dressage.spec.sections import ConstraintConfig
from dressage.spec.types import Batch, Message, Prompt, Span


class Given(Reward[NoOptions]):
    """Answers by response: what the table says."""

    def __init__(self, options, ctx, table=None):
        super().__init__(options, ctx)
        self.table = table or {}
        self.asked = []

    def score(self, batch):
        self.asked.append(batch.responses)
        return [self.table[response] for response in batch.responses]


class Moved(Given):
    """Remembers where it is when it is asked, and each move."""

    place = "cpu"

    def __init__(self, options, ctx, table=None):
        super().__init__(options, ctx, table)
        self.moves = []

    def to(self, device):
        self.place = device
        self.moves.append(device)

    def score(self, batch):
        assert self.place == "far"
        return super().score(batch)


def batch(*responses, columns=None):
    columns = columns or [{}] * len(responses)
    prompts = tuple(Prompt((Message("user", f"ask {i}"),), columns=column) for i, column in enumerate(columns))
    return Batch(prompts, responses)


@pytest.fixture
def source(planned):
    def make(table, name="given", goal="max", **plan):
        reward = Given(NoOptions(), Context(name), table)
        reward.goal = goal
        return Source(RewardPlan(planned(Given, name), **plan), reward)

    return make


def test_the_total_is_the_weighted_sum(source):
    sources = [source({"x": 0.5, "y": 1.0}, "a", weight=2.0), source({"x": 3.0, "y": -1.0}, "b", weight=0.5)]
    found = score(sources, batch("x", "y"))
    assert found.totals == (2.5, 1.5)
    assert found.columns["a"].weighted == (1.0, 2.0)
    assert found.columns["b"].raw == (3.0, -1.0)


def test_a_missing_opinion_renormalises_the_weights(source):
    """Of weights 1, 2 and 1 the second has no opinion on y: (1 * 0.4 + 1 * 0.6) * 4 / 2."""
    sources = [
        source({"x": 0.4, "y": 0.4}, "a"),
        source({"x": 0.1, "y": None}, "b", weight=2.0),
        source({"x": 0.6, "y": 0.6}, "c"),
    ]
    found = score(sources, batch("x", "y"))
    assert found.totals == pytest.approx((1.2, 2.0))
    assert found.columns["b"].raw == (0.1, None)
    assert found.columns["b"].weighted == (0.2, None)


def test_no_opinion_is_not_a_zero(source):
    found = score([source({"x": None, "y": 0.0}, "a")], batch("x", "y"))
    assert found.totals == (None, 0.0)


def test_less_is_better_of_a_goal_min(source):
    sources = [source({"x": 0.3}, "a", goal="min", weight=2.0), source({"x": 1.0}, "b")]
    found = score(sources, batch("x"))
    assert found.totals == pytest.approx((0.4,))
    assert found.columns["a"].raw == (0.3,)
    assert found.columns["a"].weighted == (-0.6,)


def test_bounds_clip_before_anything_else(source):
    """9 counts as 1: mean 1/3, deviation sqrt(1/3)."""
    found = score([source({"x": 0.0, "y": 9.0, "z": 0.0}, bounds=(-1, 1), normalize="whiten")], batch("x", "y", "z"))
    deviation = math.sqrt(1 / 3)
    assert found.totals == pytest.approx((-1 / 3 / deviation, 2 / 3 / deviation, -1 / 3 / deviation))
    assert found.columns["given"].raw == (0.0, 9.0, 0.0)


@pytest.mark.parametrize(("value", "clipped"), [(-7.0, -2.0), (0.5, 0.5), (7.0, 3.0)])
def test_bounds_hold_on_both_sides(source, value, clipped):
    assert score([source({"x": value}, bounds=(-2, 3))], batch("x")).totals == (clipped,)


def test_whitening_leaves_out_who_has_no_opinion(source):
    """1 and 3: mean 2, deviation sqrt(2)."""
    found = score([source({"x": 1.0, "y": 3.0, "z": None}, normalize="whiten")], batch("x", "y", "z"))
    assert found.totals[:2] == pytest.approx((-(0.5**0.5), 0.5**0.5))
    assert found.totals[2] is None


def test_scores_that_are_all_alike_whiten_to_zero(source):
    assert score([source({"x": 4.0}, normalize="whiten")], batch("x", "x", "x")).totals == (0.0, 0.0, 0.0)


def test_running_moments_are_those_of_the_whole_run(source):
    """1, 3, 5, 7: mean 4, deviation sqrt(20 / 3)."""
    one = source({"a": 1.0, "b": 3.0, "c": 5.0, "d": 7.0}, normalize="running")
    assert score([one], batch("a", "b")).totals == pytest.approx((-(0.5**0.5), 0.5**0.5))
    assert score([one], batch("c", "d")).totals == pytest.approx((1 / math.sqrt(20 / 3), 3 / math.sqrt(20 / 3)))
    assert (one.moments.count, one.moments.mean) == (4, 4.0)


def test_running_moments_do_not_learn_unasked(source):
    one = source({"a": 1.0, "b": 3.0, "c": 5.0}, normalize="running")
    score([one], batch("a", "b"))
    score([one], batch("c"), learn=False)
    assert one.moments.count == 2


def test_moments_of_one_value_have_deviation_one():
    moments = Moments()
    moments.add([5.0])
    assert (moments.mean, moments.deviation) == (5.0, 1.0)


def test_a_source_of_weight_zero_is_measured_only(source):
    sources = [source({"x": 0.5, "y": None}, "a"), source({"x": 9.0, "y": 9.0}, "b", weight=0.0)]
    found = score(sources, batch("x", "y"))
    assert found.totals == (0.5, None)
    assert found.columns["b"].raw == (9.0, 9.0)


def test_answers_are_asked_for_in_batches(source):
    one = source({r: float(i) for i, r in enumerate("abcde")}, batch_size=2)
    assert score([one], batch(*"abcde")).totals == (0.0, 1.0, 2.0, 3.0, 4.0)
    assert one.reward.asked == [("a", "b"), ("c", "d"), ("e",)]


def test_when_asks_only_about_rows_with_that_value(source):
    one = source({"x": 1.0, "z": 3.0}, "one", when={"kind": ("hard", "odd")})
    other = source({"x": 0.0, "y": 0.0, "z": 0.0}, "other")
    columns = [{"kind": "hard"}, {"kind": "easy"}, {"kind": "odd"}]
    found = score([one, other], batch("x", "y", "z", columns=columns))
    assert one.reward.asked == [("x", "z")]
    assert found.columns["one"].raw == (1.0, None, 3.0)
    assert found.totals == (1.0, 0.0, 3.0)


def test_a_reward_that_no_row_asks_for_is_not_called(source):
    one = source({}, "one", when={"kind": ("hard",)})
    score([one, source({"x": 0.0}, "other")], batch("x"))
    assert one.reward.asked == []


def test_a_when_that_fits_no_prompt_is_named(planned):
    prompts = batch("x", "y", columns=[{"kind": "harmful"}, {"kind": "harmless"}]).prompts
    typo = RewardPlan(planned(Given), when={"kind": ("harmfull",)})
    told = (
        r"ppo: the `when:` of no reward fits any of 2 prompts \(kind is asked to be harmfull and is harmful, harmless\)"
    )
    for rewards in ([typo], [typo, RewardPlan(planned(Given), weight=0.0)]):
        with pytest.raises(TrainingError, match=told):
            refuse_silence("ppo", rewards, prompts)
    refuse_silence("ppo", [typo, RewardPlan(planned(Given), when={"kind": ("harmful",)})], prompts)
    refuse_silence("ppo", [typo, RewardPlan(planned(Given))], prompts)
    refuse_silence("ppo", [typo, RewardPlan(planned(Given), weight=0.0, limit=ConstraintConfig(max=1.0))], prompts)


def test_all_conditions_of_when_hold():
    prompt = Prompt(text="a", columns={"kind": "hard", "topic": "sport"})
    assert matches(prompt, {"kind": ("hard",), "topic": ("news", "sport")})
    assert not matches(prompt, {"kind": ("hard",), "topic": ("news",)})
    assert not matches(prompt, {"other": ("x",)})


class Hears(Reward[NoOptions]):
    """Answers whatever it is told to."""

    answers = []

    def score(self, batch):
        if isinstance(self.answers, BaseException):
            raise self.answers
        return self.answers


@pytest.fixture
def refusal(planned):
    """What a bad answer is refused with."""

    def run(answers, *responses):
        reward = Hears(NoOptions(), Context("loud"))
        reward.answers = answers
        with pytest.raises(ComponentError) as caught:
            score([Source(RewardPlan(planned(Hears, "loud")), reward)], batch(*responses))
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return run


NAME = "reward 'loud' (acme 1.2, run.yaml:7:3)"


@pytest.mark.parametrize("answers", [[1.0], [1.0, 2.0, 3.0], []])
def test_a_wrong_number_of_answers_stops_the_run(refusal, answers):
    assert refusal(answers, "x", "y") == f"{NAME} gave {len(answers)} scores for 2 responses; it must give one each"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_an_answer_that_is_not_finite_names_prompt_and_response(refusal, value):
    message = refusal([1.0, value], "good", "bad")
    assert message.startswith(f"{NAME} gave {value} for the prompt 'ask 1', response 'bad'; a score is a finite number")


def test_a_span_that_is_not_finite_stops_the_run(refusal):
    assert refusal([[Span(0, 1, float("nan"))]], "bad").startswith(f"{NAME} gave [Span(")


def test_a_reward_that_raises_is_named(refusal):
    message = refusal(KeyError("no such word\nand more"), "x")
    assert message.startswith(f"{NAME} could not score responses: KeyError: ")


def test_a_reward_that_exits_stops_the_run_as_any_fault_does(refusal):
    assert refusal(SystemExit(0), "x") == f"{NAME} could not score responses: SystemExit: 0"


@pytest.mark.parametrize("answer", ["high", object(), [1.0], True + 0j])
def test_an_answer_that_is_no_score_stops_the_run(refusal, answer):
    assert refusal([answer], "x").startswith(NAME)


def test_numpy_and_torch_numbers_are_scores(planned):
    import numpy
    import torch

    reward = Hears(NoOptions(), Context("loud"))
    reward.answers = [numpy.float32(0.5), numpy.float64(0.25), torch.tensor(2.0), 1, True]
    found = score([Source(RewardPlan(planned(Hears, "loud")), reward)], batch(*"abcde"))
    assert found.totals == (0.5, 0.25, 2.0, 1.0, 1.0)
    assert all(type(total) is float for total in found.totals)


def test_too_many_without_an_opinion_stop_the_run(source):
    one = source({"x": 1.0, "y": None})
    with pytest.raises(TrainingError, match="no reward had an opinion on 2 of 3 responses"):
        score([one], batch("x", "y", "y"))


def test_half_without_an_opinion_is_allowed(source):
    assert score([source({"x": 1.0, "y": None})], batch("x", "y")).totals == (1.0, None)


def test_the_share_without_an_opinion_is_a_setting(source):
    one = source({"x": 1.0, "y": None})
    assert score([one], batch("x", "y", "y", "y"), max_without_opinion=0.75).totals == (1.0, None, None, None)
    with pytest.raises(TrainingError):
        score([one], batch("x", "y", "y", "y"), max_without_opinion=0.7)


def test_a_batch_that_nobody_has_an_opinion_on_is_no_error(source):
    assert score([source({"y": None})], batch("y", "y", "y")).totals == (None, None, None)


def test_spans_are_weighted_and_not_in_the_total(source):
    spans = [Span(0, 2, 0.5), Span(3, 4, -2.0)]
    one = source({"x": spans, "y": []}, "one", goal="min", weight=2.0)
    other = source({"x": 1.0, "y": 3.0}, "other")
    found = score([one, other], batch("x", "y"))
    assert found.columns["one"].raw == (-1.5, 0)
    assert found.columns["one"].spans[0] == (Span(0, 2, -1.0), Span(3, 4, 4.0))
    assert found.totals == (1.0, 3.0)


def test_a_fitted_reward_answers_by_its_own_way(source):
    one = source({})
    one.ask = lambda batch, rows: [10.0 * row for row in rows]
    one.plan = RewardPlan(one.plan.component, when={"kind": ("b",)}, weight=0.5)
    found = score([one], batch("x", "y", columns=[{"kind": "a"}, {"kind": "b"}]))
    assert found.totals == (None, 5.0)


def test_a_fitted_reward_that_fails_is_named(source):
    one = source({}, "fitted")
    one.ask = lambda batch, rows: {}["gone"]
    with pytest.raises(ComponentError, match=r"reward 'fitted' .* could not score responses: KeyError"):
        score([one], batch("x"))


def test_a_full_graphics_card_is_not_the_rewards_fault(source):
    one = source({})

    def ask(batch, rows):
        raise torch.OutOfMemoryError("CUDA out of memory")

    one.ask = ask
    with pytest.raises(torch.OutOfMemoryError):
        score([one], batch("x"))


def swapped(planned, table, **plan):
    return Source(
        RewardPlan(planned(Moved, "moved"), **plan), Moved(NoOptions(), Context("moved"), table), swap_to="far"
    )


def test_a_swapped_source_is_moved_once_however_many_batches_it_is_asked(planned):
    one = swapped(planned, {"x": 1.0, "y": 2.0, "z": 3.0}, batch_size=1)
    assert score([one], batch("x", "y", "z")).totals == (1.0, 2.0, 3.0)
    assert len(one.reward.asked) == 3
    assert one.reward.moves == ["far", "cpu"]


def test_a_swapped_source_goes_away_where_it_fails(planned):
    one = swapped(planned, {}, batch_size=1)
    with pytest.raises(ComponentError, match="moved"):
        score([one], batch("x"))
    assert one.reward.place == "cpu"


def test_the_error_that_is_told_is_the_first(planned):
    one = swapped(planned, {}, batch_size=1)
    one.reward.to = lambda device: one.reward.__dict__.update(place=device) if device == "far" else 1 / 0
    with pytest.raises(ComponentError, match="KeyError"):
        score([one], batch("x"))


def test_a_source_that_cannot_be_moved_is_named(planned):
    one = swapped(planned, {"x": 1.0})
    one.reward.to = lambda device: (_ for _ in ()).throw(RuntimeError(f"no {device}"))
    with pytest.raises(ComponentError, match=r"moved.* could not be moved to far: RuntimeError: no far"):
        score([one], batch("x"))
