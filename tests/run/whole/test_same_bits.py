"""The same seed gives the same run, and a run that was stopped gives the same as one that was not."""

from __future__ import annotations

import json

import pytest
from dressage.run import checkpoint
from dressage.run.evaluation import Evaluation
from dressage.run.fitted import Fitted
from dressage.run.session import Session
from dressage.spec.console import Quiet
from dressage.spec.errors import CheckpointError, Interrupted

ONLINE = """
  - use: ppo
    iterations: 4
    rollout: {prompts: 4, max_new_tokens: 4}
    update: {epochs: 2, minibatches: 2, schedule: cosine}
    kl: {beta: 0.1, target: 0.5, horizon: 50}
"""
WHOLE = f"""
stages:
  - {{use: sft, epochs: 2, update: {{batch: 4}}}}
  {ONLINE.strip()}
    select: {{every: 1, metric: size.valid.mean}}
    mix: {{use: sft, weight: 0.5, batch: 3}}
    rewards:
      - {{use: letters, normalize: running, weight: 2}}
      - {{use: reward-model, epochs: 2, update: {{batch: 4}}}}
evaluate: {{sets: {{valid: valid.jsonl}}, measures: [size], samples: 2, resamples: 20}}
"""
OFFLINE = "stages: [{use: sft, update: {batch: 8}}, {use: prefer, epochs: 3, update: {batch: 6}}]\n"
PLAIN = f"stages:{ONLINE}    rewards: [letters]\n"
LIMITED = f"stages:{ONLINE}    rewards: [letters, {{use: letters, as: few, limit: {{max: 0.01, window: 3}}}}]\n"


class Killed(BaseException):
    """What a kill looks like from inside: nothing catches it, nothing is saved."""


class Kills(Quiet):
    """A console that ends the process at the n-th line that has a text."""

    def __init__(self, text, number=1):
        self.text, self.left = text, number

    def line(self, text=""):
        self.left -= self.text in text
        if self.text in text and self.left == 0:
            raise Killed


def test_one_seed_gives_one_adapter(run, whole, tmp_path):
    again, other = run(PLAIN, tmp_path / "again"), run(PLAIN, tmp_path / "other", seed=1)
    assert again.same_bits(whole(PLAIN))
    assert again.metrics == whole(PLAIN).metrics
    assert not other.same_bits(again)
    assert all(weight.any() for weight in again.adapter.values())


@pytest.mark.parametrize("steps", [4, 6, 10])
def test_a_stopped_run_goes_on_to_the_same_bits(run, whole, tmp_path, stop_at, steps):
    """SFT is steps 1 to 4, the reward model's batches are 5 to 8, PPO's iterations 9 to 12."""
    with pytest.raises(Interrupted):
        run(WHOLE, tmp_path, stop=stop_at(steps))
    found, expected = run(WHOLE, tmp_path, resume=True), whole(WHOLE)
    assert found.same_bits(expected)
    assert found.metrics == expected.metrics
    assert found.report["evaluators"] == expected.report["evaluators"]
    for key in ("selected", "rewards"):
        assert found.report["stages"][-1][key] == expected.report["stages"][-1][key]


def test_a_run_under_a_limit_goes_on_to_the_same_bits(run, whole, tmp_path, stop_at):
    with pytest.raises(Interrupted):
        run(LIMITED, tmp_path, stop=stop_at(2))
    found, expected = run(LIMITED, tmp_path, resume=True), whole(LIMITED)
    assert found.same_bits(expected)
    assert found.metrics == expected.metrics
    logged = [json.loads(line)["metrics"] for line in found.metrics.splitlines()]
    assert len({metrics["limit.few.max.multiplier"] for metrics in logged}) == 4
    told = {r["name"]: (r["weight"], r["limit"]) for r in found.report["stages"][-1]["rewards"]}
    assert told == {"letters": (1.0, None), "few": (0.0, {"max": 0.01})}


def test_a_run_stopped_twice_goes_on_to_the_same_bits(run, whole, tmp_path, stop_at):
    with pytest.raises(Interrupted):
        run(PLAIN, tmp_path, stop=stop_at(1))
    with pytest.raises(Interrupted):
        run(PLAIN, tmp_path, stop=stop_at(2), resume=True)
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 3
    found = run(PLAIN, tmp_path, resume=True)
    assert found.same_bits(whole(PLAIN))
    assert found.metrics == whole(PLAIN).metrics


@pytest.mark.parametrize("at", ["ppo 1/4", "ppo @ 4"])
def test_a_killed_run_goes_on_to_the_same_bits(run, whole, tmp_path, at):
    with pytest.raises(Killed):
        run(WHOLE, tmp_path, console=Kills(at))
    found = run(WHOLE, tmp_path, resume=True)
    assert found.same_bits(whole(WHOLE))
    assert found.metrics == whole(WHOLE).metrics


def test_weights_that_were_asked_are_not_asked_again_and_would_say_the_same(run, whole, tmp_path, monkeypatch):
    asked = []
    sampled = Evaluation._sample

    def noting(self, network, name, when, **settings):
        asked.append(when)
        return sampled(self, network, name, when, **settings)

    monkeypatch.setattr(Evaluation, "_sample", noting)
    run(WHOLE, tmp_path / "once")
    assert asked == ["before", "sft", "ppo@1", "ppo@2", "ppo@3", "ppo@4"]  # neither ppo@0 nor what ppo hands on
    monkeypatch.setattr(Evaluation, "replies", noting)
    again = run(WHOLE, tmp_path / "each time")
    assert len(asked) == 6 + 8
    assert again.report["evaluators"] == whole(WHOLE).report["evaluators"]


