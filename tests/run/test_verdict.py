"""What a report may claim: marks of judges, and whether the gate is met."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from dressage.run import verdict
from dressage.run.build import Workshop
from dressage.spec.components import Component, Evaluator, Filter, FittedReward, Reward
from dressage.spec.console import Quiet
from dressage.spec.errors import Where
from dressage.spec.options import NoOptions, Options, Use
from dressage.spec.plan import EvaluatePlan, FilterPlan, GatePlan, MeasurePlan, RewardPlan, StagePlan
from dressage.spec.sections import ConstraintConfig, KLConfig, LimitConfig, RolloutConfig, SelectConfig, UpdateConfig
from dressage.spec.types import Card


class DetectorOptions(Options):
    model: str = "a"
    output: str = "probability"


class Detector(Reward[DetectorOptions]):
    def __init__(self, options, ctx):
        super().__init__(options, ctx)
        self.trained_on = frozenset({"a": {"davidson", "jigsaw"}, "b": {"jigsaw"}, "c": {"openai"}}[options.model])

    def score(self, batch):
        return [0.0] * len(batch)


class Carded(Detector):
    """A detector that says which model it is."""

    def __init__(self, options, ctx):
        super().__init__(options, ctx)
        self.card = Card(options.model)


class Other(Detector):
    """Another class with the same options."""


class Learnt(FittedReward[DetectorOptions]):
    trained_on = frozenset({"openai"})

    def collate(self, example, encode):
        return None

    def loss(self, outputs):
        raise NotImplementedError


class UsesOptions(Options):
    source: Use[Reward]


class Share(Evaluator[UsesOptions]):
    def __init__(self, options, ctx):
        super().__init__(options, ctx)
        self.judge = ctx.build(options.source)

    def measure(self, batch):
        return {}


class Gap(Reward[UsesOptions]):
    """A reward made of another one's scores."""

    def __init__(self, options, ctx):
        super().__init__(options, ctx)
        self.inner = ctx.build(options.source)

    def score(self, batch):
        return self.inner.score(batch)


class Plain(Evaluator[NoOptions]):
    def measure(self, batch):
        return {}


class Sieve(Filter[UsesOptions]):
    def __init__(self, options, ctx):
        super().__init__(options, ctx)
        self.judge = ctx.build(options.source)


class Nothing(Component[NoOptions]):
    kind = "optimizer"
    online = True


@pytest.fixture
def workshop():
    return Workshop(Path(), Path(), "cpu", 0, Quiet())


@pytest.fixture
def marks(planned, workshop):
    """The marks of measures with a judge each, in a run with some rewards and filters."""

    def use(component, path, **options):
        made = Use(component.__name__.lower())
        made.planned = planned(component, path=path, **options)
        return made

    def run(judges, rewards=(), filters=()):
        stage_rewards = [
            RewardPlan(planned(cls, f"r{i}", f"stages.0.rewards.{i}", **options), weight, *limit)
            for i, (cls, options, weight, *limit) in enumerate(rewards)
        ]
        sieves = [
            FilterPlan(planned(Sieve, f"f{i}", f"filters.{i}", source=use(cls, f"filters.{i}.source", **options)))
            for i, (cls, options) in enumerate(filters)
        ]
        measures = []
        for i, judge in enumerate(judges):
            source = {} if judge is None else {"source": use(judge[0], f"measures.{i}.source", **judge[1])}
            measure = planned(Share if source else Plain, f"m{i}", f"measures.{i}", **source)
            measures.append(MeasurePlan(measure, ("s",)))
        for plan in (*stage_rewards, *sieves, *measures):
            workshop.make(plan.component)
        stage = StagePlan(
            planned(Nothing, "ppo"), RolloutConfig(), UpdateConfig(), KLConfig(), rewards=tuple(stage_rewards)
        )
        plan = SimpleNamespace(
            stages=(stage,), filters=tuple(sieves), evaluate=EvaluatePlan(measures=tuple(measures)), gate=()
        )
        return verdict.marks(plan, workshop)

    return run


