"""Each example is right as it stands; the one-GPU ones run, with stand-ins for what must be fetched."""

import json
from pathlib import Path

import pytest
from dressage.host import check, discover
from ruamel.yaml import YAML

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FILES = sorted(EXAMPLES.glob("*.yaml"))
ONE_GPU = ["one-gpu-24gb", "one-gpu-8gb"]


def test_all_examples_are_there():
    assert {path.stem for path in FILES} >= {"quickstart", "detox", *ONE_GPU}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_example_is_right(path):
    assert check(path, discover({})).stages


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_example_says_how_to_run_it(path):
    assert f"dressage run examples/{path.name}" in path.read_text().split("version:")[0]


@pytest.mark.parametrize("name", ONE_GPU)
def test_one_gpu_example_is_judged_by_a_detector_it_does_not_train_on(name):
    plan = check(EXAMPLES / f"{name}.yaml", discover({}))
    trained = {reward.component.entry.name for reward in plan.stages[1].rewards}
    judges = {measure.component.name: measure.component.options for measure in plan.evaluate.measures}
    assert "toxicity" in trained
    assert judges["toxicity-unrelated"].source.use not in trained
    assert any(condition.metric.startswith("toxicity-unrelated.") for condition in plan.gate)


def settings(name, base, detoxify, comparisons, **more):
    """Flags that put a tiny model, a made checkpoint and little data into a one-GPU example."""
    example = YAML(typ="safe", pure=True).load(EXAMPLES / f"{name}.yaml")
    detector = {"use": "toxicity", "with": detoxify}
    sample = {"demonstrations": 60, "prompts": 16}
    found = {
        "model.base": str(base), "model.device": "cpu", "model.dtype": "float32", "model.adapter.layers": 2,
        "data.comparisons": str(comparisons),
        "data.demonstrations.sample": sample["demonstrations"],
        "filters.4.with.source": detector,
        "stages.0.epochs": 1, "stages.1.iterations": 2, "stages.1.select.every": 2,
        "stages.1.rollout": {"prompts": 8, "samples": 2, "max_new_tokens": 8},
        "stages.1.rewards.1.with": {**detoxify, "output": "log-odds"},
        "stages.1.rewards.2.with.source": detector,
        "evaluate.samples": 1, "evaluate.resamples": 50,
        "evaluate.measures.2.with.source": detector,
    }  # fmt: skip
    found |= {f"data.prompts.{i}.sample": sample["prompts"] for i in (0, 1)}
    found |= {f"evaluate.sets.{part}.sample": 4 for part in example["evaluate"]["sets"]}
    found |= more
    return [word for key, value in found.items() for word in ("--set", f"{key}={json.dumps(value)}")]


@pytest.fixture(scope="module", params=ONE_GPU)
def ran(request, call, base, detoxify, comparisons, tmp_path_factory):
    """A one-GPU example run to its end: name, exit code, what it said, run folder."""
    folder = tmp_path_factory.mktemp("run") / "out"
    flags = settings(request.param, base, detoxify, comparisons)
    code, said = call("run", EXAMPLES / f"{request.param}.yaml", "--run-dir", folder, *flags)
    return request.param, code, said, folder


@pytest.fixture
def report(ran):
    return json.loads((ran[3] / "report.json").read_text())


def test_one_gpu_example_runs_to_its_gate(ran):
    # random weights refuse nothing, so the gate must turn the model down
    assert ran[1] == 5, ran[2]
    assert "error: the gate is not met" in ran[2]


def test_its_base_is_held_as_the_example_says(ran, report):
    assert report["model"]["quantize"] == {"one-gpu-24gb": "nf4", "one-gpu-8gb": "none"}[ran[0]]
    assert report["model"]["architecture"] == "Qwen2ForCausalLM"


def test_its_filters_ran(report):
    assert [f["use"] for f in report["filters"]] == [
        "exact-duplicates", "near-duplicates", "mojibake", "pii", "by-score",
    ]  # fmt: skip


def test_its_rewards_scored(ran, report):
    assert [r["name"] for r in report["stages"][1]["rewards"]] == ["reward-model", "toxicity", "bias"]
    rows = [json.loads(line) for line in (ran[3] / "metrics.jsonl").read_text().splitlines()]
    last = [row for row in rows if row["stage"] == "ppo"][-1]["metrics"]
    assert last["reward.toxicity.raw"] is not None


def test_its_trained_detector_is_marked_and_the_judge_is_not(report):
    marks = {measure["name"]: measure["mark"] for measure in report["measures"]}
    assert marks["toxicity"] == "trained on"
    assert marks["toxicity-unrelated"] == ""


def test_its_model_is_saved(ran):
    assert (ran[3] / "model" / "adapter_model.safetensors").stat().st_size > 1000
    assert (ran[3] / "report.html").stat().st_size > 10000
