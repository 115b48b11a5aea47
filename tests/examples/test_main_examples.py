"""The examples of the embedded model, and what `init` writes, run as they stand: on a tiny model and a few rows."""

from __future__ import annotations

import json

import pytest
from ruamel.yaml import YAML

SMALL = {"prompts": 6, "samples": 2, "max_new_tokens": 6, "temperature": 0.7}


def flags(path, base):
    """Flags that put a tiny model and few rows into an example."""
    example = YAML(typ="safe", pure=True).load(path)
    found = {
        "model.base": str(base), "model.device": "cpu", "model.dtype": "float32", "model.adapter.layers": 2,
        "evaluate.resamples": 20, "evaluate.samples": 1,
    }  # fmt: skip
    for name, specs in example["data"].items():
        several = isinstance(specs, list)
        for i, _ in enumerate(specs if several else [specs]):
            found[f"data.{name}.{f'{i}.' if several else ''}sample"] = 24
    # a few rows of twins would have no pair among them
    found |= {f"evaluate.sets.{name}.sample": 8 for name in example["evaluate"]["sets"] if name != "twins"}
    for i, stage in enumerate(example["stages"]):
        if "rollout" in stage:
            found |= {f"stages.{i}.iterations": 2, f"stages.{i}.rollout": SMALL}
            fitted = [n for n, reward in enumerate(stage["rewards"]) if "epochs" in reward]
            found |= {f"stages.{i}.rewards.{n}.epochs": 2 for n in fitted}
    return [word for key, value in found.items() for word in ("--set", f"{key}={json.dumps(value)}")]


@pytest.fixture
def run(call, base, tmp_path):
    """Runs a YAML small; what it said, and its report."""

    def go(path):
        code, said = call("run", path, "--run-dir", tmp_path / "out", *flags(path, base))
        assert code == 0, said
        return said, json.loads((tmp_path / "out" / "report.json").read_text())

    return go


def test_the_main_job_runs_whole(run, examples):
    said, report = run(examples / "quickstart.yaml")
    assert [stage["name"] for stage in report["stages"]] == ["sft", "ppo"]
    assert [reward["name"] for reward in report["stages"][1]["rewards"]] == ["profanity", "reward-model", "bias"]
    assert report["stages"][1]["selected"]["step"] in (0, 2)
    assert "ppo.mix: " in said
    measured = {f"{measure}.{name}" for measure, sets in report["evaluators"].items() for name in sets}
    assert measured >= {"refusal.harmful", "answered.harmless", "toxicity-unrelated.provocations", "bias.twins"}
    assert not any("inf" in line or "nan" in line for line in said.splitlines() if line.startswith("  ppo "))


def test_detox_runs_whole(run, examples):
    said, report = run(examples / "detox.yaml")
    assert [stage["name"] for stage in report["stages"]] == ["ppo"]
    assert set(report["evaluators"]) >= {"toxicity", "toxicity-unrelated", "profane-words", "perplexity"}
    assert "report: " in said


def test_what_init_writes_runs_whole(run, call, tmp_path):
    assert call("init", tmp_path / "mine.yaml")[0] == 0
    report = run(tmp_path / "mine.yaml")[1]
    assert report["status"] == "complete"
    assert len(report["stages"]) >= 2