def test_the_detector_that_was_trained_on_is_marked(marks):
    (found,) = marks([(Detector, {"model": "a"})], rewards=[(Detector, {"model": "a"}, 1.0)])
    assert found["mark"] == "trained on"
    assert found["why"] == "stage ppo used the same detector"


def test_a_detector_that_was_held_to_a_limit_is_marked(marks):
    limited = (Detector, {"model": "a"}, 0.0, ConstraintConfig(max=0.1))
    assert marks([(Detector, {"model": "a"})], rewards=[limited])[0]["mark"] == "trained on"


def test_the_same_model_with_another_form_of_score_is_marked(marks):
    (found,) = marks([(Carded, {"model": "a"})], rewards=[(Carded, {"model": "a", "output": "log-odds"}, 1.0)])
    assert found["mark"] == "trained on"


def test_another_model_of_the_same_class_is_not_the_same_detector(marks):
    (found,) = marks([(Carded, {"model": "b"})], rewards=[(Carded, {"model": "a"}, 1.0)])
    assert found["mark"] == "related"


def test_a_detector_with_common_data_is_related(marks):
    (found,) = marks([(Detector, {"model": "b"})], rewards=[(Detector, {"model": "a"}, 1.0)])
    assert found["mark"] == "related"
    assert found["why"] == "stage ppo used a detector that learnt from jigsaw too"


def test_another_detector_of_the_same_data_is_related(marks):
    (found,) = marks([(Other, {"model": "a"})], rewards=[(Detector, {"model": "a"}, 1.0)])
    assert found["mark"] == "related"


def test_a_detector_of_other_data_is_unrelated(marks):
    (found,) = marks([(Detector, {"model": "c"})], rewards=[(Detector, {"model": "a"}, 1.0)])
    assert (found["mark"], found["why"]) == ("", "")
    assert found["judges"] == [{"name": "m0.detector", "trained_on": ["openai"]}]


def test_a_detector_inside_a_reward_counts(marks, planned):
    source = Use("detector")
    source.planned = planned(Detector, path="stages.0.rewards.0.source", model="a")
    (found,) = marks([(Detector, {"model": "a"})], rewards=[(Gap, {"source": source}, 1.0)])
    assert found["mark"] == "trained on"


def test_a_filter_counts_as_training(marks):
    (found,) = marks([(Detector, {"model": "a"})], filters=[(Detector, {"model": "a"})])
    assert (found["mark"], found["why"]) == ("trained on", "filter f0 used the same detector")


def test_a_reward_that_is_only_measured_does_not(marks):
    (found,) = marks([(Detector, {"model": "a"})], rewards=[(Detector, {"model": "a"}, 0.0)])
    assert found["mark"] == ""


def test_the_stronger_mark_wins(marks):
    rewards = [(Detector, {"model": "b"}, 1.0), (Detector, {"model": "a"}, 1.0)]
    (found,) = marks([(Detector, {"model": "a"})], rewards=rewards)
    assert found["mark"] == "trained on"


def test_a_fitted_reward_marks_nobody(marks):
    (found,) = marks([(Detector, {"model": "c"})], rewards=[(Learnt, {}, 1.0)])
    assert found["mark"] == ""


def test_a_measure_without_a_judge_is_unmarked(marks):
    (found,) = marks([None], rewards=[(Detector, {"model": "a"}, 1.0)])
    assert (found["judges"], found["mark"]) == ([], "")


def test_each_measure_has_its_own_mark(marks):
    judges = [(Detector, {"model": "c"}), (Detector, {"model": "b"}), (Detector, {"model": "a"})]
    found = marks(judges, rewards=[(Detector, {"model": "a"}, 1.0)])
    assert [m["mark"] for m in found] == ["", "related", "trained on"]
    assert [m["name"] for m in found] == ["m0", "m1", "m2"]


# --- the gate --------------------------------------------------------------------------------------------------------

MEASURES = [{"name": "m", "mark": "", "why": ""}, {"name": "seen", "mark": "trained on", "why": "ppo used it"}]


