"""What a user gets wrong before a run begins: one clear line, the right exit code, no traceback."""

import shutil
import time

import pytest


@pytest.fixture
def refused(call, place):
    """Runs the whole YAML with some settings; gives the exit code and the one line that it must say."""

    def run(*settings, yaml="run.yaml"):
        flags = [word for setting in settings for word in ("--set", setting)]
        answer = call("run", yaml, "--run-dir", "out", *flags)
        assert "Traceback" not in answer.err
        assert len(answer.errors) == 1, answer.err
        assert answer.err.splitlines()[-1] == answer.errors[0]
        return answer.code, answer.errors[0]

    return run


# --- the YAML --------------------------------------------------------------------------------------------------------


def test_unknown_option(refused):
    code, line = refused("stages.1.with.clop=0.2")
    assert code == 2
    assert "stages.1.with.clop" in line
    assert "did you mean 'clip'?" in line


def test_wrong_type(refused):
    code, line = refused("stages.1.iterations=many")
    assert code == 2
    assert "stages.1.iterations: must be a whole number" in line


def test_place_in_the_file_is_named(refused, place):
    yaml = place / "run.yaml"
    yaml.write_text(yaml.read_text().replace("iterations: 3", "iterations: 3.5"))
    code, line = refused()
    assert code == 2
    assert line.startswith("error: run.yaml:15:17: stages.1.iterations: ")


def test_all_problems_come_at_once(call, place):
    answer = call("run", "run.yaml", "--set", "seed=x", "--set", "stages.1.kl.beta=-1", "--set", "modle.base=y")
    assert answer.code == 2
    assert len(answer.errors) == 3


def test_no_yaml(call, place):
    answer = call("run", "runn.yaml")
    assert answer.code == 2
    assert len(answer.errors) == 1
    assert "runn.yaml: no such file" in answer.errors[0]


def test_unknown_flag(call, place):
    answer = call("run", "run.yaml", "--rundir", "out")
    assert answer.code == 2
    assert "--rundir" in answer.errors[0]


# --- plugins ---------------------------------------------------------------------------------------------------------


def test_name_close_to_an_installed_one_is_a_typo(refused):
    code, line = refused("stages.1.rewards.1.use=profannity")
    assert code == 2
    assert "did you mean 'profanity'?" in line


def test_plugin_that_is_not_installed(refused, monkeypatch):
    monkeypatch.setenv("DRESSAGE_PLUGINS", "dressage-sft,dressage-ppo,dressage-evals,dressage-filters,"
                       "dressage-reward-model,dressage-toxicity")  # fmt: skip
    code, line = refused("stages.1.rewards=[length]")
    assert code == 3
    assert "dressage-rules" in line


def test_required_distribution_that_is_not_installed(refused):
    code, line = refused("requires=[acme-rewards>=2]")
    assert code == 3
    assert line.endswith("acme-rewards is not installed; pip install 'acme-rewards>=2'")


# --- data ------------------------------------------------------------------------------------------------------------


def test_missing_file(refused):
    code, line = refused("data.prompts=gone.jsonl")
    assert code == 2
    assert "gone.jsonl" in line


def test_empty_file(refused, place):
    (place / "prompts.jsonl").write_text("")
    code, line = refused()
    assert code == 2
    assert "prompts.jsonl" in line


def test_file_of_blank_lines(refused, place):
    (place / "prompts.jsonl").write_text("\n\n\n")
    code, line = refused()
    assert code == 2
    assert "prompts.jsonl" in line


def test_condition_that_no_row_meets(refused):
    code, line = refused("data.prompts={path: prompts.jsonl, where: {kind: harmful}}")
    assert code == 2
    assert "prompts" in line
    assert "where" in line


def test_filter_that_leaves_nothing(refused):
    code, line = refused("filters=[{use: length, with: {minimum: 100000}}]")
    assert code == 2
    assert "filter 'length' (dressage-filters 0.1.0" in line
    assert "left no rows of 15" in line


def test_row_that_is_no_json(refused, place):
    path = place / "prompts.jsonl"
    path.write_text(path.read_text() + "{not json\n")
    code, line = refused()
    assert code == 2
    assert "prompts.jsonl:9" in line


