"""Runs whose value function has an adapter, or a base, of its own."""

from __future__ import annotations

import json

import pytest
from dressage.spec.errors import Interrupted, ModelError

RUN = """
stages:
  - {{use: sft, update: {{batch: 4}}}}
  - {{use: ppo, iterations: 4, rollout: {{prompts: 4, max_new_tokens: 4}}, rewards: [letters], value: {value}}}
"""


def test_a_base_that_is_not_there_is_told_by_its_key(run, tmp_path):
    with pytest.raises(ModelError, match=r"^ppo\.value\.base: \./gone: no such folder"):
        run(RUN.format(value="{role: model, base: ./gone}"), tmp_path / "run")


@pytest.mark.parametrize("architecture", [None, "llama", "qwen2"])
def test_values_of_their_own_learn_and_go_on_to_the_bit(run, whole, model_folder, tmp_path, stop_at, architecture):
    """An adapter on the run's base; the run's base once more; and another base."""
    value = "{role: adapter}" if architecture is None else f"{{role: model, base: {model_folder(architecture)}}}"
    text = RUN.format(value=value)
    done = whole(text)
    losses = [json.loads(line)["metrics"].get("value_loss") for line in done.metrics.splitlines()]
    assert sum(loss is not None and loss > 0 for loss in losses) == 4
    with pytest.raises(Interrupted):
        run(text, tmp_path / "run", stop=stop_at(4))
    found = run(text, tmp_path / "run", resume=True)
    assert found.same_bits(done)
    assert found.metrics == done.metrics
    assert not done.same_bits(whole(RUN.format(value="{role: head}")))