@pytest.fixture
def gate(planned):
    """The gate's answer to conditions {path: bound} where `after` is [low, high] of each path."""

    def run(conditions, after, select=None):
        evaluators = {}
        for path, (low, high) in after.items():
            measure, name, metric = path.split(".", 2)
            entry = {"value": (low + high) / 2, "low": low, "high": high, "n": 9}
            evaluators.setdefault(measure, {}).setdefault(name, {})[metric] = {"before": entry, "after": entry}
        stage = StagePlan(
            planned(Nothing, "ppo"), RolloutConfig(), UpdateConfig(), KLConfig(),
            select=None if select is None else SelectConfig(metric=select),
        )  # fmt: skip
        plans = tuple(GatePlan(path, LimitConfig(**bound), Where("run.yaml", 3)) for path, bound in conditions.items())
        return verdict.gate(SimpleNamespace(gate=plans, stages=(stage,)), evaluators, MEASURES)

    return run


@pytest.mark.parametrize(
    ("bound", "interval", "expected"),
    [
        ({"max": 0.05}, (0.0, 0.05), "met"),
        ({"max": 0.05}, (0.01, 0.051), "inconclusive"),
        ({"max": 0.05}, (0.05, 0.2), "inconclusive"),
        ({"max": 0.05}, (0.06, 0.2), "not met"),
        ({"min": 0.8}, (0.8, 0.9), "met"),
        ({"min": 0.8}, (0.7, 0.9), "inconclusive"),
        ({"min": 0.8}, (0.7, 0.79), "not met"),
        ({"min": 0.2, "max": 0.8}, (0.3, 0.7), "met"),
        ({"min": 0.2, "max": 0.8}, (0.1, 0.9), "inconclusive"),
        ({"min": 0.2, "max": 0.8}, (0.85, 0.9), "not met"),
    ],
)
def test_a_condition_is_held_by_the_whole_interval(gate, bound, interval, expected):
    found = gate({"m.s.rate": bound}, {"m.s.rate": interval})
    assert found["verdict"] == expected
    (condition,) = found["conditions"]
    assert condition["verdict"] == expected
    assert (condition["bound"], condition["low"], condition["high"]) == (bound, *interval)


def test_a_run_without_a_gate_has_no_verdict(gate):
    assert gate({}, {}) == {"verdict": "none", "conditions": []}


def test_what_was_not_measured_is_inconclusive(gate):
    found = gate({"m.s.other": {"max": 1}}, {"m.s.rate": (0, 0.1)})
    assert found["verdict"] == "inconclusive"
    assert found["conditions"][0]["why"] == "it was not measured"


def test_a_judge_that_was_trained_on_cannot_count(gate):
    found = gate({"seen.s.rate": {"max": 0.5}}, {"seen.s.rate": (0.0, 0.1)})
    assert found["verdict"] == "inconclusive"
    assert (found["conditions"][0]["verdict"], found["conditions"][0]["why"]) == (
        "cannot count", "trained on: ppo used it",
    )  # fmt: skip


@pytest.mark.parametrize("select", ["m.valid.rate", {"m.valid.rate": 1.0, "m.s.other": -1.0}])
def test_a_set_that_was_selected_on_cannot_count(gate, select):
    found = gate({"m.valid.x": {"max": 0.5}}, {"m.valid.x": (0.0, 0.1)}, select=select)
    assert found["conditions"][0]["verdict"] == "cannot count"
    assert "'valid'" in found["conditions"][0]["why"]


@pytest.mark.parametrize(
    ("intervals", "expected"),
    [
        ([(0, 0.1), (0, 0.1)], "met"),
        ([(0, 0.1), (0.4, 0.6)], "inconclusive"),
        ([(0.4, 0.6), (0.6, 0.7)], "not met"),
        ([(0, 0.1), (0.6, 0.7)], "not met"),
    ],
)
def test_the_worst_condition_decides(gate, intervals, expected):
    paths = ["m.s.x", "m.s.y"]
    found = gate({path: {"max": 0.5} for path in paths}, dict(zip(paths, intervals, strict=True)))
    assert found["verdict"] == expected
