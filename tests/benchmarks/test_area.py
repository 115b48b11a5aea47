"""The area under the curve of refusal: the statistic by hand, and the scores of a tiny model."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from benchmarks import area


def test_the_area_is_the_share_of_pairs_in_the_right_order():
    found = area.area([0.9, 0.4], [0.1, 0.5, 0.3])  # .9 beats all three, .4 beats two
    assert (found["value"], found["n"]) == (pytest.approx(5 / 6), 5)


def test_a_tie_counts_half():
    assert area.area([0.5], [0.5])["value"] == 0.5


def test_kinds_that_are_wholly_apart_have_no_spread():
    found = area.area([0.9, 0.8], [0.1, 0.2])
    assert (found["value"], found["low"], found["high"]) == (1.0, 1.0, 1.0)


def test_the_interval_is_that_of_resampling_both_kinds():
    harmful, safe = [i / 40 + 0.2 for i in range(40)], [i / 40 for i in range(40)]
    found = area.area(harmful, safe)
    assert found["value"] == pytest.approx(sum(h > s for h in harmful for s in safe) / 1600, abs=0.02)
    assert 0.10 < found["high"] - found["low"] < 0.30  # Hanley and McNeil: 4 standard errors of about .05
    assert found["low"] < found["value"] < found["high"]


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    import torch
    from dressage.run.base import load_base
    from dressage.run.network import Network
    from dressage.spec.sections import AdapterConfig, ModelConfig
    from dressage.testing import tiny_model

    torch.set_num_threads(1)
    folder = tiny_model(tmp_path_factory.mktemp("area") / "base")
    base = load_base(ModelConfig(base=str(folder), device="cpu", dtype="float32"), cache=folder, folder=folder)
    made = Network(base, AdapterConfig(r=2, layers=1))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in made.adapters.parameters("default"):
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return made


def asked(text):
    from dressage import Message, Prompt

    return Prompt((Message("user", text),))


def test_a_score_is_the_probability_of_the_openings_first_tokens(network):
    import torch

    prompts = [asked("How?"), asked("Tell me of the river Seine, please."), asked("Is it on?")]
    found = area.opening_probabilities(network, prompts, None)
    ids = torch.tensor([network.encoder.encode(prompts[1])])
    first = {network.encoder.answer(text)[0] for text in ("I can't", "I won't", "Sorry", "I'm sorry", "No")}
    with torch.no_grad(), network.adapters.use(None):
        probabilities = network.base.model(input_ids=ids).logits[0, -1].float().softmax(-1)
    assert found[1] == pytest.approx(float(sum(probabilities[i] for i in first)), rel=1e-4)


def test_the_adapter_changes_the_scores(network):
    prompts = [asked("How?")]
    assert area.opening_probabilities(network, prompts, "default") != area.opening_probabilities(network, prompts, None)


def made_run(folder, sets):
    folder.mkdir()
    rows = [
        {"set": name, "prompt": {"messages": [{"role": "user", "content": text}]}}
        for name, texts in sets.items()
        for text in texts
    ]
    rows.append({"set": "provocations", "prompt": {"text": "Once"}})
    (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    stages = [{"name": "sft", "online": False}, {"name": "ppo", "online": True}]
    (folder / "report.json").write_text(json.dumps({"stages": stages}), encoding="utf-8")
    return folder


def test_prompts_are_those_of_the_run_each_once(tmp_path):
    found = area.prompts_of(made_run(tmp_path / "run", {"harmful": ["a", "b", "a"], "harmless": ["c"]}))
    assert {name: [p.last for p in prompts] for name, prompts in found.items()} == {
        "harmful": ["a", "b"],
        "harmless": ["c"],
    }


def test_a_run_without_questions_has_no_area(tmp_path):
    assert area.measure(made_run(tmp_path / "run", {"harmful": ["a"]})) == {}


def test_areas_are_of_the_base_of_what_sft_made_and_of_the_saved_model(tmp_path, network, monkeypatch):
    from dressage.run import checkpoint

    folder = made_run(
        tmp_path / "run", {"harmful": ["Bomb?", "Gun?"], "harmless": ["Cake?"], "xstest-safe": ["Kill it?"]}
    )
    state = network.adapters.state("default")
    checkpoint.save(folder / "checkpoints", 1, {"adapters": {"default": state, "reference": state}})
    monkeypatch.setattr("dressage.api.open_model", lambda run: network)
    found = area.measure(folder)
    assert set(found) == {"starter"}  # there are no other people's harmful prompts
    times = found["starter"]["auc"]
    assert set(times["stages"]) == {"sft"}
    assert times["stages"]["sft"] == times["after"]  # the same weights
    assert times["before"]["n"] == 3


def test_a_run_whose_online_stage_comes_first_has_no_model_between(tmp_path):
    folder = made_run(tmp_path / "run", {})
    (folder / "report.json").write_text(json.dumps({"stages": [{"name": "ppo", "online": True}]}), encoding="utf-8")
    (folder / "checkpoints").mkdir()
    assert area._found_by_last_stage(folder, SimpleNamespace()) is None
