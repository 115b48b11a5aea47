"""`--set KEY=VALUE` and `DRESSAGE_*`: above the YAML, with errors that name the flag."""

from __future__ import annotations

import pytest

MODEL = "model: {base: tiny}\n"
DATA = "data: {demonstrations: a.jsonl, prompts: b.jsonl}\n"
RUN = MODEL + DATA + "seed: 1\nstages: [copy, {use: climb, rewards: [loud, {use: loud, as: b}]}]\n"
EVALUATE = "evaluate: {sets: {harm: a.jsonl}, measures: [share]}\n"


def test_a_value_is_replaced(plan):
    assert plan(RUN, "seed=3").seed == 3


@pytest.mark.parametrize(("text", "rate"), [("1e-4", 1e-4), ("2", 2.0), ("0x10", 16.0)])
def test_values_are_yaml(text, rate, plan):
    assert plan(RUN, f"stages.0.update.learning_rate={text}").stages[0].update.learning_rate == rate


def test_a_value_may_be_a_mapping(plan):
    assert plan(RUN, "model={base: gpt2, adapter: {r: 3}}").model.adapter.r == 3


def test_a_value_may_have_an_equals_sign(plan, lines):
    assert lines(RUN, "requires=[acme>=2]") == [
        "--set requires=[acme>=2]: requires.0: acme 1.2 is installed, but the run requires >=2; "
        "pip install --upgrade 'acme>=2'"
    ]


def test_missing_keys_are_made(plan):
    assert plan(RUN, "model.adapter.r=4", "evaluate.samples=2").evaluate.settings.samples == 2


def test_a_bare_component_becomes_a_mapping(plan):
    made = plan(RUN, "stages.1.rewards.0.weight=2", "stages.0.epochs=5")
    assert [one.weight for one in made.stages[1].rewards] == [2.0, 1.0]
    assert made.stages[0].epochs == 5


def test_an_entry_can_be_added_at_the_end_of_a_list(plan):
    made = plan(RUN, "stages.1.rewards.2={use: loud, as: c}")
    assert [one.component.name for one in made.stages[1].rewards] == ["loud", "b", "c"]


def test_a_later_override_wins(plan):
    assert plan(RUN, "seed=3", "seed=4").seed == 4


def test_a_gate_is_set_by_its_dotted_metric(plan):
    text = RUN + EVALUATE + "gate: {share.harm.rate: {max: 0.1}}\n"
    assert plan(text, "gate.share.harm.rate.max=0.5").gate[0].bound.max == 0.5


@pytest.mark.parametrize("setting", ["gate.share.harm.max={max: .5}", "gate.share.harm.p.99={max: .5}"])
def test_a_gate_can_be_made_of_a_whole_bound(plan, setting):
    (gate,) = plan(RUN + EVALUATE, setting).gate
    assert (gate.metric, gate.bound.max) == (setting[5:].partition("=")[0], 0.5)


def test_a_gate_can_be_made(plan):
    (gate,) = plan(RUN + EVALUATE, "gate.share.harm.rate.max=0.5").gate
    assert (gate.metric, gate.bound.max, str(gate.where)) == (
        "share.harm.rate",
        0.5,
        "--set gate.share.harm.rate.max=0.5",
    )


def test_the_yaml_as_read_is_kept(plan):
    assert plan(RUN, "seed=3").source == RUN


def test_a_wrong_value_names_the_flag(lines):
    assert lines(RUN, "stages.1.rewards.0.weight=-1") == [
        "--set stages.1.rewards.0.weight=-1: stages.1.rewards.0.weight: must be at least 0, not -1"
    ]


def test_a_wrong_value_inside_of_a_flags_mapping_names_the_flag(lines):
    assert lines(RUN, "model={base: tiny, adapter: {r: 0}}") == [
        "--set model={base: tiny, adapter: {r: 0}}: model.adapter.r: must be greater than 0, not 0"
    ]


def test_what_a_flag_replaces_has_lost_its_place_in_the_file(lines):
    assert lines(RUN, "stages.1.rewards.1={use: lodu}") == [
        "--set stages.1.rewards.1={use: lodu}: stages.1.rewards.1: no reward is named 'lodu'; did you mean 'loud'?"
    ]


def test_an_unknown_key_names_the_flag(lines):
    assert lines(RUN, "sede=1") == ["--set sede=1: sede: unknown key; did you mean 'seed'?"]


def test_what_the_file_has_wrong_beside_a_flag_keeps_its_place(lines):
    assert lines(RUN + "zzz: 1\n", "seed=x") == [
        "run.yaml:5:1: zzz: unknown key",
        "--set seed=x: seed: must be a whole number from 0 to 4294967295, not 'x'",
    ]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed", "must be KEY=VALUE, as seed=1"),
        ("=3", "must be KEY=VALUE, as seed=1"),
        ("seed=[1", "not valid YAML: expected ',' or ']', but got '<stream end>'"),
        ("model={base: a, base: b}", "duplicate key; it stands on line 1 already"),
        ("stages.7.epochs=1", "stages: has entries 0 to 1, and no '7'"),
        ("stages.first.epochs=1", "stages: has entries 0 to 1, and no 'first'"),
        ("seed.x=1", "seed: is 1, so nothing can be set inside it"),
        ("data.prompts.sample=1", "data.prompts: is 'b.jsonl', so nothing can be set inside it"),
    ],
)
def test_an_override_that_cannot_be(override, message, lines):
    assert lines(RUN, override) == [f"--set {override}: {message}"]


def test_a_variable_stands_above_the_yaml(plan):
    made = plan(RUN, environ={"DRESSAGE_SEED": "5", "DRESSAGE_DEVICE": "cpu"})
    assert (made.seed, made.model.device) == (5, "cpu")


def test_a_flag_stands_above_a_variable(plan):
    assert plan(RUN, "seed=6", environ={"DRESSAGE_SEED": "5"}).seed == 6


def test_an_empty_variable_counts_as_unset(plan):
    assert plan(RUN, environ={"DRESSAGE_SEED": ""}).seed == 1


def test_a_wrong_variable_is_named(lines):
    assert lines(RUN, environ={"DRESSAGE_SEED": "x", "DRESSAGE_DEVICE": "gpu"}) == [
        "DRESSAGE_DEVICE: model.device: must be auto, cpu, cuda, cuda:N, xpu or mps, not 'gpu'",
        "DRESSAGE_SEED: seed: must be a whole number from 0 to 4294967295, not 'x'",
    ]


def test_a_variable_that_a_flag_overrides_is_not_judged(plan):
    assert plan(RUN, "seed=6", environ={"DRESSAGE_SEED": "x"}).seed == 6


def test_a_variable_can_make_a_section(lines):
    assert "DRESSAGE_DEVICE: model.base: is required" in lines(
        DATA + "stages: [copy]\n", environ={"DRESSAGE_DEVICE": "cpu"}
    )


def test_the_process_environment_is_the_default(folder, world, monkeypatch):
    from dressage.host import check

    monkeypatch.setenv("DRESSAGE_SEED", "9")
    (folder / "run.yaml").write_text(RUN)
    assert check(folder / "run.yaml", world).seed == 9
