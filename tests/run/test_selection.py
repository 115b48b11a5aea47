"""The best iteration is what a stage hands on."""

from __future__ import annotations

import pytest
import torch
from dressage.run.selection import Selector, check_metric
from dressage.run.statistics import Estimate
from dressage.spec.console import Quiet
from dressage.spec.errors import DataError
from dressage.spec.sections import SelectConfig


class Adapters:
    """One number as a policy."""

    def __init__(self):
        self.weight = torch.zeros(1)

    def state(self, name):
        return {"w": self.weight.clone()}

    def load(self, name, state):
        self.weight = state["w"].clone()


class Network:
    def __init__(self):
        self.adapters = Adapters()


class Evaluation:
    """Measures what it is told to, by dotted path."""

    def __init__(self, better="higher"):
        self.found = {}
        self.say = better
        self.asked = []

    def run(self, network, when, only=None):
        self.asked.append((when, only))
        return {}

    def estimates(self, answers, resamples=None):
        return {path: Estimate(value, value, value, 1) for path, value in self.found.items()}

    def better(self, path, answers):
        return self.say


def selector(metric="m.valid.x", better="higher", **settings):
    return Selector(SelectConfig(metric=metric, **settings), Evaluation(better), Network(), Quiet(), "ppo")


def follow(chosen, values, path="m.valid.x"):
    """Considers one value a step; the policy's weight is the step's number."""
    for step, value in enumerate(values):
        chosen.network.adapters.weight = torch.tensor([float(step)])
        chosen.evaluation.found = value if isinstance(value, dict) else {path: value}
        chosen.consider(step)
    chosen.hand_on()
    return chosen.network.adapters.weight.item()


@pytest.mark.parametrize(
    ("values", "best"), [([0.1, 0.7, 0.5], 1), ([0.9, 0.7, 0.5], 0), ([0.1, 0.2, 0.5], 2), ([0.3, 0.5, 0.5], 1)]
)
def test_the_best_iteration_is_handed_on(values, best):
    assert follow(selector(), values) == best


def test_less_is_better_where_the_metric_says_so():
    assert follow(selector(better="lower"), [0.5, 0.2, 0.4]) == 1


@pytest.mark.parametrize(("mode", "best"), [("max", 0), ("min", 1)])
def test_mode_has_the_last_word(mode, best):
    assert follow(selector(better="lower", mode=mode), [0.5, 0.2, 0.4]) == best


def test_a_weighted_sum_is_maximised_as_it_stands():
    """0.5 - 2 * 0.2 = 0.1; 0.4 - 2 * 0.1 = 0.2; 0.9 - 2 * 0.5 = -0.1."""
    chosen = selector({"m.valid.x": 1.0, "m.valid.y": -2.0}, better="lower")
    values = [{"m.valid.x": x, "m.valid.y": y} for x, y in ((0.5, 0.2), (0.4, 0.1), (0.9, 0.5))]
    assert follow(chosen, values) == 1
    assert chosen.report()["value"] == pytest.approx(0.2)
    assert chosen.report()["paths"] == ["m.valid.x", "m.valid.y"]


def test_the_report_has_the_whole_history():
    chosen = selector()
    follow(chosen, [0.1, 0.7, 0.5])
    assert chosen.report() == {
        "step": 1, "metric": "m.valid.x", "paths": ["m.valid.x"], "value": 0.7,
        "history": [[0, 0.1], [1, 0.7], [2, 0.5]],
    }  # fmt: skip


def test_only_what_is_selected_on_is_measured():
    chosen = selector({"m.valid.x": 1.0, "m.valid.y": 1.0, "n.other.z": 1.0})
    chosen.evaluation.found = {"m.valid.x": 0.0, "m.valid.y": 0.0, "n.other.z": 0.0}
    chosen.consider(4)
    assert chosen.evaluation.asked == [("ppo@4", [("m", "valid"), ("n", "other")])]


@pytest.mark.parametrize(("step", "due"), [(0, True), (1, False), (3, True), (6, True), (7, False), (8, True)])
def test_it_is_due_at_the_start_every_few_and_at_the_end(step, due):
    assert selector(every=3).due(step, last=8) is due


def test_a_stage_without_select_hands_on_what_it_has():
    chosen = Selector(None, Evaluation(), Network(), Quiet(), "ppo")
    chosen.network.adapters.weight = torch.tensor([5.0])
    chosen.hand_on()
    assert chosen.network.adapters.weight.item() == 5.0
    assert not chosen.due(0, 0)
    assert chosen.report() is None


def test_a_metric_that_was_not_measured_is_named():
    evaluation = Evaluation()
    evaluation.results, evaluation.found = {"before": {}}, {"m.valid.x": 1.0}
    with pytest.raises(DataError, match=r"m\.valid\.xx was not measured; the evaluation found: m\.valid\.x"):
        check_metric(SelectConfig(metric="m.valid.xx"), evaluation)


def test_an_iteration_whose_metric_is_undefined_is_not_the_best():
    chosen, again = selector(), selector()
    assert follow(chosen, [{"m.valid.x": 0.5}, {}, {"m.valid.x": 0.3}]) == 0
    assert chosen.report()["history"] == [[0, 0.5], [1, None], [2, 0.3]]
    again.load_state_dict(chosen.state_dict())
    assert again.history == chosen.history


def test_a_stage_that_could_select_nothing_hands_on_what_it_has():
    chosen = selector()
    assert follow(chosen, [{}, {}]) == 1.0
    assert chosen.report() is None


def test_a_metric_that_does_not_say_what_is_better_needs_a_mode():
    chosen = selector(better="neither")
    chosen.evaluation.found = {"m.valid.x": 1.0}
    with pytest.raises(DataError, match="add `mode: max` or `mode: min`"):
        chosen.consider(0)


def test_a_restored_selector_remembers_the_best():
    first, second = selector(), selector()
    follow(first, [0.1, 0.7])
    second.load_state_dict(first.state_dict())
    second.network.adapters.weight = torch.tensor([2.0])
    second.evaluation.found = {"m.valid.x": 0.5}
    second.consider(2)
    second.hand_on()
    assert second.network.adapters.weight.item() == 1.0
    assert second.report()["history"] == [[0, 0.1], [1, 0.7], [2, 0.5]]