def test_row_of_no_known_shape(refused, place):
    path = place / "demonstrations.jsonl"
    path.write_text('{"question": "What?", "solution": "That."}\n' + path.read_text())
    code, line = refused()
    assert code == 2
    assert "demonstrations.jsonl:1" in line


def test_bad_row_is_skipped_where_the_yaml_says_so(call, place):
    path = place / "demonstrations.jsonl"
    path.write_text(path.read_text() + "{not json\n")
    answer = call(
        "run", "run.yaml", "--run-dir", "out", "--set", "data.bad_rows=skip", "--set", "stages.1.iterations=1"
    )
    assert answer.code == 0, answer.err
    assert "1 bad rows skipped" in answer.err


def test_evaluation_prompt_that_is_trained_on(refused):
    code, line = refused("evaluate.sets.held=prompts.jsonl")
    assert code == 2
    assert "'held'" in line
    assert "prompts.jsonl:1" in line


LONG = "the horse walks and walks " * 1000


@pytest.mark.parametrize("name", ["held", "prompts"])
def test_prompt_longer_than_the_context(name, refused, place):
    path = place / f"{name}.jsonl"
    path.write_text(path.read_text() + f'{{"text": "{LONG}"}}\n')
    code, line = refused()
    assert code == 2
    assert f"{name}.jsonl:{len(path.read_text().splitlines())}" in line
    assert len(line) < 400


# --- the model -------------------------------------------------------------------------------------------------------


def test_folder_without_tokenizer(refused, place, model):
    (place / "bare").mkdir()
    for name in ("config.json", "generation_config.json", "model.safetensors"):
        shutil.copy(model / name, place / "bare" / name)
    code, line = refused("model.base=./bare")
    assert code == 2
    assert "./bare" in line
    assert "tokenizer" in line


def test_folder_without_weights(refused, place, model):
    (place / "bare").mkdir()
    for path in model.iterdir():
        if path.suffix != ".safetensors":
            shutil.copy(path, place / "bare" / path.name)
    code, line = refused("model.base=./bare")
    assert code == 2
    assert "./bare" in line


def test_folder_whose_weights_are_cut_short(refused, place, model):
    shutil.copytree(model, place / "cut")
    weights = place / "cut" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    code, line = refused("model.base=./cut")
    assert code == 2
    assert "./cut" in line


def test_folder_without_a_model(refused, place):
    (place / "nothing").mkdir()
    code, line = refused("model.base=./nothing")
    assert code == 2
    assert "config.json" in line


def test_folder_that_is_not_there(refused):
    code, line = refused("model.base=./gone")
    assert code == 2
    assert "./gone" in line


@pytest.mark.parametrize("offline", ["1", ""])
def test_hub_name_without_a_network_fails_soon(offline, refused, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", offline)
    start = time.monotonic()
    code, line = refused("model.base=nobody/no-such-model")
    assert time.monotonic() - start < 3
    assert code == 2
    assert "nobody/no-such-model" in line
    assert "give a local folder, a GGUF file, or a registered model" in line


# --- the machine -----------------------------------------------------------------------------------------------------


def test_gpu_that_is_not_there(refused, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    code, line = refused("model.device=cuda")
    assert code == 4
    assert "cuda" in line


def test_run_folder_under_a_file(call, place):
    (place / "notes").write_text("")
    answer = call("run", "run.yaml", "--run-dir", "notes/out")
    assert answer.code == 4
    assert len(answer.errors) == 1
    assert "notes/out: cannot be written" in answer.errors[0]


def test_run_folder_on_a_file_system_that_is_read_only(call, place, monkeypatch):
    import errno
    import tempfile

    def refuse(*arguments, **named):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    answer = call("run", "run.yaml", "--run-dir", "out")
    assert answer.code == 4
    assert answer.errors == ["error: --run-dir out: cannot be written (read-only file system); name another folder"]


def test_run_folder_in_use(call, place):
    (place / "out").mkdir()
    (place / "out" / "report.json").write_text("{}")
    answer = call("run", "run.yaml", "--run-dir", "out")
    assert answer.code == 2
    assert (place / "out" / "report.json").read_text() == "{}"
