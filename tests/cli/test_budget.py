"""`run --dry-run` and `doctor YAML`: the memory of a run, printed before anything is loaded."""

import json
from pathlib import Path

import pytest
from dressage.cli import doctor as command

CONFIG = {
    "model_type": "llama", "vocab_size": 100, "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
}  # fmt: skip


@pytest.fixture
def shaped(yaml, tmp_path) -> Path:
    """A YAML on a folder that holds a config.json and nothing else."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text(json.dumps(CONFIG))
    yaml.write_text(yaml.read_text().replace("some/model", "./model"))
    return yaml


def test_a_dry_run_prints_phases_and_makes_no_folder(call, shaped, engine) -> None:
    answer = call("run", shaped, "--dry-run", "--device", "cpu")
    assert answer.code == 0
    assert "base  weights" in answer.out
    assert answer.out.splitlines()[-1].startswith("peak ")
    assert engine.calls == []
    assert not Path("runs").exists()


def test_json_has_every_part(call, shaped) -> None:
    found = json.loads(call("run", shaped, "--dry-run", "--json", "--memory", 8).out)
    assert [phase["phase"] for phase in found["phases"]] == ["load", "evaluate"]
    weights = next(p for p in found["phases"][0]["parts"] if p["what"] == "weights")
    assert weights["bytes"] == 2 * found["model"]["parameters"]
    assert found["peak"]["bytes"] == max(phase["bytes"] for phase in found["phases"])
    assert found["fits"] is True


def test_what_cannot_fit_ends_with_4_and_one_line(call, shaped) -> None:
    answer = call("run", shaped, "--dry-run", "--memory", 0.01)
    assert answer.code == 4
    (line,) = [line for line in answer.err.splitlines() if line.startswith("error: ")]
    assert "memory: the run needs" in line
    assert "peak " in answer.out


def test_the_doctor_shows_it_after_its_findings(call, shaped, monkeypatch) -> None:
    monkeypatch.setattr(command, "engine_facts", lambda: {"error": "not asked"})
    answer = call("doctor", shaped, "--memory", 8)
    assert answer.out.index("python") < answer.out.index("peak ")
    found = json.loads(call("doctor", shaped, "--memory", 8, "--json").out)
    assert set(found) == {"machine", "budget"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "tiny.yaml", "--memory", 8), "--memory goes with --dry-run"),
        (("run", "tiny.yaml", "--json"), "--json goes with --dry-run"),
        (("doctor", "--memory", 8), "go with a YAML"),
        (("run", "tiny.yaml", "--dry-run", "--memory", "much"), "--memory"),
        (("run", "tiny.yaml", "--dry-run", "--memory", 0), "--memory"),
    ],
)
def test_flags_that_mean_nothing_are_refused(call, shaped, arguments, said) -> None:
    answer = call(*arguments)
    assert answer.code == 2
    assert said in answer.err


def test_a_model_that_is_not_there_is_one_line(call, yaml, monkeypatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    answer = call("run", yaml, "--dry-run", "--device", "cpu")
    assert answer.code == 2
    assert answer.err.count("error: ") == 1
    assert "model.base: some/model: not in the local cache" in answer.err
