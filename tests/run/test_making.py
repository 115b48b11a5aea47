"""Components made from a plan: what is wrong with one is said with its name and place."""

from __future__ import annotations

from pathlib import Path

import pytest
from dressage.run.build import Workshop
from dressage.spec.components import Reward
from dressage.spec.console import Quiet
from dressage.spec.errors import ComponentError
from dressage.spec.options import Options

NAME = "reward 'either' (acme 1.2, run.yaml:7:3)"


class GoalOptions(Options):
    goal: str = "max"


class Either(Reward[GoalOptions]):
    def __init__(self, options, ctx):
        super().__init__(options, ctx)
        self.goal = options.goal

    def score(self, batch):
        return [0.0] * len(batch)


class Leaves(Reward[GoalOptions]):
    def __init__(self, options, ctx):
        raise SystemExit(0)

    def score(self, batch):
        return []


@pytest.fixture
def workshop():
    return Workshop(Path(), Path(), "cpu", 0, Quiet())


@pytest.mark.parametrize("goal", ["max", "min"])
def test_a_reward_may_set_its_goal_when_it_is_made(workshop, planned, goal):
    assert workshop.make(planned(Either, goal=goal)).goal == goal


def test_a_goal_that_is_none_is_refused_when_the_reward_is_made(workshop, planned):
    with pytest.raises(ComponentError) as caught:
        workshop.make(planned(Either, goal="minimise"))
    assert str(caught.value) == f"{NAME}: its goal must be 'max' or 'min', not 'minimise'"


def test_a_component_that_exits_while_it_is_made_is_named(workshop, planned):
    with pytest.raises(ComponentError, match=r"reward 'leaves' \(acme 1\.2.* could not be made: SystemExit: 0"):
        workshop.make(planned(Leaves))
