"""The probe before the first update, and the reference that a stage is held to."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from dressage.run.stages import _freeze_reference
from dressage.spec.errors import TrainingError

from tests.run.conftest import policy, same, scored


def test_the_probe_passes_on_every_architecture(architecture, make_stage):
    for stirred in (False, True):
        metrics = make_stage(architecture=architecture, stirred=stirred).iterate(1).metrics
        assert metrics["kl"] == 0.0
        assert metrics["sampler_kl"] < 1e-6


def test_the_first_microbatch_is_at_ratio_one(make_stage):
    stage = make_stage()
    stage.iterate(1)
    new, old = stage.optimizer.outputs[0].logprobs, stage.optimizer.experiences[0].logprobs
    assert torch.equal(new, old)
    assert new.requires_grad


@pytest.mark.parametrize("value", [{}, {"role": "adapter"}])
@pytest.mark.parametrize(("dtype", "quantize"), [("float32", "none"), ("bfloat16", "none"), ("bfloat16", "nf4")])
def test_in_every_number_format_the_ratio_is_one_and_the_distance_zero(make_stage, monkeypatch, dtype, quantize, value):
    """By the bit, after another stage too: what the probe's tolerance is measured against."""
    seen = []
    monkeypatch.setattr("dressage.run.probe.check", lambda stage, ratio, distance: seen.append((ratio, distance)))
    stage = make_stage(value=value, model={"dtype": dtype, "quantize": quantize})
    stage.iterate(1)
    assert stage.network.base.dtype == getattr(torch, dtype)
    assert seen == [(0.0, 0.0)]


@pytest.mark.parametrize("temperature", [0.5, 1.5])
def test_temperature_divides_sampler_policy_and_reference(make_stage, temperature):
    stage = make_stage(rollout={"temperature": temperature})
    metrics = stage.iterate(1).metrics
    assert metrics["sampler_kl"] < 1e-6
    assert metrics["kl"] == 0.0


def test_a_reference_that_was_tampered_with_stops_the_stage(make_stage, stir):
    stage = make_stage()
    stir(stage.network, "reference", seed=8)
    before = policy(stage)
    with pytest.raises(TrainingError, match="differ from the reference's"):
        stage.iterate(1)
    assert same(policy(stage), before)


def test_a_policy_that_is_not_its_reference_stops_the_stage(make_stage, stir):
    stage = make_stage(stirred=False)
    stir(stage.network, size=0.05)
    with pytest.raises(TrainingError, match="before the first update"):
        stage.iterate(1)


def test_the_probe_waits_for_the_first_update(make_stage, stir):
    """The first batch that anybody has an opinion on is probed, whichever iteration that is."""
    stage = make_stage(lambda prompt, response: None)
    stage.iterate(1)
    stir(stage.network, "reference", seed=8)
    stage.sources[0].reward.judge = lambda prompt, response: 1.0
    with pytest.raises(TrainingError, match="before the first update"):
        stage.iterate(2)


def test_the_reference_is_the_model_as_the_stage_found_it(make_stage):
    stage = make_stage()
    found = policy(stage)
    stage.iterate(1)
    assert not same(policy(stage), found)
    assert same(stage.network.adapters.state("reference"), found)


def test_the_reference_of_an_untrained_policy_is_the_base(make_stage):
    stage = make_stage(stirred=False)
    assert stage.reference is None
    assert stage.network.adapters.names == ["default"]


def test_a_later_stage_has_a_reference_of_its_own(make_network, stir):
    network = make_network()
    session = SimpleNamespace(network=network)
    assert _freeze_reference(session) == "reference"
    stir(network, seed=3)
    _freeze_reference(session)
    assert same(network.adapters.state("reference"), network.adapters.state("default"))


def test_kl_is_the_mean_sum_of_log_ratios_to_the_reference(make_stage):
    stage = make_stage()
    stage.iterate(1)
    stage.network.adapters.add("before")
    stage.network.adapters.load("before", policy(stage))
    metrics = stage.iterate(2).metrics
    ratios = [(scored(stage, "before", s) - scored(stage, "reference", s)).sum() for s in stage.samples]
    assert metrics["kl"] == pytest.approx(float(sum(ratios)) / len(ratios), abs=1e-4)
    assert abs(metrics["kl"]) > 1e-3
