"""Runs whose value function has an adapter, or a base, of its own."""

from __future__ import annotations

import gc
import json
import weakref
from types import SimpleNamespace

import pytest
from dressage.run import devices
from dressage.run.session import Session
from dressage.spec.errors import Interrupted, ModelError
from dressage.spec.sections import ModelConfig

RUN = """
stages:
  - {{use: sft, update: {{batch: 4}}}}
  - {{use: ppo, iterations: 4, rollout: {{prompts: 4, max_new_tokens: 4}}, rewards: [letters], value: {value}}}
"""


def test_a_stages_own_base_is_gone_when_the_stage_is(run, model_folder, tmp_path, monkeypatch):
    """Even where no garbage collection happens to run by itself."""
    made, alive, own_base = [], [], Session.own_base

    def noted(self, base, key):
        network = own_base(self, base, key)
        made.append(weakref.ref(network))
        return network

    monkeypatch.setattr(Session, "own_base", noted)
    monkeypatch.setattr(devices, "return_freed_memory", lambda: alive.append([one() is not None for one in made]))
    gc.disable()
    try:
        run(RUN.format(value=f"{{role: model, base: {model_folder('llama')}}}"), tmp_path / "run")
    finally:
        gc.enable()
    assert alive[-2:] == [[True], [False]]


@pytest.mark.parametrize(("base", "revision"), [("org/model", "v1"), ("org/other", None)])
def test_the_runs_own_base_once_more_is_the_same_revision(base, revision, monkeypatch):
    asked = []
    monkeypatch.setattr("dressage.run.session.load_base", lambda config, **_: asked.append(config) or 1 / 0)
    model = ModelConfig(base="org/model", revision="v1", trust_remote_code=True, quantize="nf4")
    session = SimpleNamespace(
        plan=SimpleNamespace(model=model, base=None, folder=None, seed=0), workshop=SimpleNamespace(cache=None)
    )
    with pytest.raises(ZeroDivisionError):
        Session.own_base(session, base, "ppo.value.base")
    (config,) = asked
    assert (config.base, config.revision, config.trust_remote_code) == (base, revision, revision is not None)
    assert config.quantize == "nf4"


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
