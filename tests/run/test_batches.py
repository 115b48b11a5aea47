"""How `rollout:` reaches what samples: the rollouts, and the evaluation that samples as they do."""

from __future__ import annotations

import pytest
from dressage.api import Run
from dressage.run import loop
from dressage.run.sampling import Sampling


def test_a_rollout_is_sampled_a_batch_at_a_time(make_stage):
    stage, widths = make_stage(rollout={"prompts": 6, "batch": 4}), []
    step = stage.network.step
    stage.network.step = lambda ids, *rest, **named: (widths.append(len(ids)), step(ids, *rest, **named))[1]
    assert len(stage.iterate(1).batch) == 6
    assert max(widths) == 4


@pytest.mark.parametrize(
    ("evaluate", "expected"),
    [
        ({}, Sampling(5, 0.7, 4)),
        ({"max_new_tokens": 9, "temperature": 0}, Sampling(9, 0.0, 4)),
    ],
    ids=["as the last stage", "as it says itself"],
)
def test_evaluation_samples_as_the_last_rollout_does(evaluate, expected):
    rollouts = [{"max_new_tokens": 7, "batch": 9}, {"max_new_tokens": 5, "temperature": 0.7, "batch": 4}]
    stages = [{"use": "ppo", "as": f"ppo-{n}", "rollout": one, "rewards": ["length"]} for n, one in enumerate(rollouts)]
    prompts = {"use": "starter", "with": {"part": "prompts"}}
    values = {"model": {"base": "smollm2-135m"}, "data": {"prompts": prompts}, "stages": stages, "evaluate": evaluate}
    assert loop._sampling(Run.from_dict(values).check()) == expected