def test_a_killed_run_times_each_iteration_once(run, tmp_path):
    with pytest.raises(Killed):
        run(PLAIN, tmp_path, console=Kills("ppo 3/4"))
    run(PLAIN, tmp_path, resume=True)
    timed = [json.loads(line)["step"] for line in (tmp_path / "timings.jsonl").read_text().splitlines()]
    assert timed == [1, 2, 3, 4]


def test_a_killed_run_fits_no_reward_again(run, whole, tmp_path, monkeypatch):
    expected = whole(WHOLE)
    with pytest.raises(Killed):
        run(WHOLE, tmp_path, console=Kills("ppo 1/4"))
    monkeypatch.setattr(Fitted, "fit", None)
    assert run(WHOLE, tmp_path, resume=True).same_bits(expected)


@pytest.mark.parametrize(("seconds", "done"), [(1e9, 4), (0, 5)])
def test_a_killed_offline_stage_loses_an_epoch_or_two_minutes(run, whole, tmp_path, seconds, done):
    """An epoch is two steps; the run ends after the sixth."""
    text = f"stages: [{{use: sft, epochs: 3, update: {{batch: 4}}}}]\ncheckpoints: {{seconds: {seconds}}}\n"
    with pytest.raises(Killed):
        run(text, tmp_path, console=Kills("sft: epoch 3"))
    assert checkpoint.load_latest(tmp_path / "checkpoints", Quiet())["step"] == done
    found = run(text, tmp_path, resume=True)
    assert found.same_bits(whole(text))
    assert found.metrics == whole(text).metrics


def test_seconds_are_those_of_all_processes(run, tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("dressage.run.record.monotonic", lambda: clock[0])

    def stop():
        clock[0] += 1000
        return clock[0] == 2000

    with pytest.raises(Interrupted):
        run(PLAIN, tmp_path, stop=stop)
    clock[0] += 1e6
    report = run(PLAIN, tmp_path, stop=stop, resume=True).report
    assert report["seconds"]["ppo"] == report["seconds"]["total"] == report["stages"][0]["seconds"] == 4000.0
    assert list(report["seconds"])[-1] == "total"


def test_a_run_killed_before_its_last_evaluation_is_evaluated(run, whole, tmp_path, monkeypatch):
    evaluate = Session.evaluate

    def killed(self, when):
        if when == "ppo":
            raise Killed
        evaluate(self, when)

    monkeypatch.setattr(Session, "evaluate", killed)
    with pytest.raises(Killed):
        run(WHOLE, tmp_path)
    monkeypatch.setattr(Session, "evaluate", evaluate)
    found = run(WHOLE, tmp_path, resume=True)
    assert found.report["evaluators"] == whole(WHOLE).report["evaluators"]
    assert found.same_bits(whole(WHOLE))


@pytest.mark.parametrize("steps", [1, 3])
def test_an_offline_stage_keeps_its_reference_when_it_goes_on(run, whole, tmp_path, stop_at, steps):
    """A stage that takes the adapter it resumes with for its reference learns something else."""
    with pytest.raises(Interrupted):
        run(OFFLINE, tmp_path, stop=stop_at(steps))
    found = run(OFFLINE, tmp_path, resume=True)
    assert found.same_bits(whole(OFFLINE))
    assert found.metrics == whole(OFFLINE).metrics
    distances = [json.loads(line)["metrics"].get("distance") for line in found.metrics.splitlines()]
    assert distances[1] == 0.0
    assert distances[2] > 0


def test_a_damaged_checkpoint_costs_steps_not_bits(run, whole, tmp_path, stop_at):
    for step in (1, 2):
        with pytest.raises(Interrupted):
            run(PLAIN, tmp_path, stop=stop_at(1), resume=step > 1)
    newest = max((tmp_path / "checkpoints").iterdir())
    (newest / "tensors.safetensors").write_bytes(b"no such thing")
    found = run(PLAIN, tmp_path, resume=True)
    assert found.same_bits(whole(PLAIN))
    assert found.metrics == whole(PLAIN).metrics


def test_a_run_killed_before_its_first_checkpoint_starts_again(run, whole, tmp_path):
    """`metrics.jsonl` holds a line by then, and would hold it twice."""
    with pytest.raises(Killed):
        run(PLAIN, tmp_path, console=Kills("ppo 2/4"))
    assert not (tmp_path / "checkpoints").exists()
    assert (tmp_path / "metrics.jsonl").exists()
    found = run(PLAIN, tmp_path, resume=True)
    assert found.same_bits(whole(PLAIN))
    assert found.metrics == whole(PLAIN).metrics


def test_a_checkpoint_of_other_settings_is_refused(run, tmp_path, stop_at):
    with pytest.raises(Interrupted):
        run(PLAIN, tmp_path, stop=stop_at(1))
    with pytest.raises(CheckpointError, match=r"stages\.0\.kl\.beta was 0\.1, is 0\.2\); resume it with"):
        run(PLAIN.replace("beta: 0.1", "beta: 0.2"), tmp_path, resume=True)
    with pytest.raises(CheckpointError, match="seed was 0, is 1"):
        run(PLAIN, tmp_path, resume=True, seed=1)
    of_phones = PLAIN.replace("rewards: [letters]", "rewards: [{use: letters, when: {device: phone}}]")
    with pytest.raises(CheckpointError, match=r"stages\.0\.rewards\.0.*when"):
        run(of_phones, tmp_path, resume=True)
    elsewhere = PLAIN.replace("rewards: [letters]", "rewards: [{use: letters, device: cpu}]")
    assert run(elsewhere, tmp_path, resume=True).report["status"] == "complete"
