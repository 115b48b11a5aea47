"""Budgets of whole runs: the large shape from its config.json alone, refusals that say what would fit, bad input."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from dressage.host import check
from dressage.run.budget import budget_of, estimate, prepare, refuse
from dressage.run.budget.advice import fitting
from dressage.run.budget.line import fits
from dressage.run.budget.phases import SHORT_LIVED
from dressage.run.gguf import sha256_of
from dressage.spec.console import Quiet
from dressage.spec.errors import MachineError, ModelError
from dressage.testing import isolated_host

CACHE = Path("cache")
BILINEAR = "stages.1.rewards.0.with={head: bilinear}"


def part(budget, phase, role, what):
    (found,) = [p for p in budget.phases if p.name == phase]
    return next(p.bytes for p in found.parts if (p.role, p.what) == (role, what))


def test_the_8b_shape_with_four_roles_fits_12_gb(plan, llama_8b):
    """Policy, reference, value and reward model on one 4-bit base, on any machine, as `examples/one-gpu-24gb.yaml`."""
    budget = estimate(plan(llama_8b, "quantize: nf4, adapter: {r: 16, layers: 14}"), cache=CACHE, memory=12)
    assert budget.parameters == 8030261248
    assert {p.role for p in budget.largest.parts} == {"base", "policy", "reference", "value", "reward-model"}
    assert budget.peak < 12e9
    assert budget.over == 0
    assert part(budget, "load", "base", "weights, nf4") == pytest.approx(5.70e9, rel=0.01)
    adapter = 4 * 16 * 14 * (4 * 4096 + 4096 + 2 * (4096 + 1024) - 4096 + 3 * (4096 + 14336))
    assert part(budget, "ppo: update", "policy", "adapter") == adapter


def test_roles_come_one_after_the_other(plan):
    budget = estimate(plan(), cache=CACHE)
    roles = {phase.name: {p.role for p in phase.parts} for phase in budget.phases}
    assert "reference" not in roles["sft: update"]
    assert "reference" in roles["fit reward-model: update"]
    assert "value" not in roles["fit reward-model: update"]
    assert {"reward-model", "value"} <= roles["ppo: update"]


def test_a_limited_reward_has_a_value_output_of_its_own(plan, small):
    limit = "stages.1.rewards.0.limit={max: 0.1}"
    held, free = (
        estimate(plan(small, "device: cpu, adapter: {layers: 2}", *settings), cache=CACHE)
        for settings in ((limit,), ())
    )
    assert part(free, "ppo: update", "value", "head") == 4 * 9
    assert part(held, "ppo: update", "value", "head") == 2 * 4 * 9
    sums = [part(budget, "ppo: update", "value", "sums it is solved from") for budget in (free, held)]
    assert sums == [8 * 9 * 10, 2 * 8 * 9 * 10]


def test_a_value_function_of_its_own_is_counted(plan, small, tmp_path):
    """An adapter, three times as much that learns it, and its activations beside the policy's; or a base as well."""
    base = tmp_path / "other"
    base.mkdir()
    (base / "config.json").write_text(json.dumps({"model_type": "llama", **small, "hidden_size": 16}))
    layers, what = "device: cpu, dtype: float32, adapter: {layers: 2}", "activations of a microbatch"
    head, adapter, model = (
        estimate(plan(small, layers, f"stages.1.value={{role: {role}}}"), cache=CACHE)
        for role in ("head", "adapter", f"model, base: {base}")
    )
    names = {p.what for phase in head.phases for p in phase.parts if p.role == "value"}
    assert names == {"head", "sums it is solved from", "features", "features, joined", "its solution"}
    assert {p.role for p in head.phases[0].parts} == {"base"}
    update = {role: part(adapter, "ppo: update", role, what) for role in ("policy", "value")}
    assert update["value"] == update["policy"] > 0
    weights = part(adapter, "ppo: update", "policy", "adapter")
    assert part(adapter, "ppo: update", "value", "adapter") == weights
    assert part(adapter, "ppo: rollout", "value", "gradient and two moments") == 3 * weights
    assert not any(p.what == "its solution" for phase in adapter.phases for p in phase.parts)
    assert part(model, "ppo: update", "value", "head") == 4 * 17
    numbers = 2 * 100 * 16 + 3 * (2 * 16 * 16 + 2 * 16 * 8 + 3 * 16 * 12 + 2 * 16) + 16
    assert part(model, "ppo: update", "value", "weights") == 4 * numbers


def test_an_optimizer_whose_options_need_no_values_has_none(plan, small):
    group = "stages.1.with={baseline: group}", "stages.1.rollout.samples=2"
    budget = estimate(
        plan(small, "device: cpu, adapter: {layers: 2}", "stages.1.value={role: adapter}", *group), cache=CACHE
    )
    assert not any(p.role == "value" and p.what == "adapter" for phase in budget.phases for p in phase.parts)


def test_rows_that_are_held_out_take_a_pass(plan, small):
    budget = estimate(plan(small, "device: cpu"), cache=CACHE)
    (rows,) = [phase for phase in budget.phases if phase.name == "sft: held out"]
    assert next(p.bytes for p in rows.parts if p.what == "a forward pass") > 0


@pytest.mark.parametrize(("variable", "share"), [(None, 0.8), ("MALLOC_ARENA_MAX", 0)])
def test_a_cpu_counts_what_the_c_library_keeps(plan, small, monkeypatch, variable, share):
    monkeypatch.setattr("dressage.run.devices.sys.platform", "linux")
    for name in [name for name in os.environ if name.startswith("MALLOC_")]:
        monkeypatch.delenv(name)
    if variable:
        monkeypatch.setenv(variable, "1")
    budget = estimate(plan(small, "device: cpu, adapter: {layers: 2}"), cache=CACHE)
    (update,) = [phase for phase in budget.phases if phase.name == "sft: update"]
    short = sum(p.bytes for p in update.parts if p.what in SHORT_LIVED)
    assert sum(p.bytes for p in update.parts if p.what == "holes in freed memory") == round(share * short)


def test_a_bilinear_reward_model_is_a_head_alone(plan, small):
    """Its width is 8: 4 * 8 * 9 bytes, three times that for what learns it, and two states of each of 60 sequences."""
    budget = estimate(plan(small, "device: cpu, adapter: {layers: 2}", BILINEAR), cache=CACHE)
    roles = {p.name: {q.what for q in p.parts if q.role == "reward-model"} for p in budget.phases}
    assert roles["ppo: update"] == {"head"}
    assert part(budget, "ppo: update", "reward-model", "head") == 288
    assert part(budget, "fit reward-model: update", "reward-model", "gradient and two moments") == 864
    assert part(budget, "fit reward-model: update", "reward-model", "kept states") == 2 * 60 * 8 * 4


def test_what_is_mixed_in_is_learnt_in_the_rollouts_step(plan, small):
    """As many rows of it as the fine-tuning stage has take as much, beside what the rollouts keep."""
    mix, alike = "stages.1.mix={use: sft, batch: 4}", "stages.0.update.microbatch=4"
    with_it = estimate(plan(small, "device: cpu, adapter: {layers: 2}", mix, alike), cache=CACHE)
    without = estimate(plan(small, "device: cpu, adapter: {layers: 2}", alike), cache=CACHE)
    what = "activations of a microbatch"
    assert part(with_it, "ppo: mix", "policy", what) == part(with_it, "sft: update", "policy", what) > 0
    assert part(with_it, "ppo: mix", "base", "trunk states of all microbatches") > 0
    assert [p for p in with_it.phases if p.name != "ppo: mix"] == list(without.phases)


@pytest.mark.parametrize(("layers", "passes"), [(2, False), (3, True)])
def test_a_bilinear_reward_model_scores_kept_states(plan, small, layers, passes):
    budget = estimate(plan(small, f"device: cpu, adapter: {{layers: {layers}}}", BILINEAR), cache=CACHE)
    assert any(p.name == "ppo: score" for p in budget.phases) is passes


def test_no_states_are_kept_without_frozen_layers(plan):
    def kept(layers):
        budget = estimate(plan(model=f"device: cpu, dtype: float32, adapter: {{layers: {layers}}}"), cache=CACHE)
        return any("kept trunk states" in p.what for phase in budget.phases for p in phase.parts)

    assert kept(2)
    assert not kept(3)


def test_on_a_gpu_what_the_host_keeps_is_not_the_devices(plan):
    budget = estimate(plan(model="adapter: {layers: 1}"), cache=CACHE, memory=8)
    rollout = next(p for p in budget.phases if p.name == "ppo: rollout")
    assert budget.need(rollout) == budget.machine.context + rollout.bytes("device")
    assert rollout.bytes("host") >= 128 * (100 + 96) * 8 * 2


@pytest.mark.parametrize(
    ("room", "key"),
    [(20, "model.quantize=nf4"), (9.8, "update.microbatch="), (9.8, "model.adapter.gradient_checkpointing=true")],
)
def test_a_refusal_names_settings_that_do_fit(plan, llama_8b, room, key):
    model = "quantize: none, adapter: {layers: 14}" if "quantize" in key else "quantize: nf4, adapter: {layers: 14}"
    work, _ = prepare(plan(llama_8b, model), cache=CACHE, memory=room)
    with pytest.raises(
        MachineError, match=r"the run needs .* GB \(.*\), but cuda has .*; it fits with --set "
    ) as found:
        refuse(work)
    assert found.value.exit_code == 4
    assert key in str(found.value)
    assert "\n" not in str(found.value)
    for way in fitting(work, budget_of):
        changed = plan(llama_8b, model, *way.settings)
        again, _ = prepare(changed, cache=CACHE, memory=room)
        assert budget_of(again).peak == way.peak
        assert not budget_of(again).over


def test_options_are_joined_where_none_is_enough(plan, llama_8b):
    work, _ = prepare(plan(llama_8b, "adapter: {layers: 14}"), cache=CACHE, memory=8)
    (way,) = fitting(work, budget_of)
    assert len(way.settings) > 1
    assert "model.quantize=nf4" in way.settings
    assert way.peak <= 8e9


def test_what_nothing_makes_fit(plan, llama_8b):
    work, _ = prepare(plan(llama_8b), cache=CACHE, memory=3)
    with pytest.raises(MachineError, match="take a smaller base"):
        refuse(work)


def test_room_that_is_not_known_refuses_nothing(plan, llama_8b):
    work, _ = prepare(plan(llama_8b), cache=CACHE)
    refuse(replace(work, machine=replace(work.machine, device_room=None, host_room=None)))


def test_a_run_is_refused_before_anything_is_loaded(plan, llama_8b, monkeypatch):
    monkeypatch.setattr("dressage.run.budget.machine.host_room", lambda: 10**9)
    with pytest.raises(MachineError, match=r"cpu has 1\.00 GB"):
        fits(plan(llama_8b), Quiet())
    fits(plan(llama_8b), Quiet(), refusing=False)


def test_a_device_that_is_not_there_can_be_planned_for(plan):
    with pytest.raises(MachineError, match="--memory GB plans for a device that is not here"):
        estimate(plan(model="device: cuda:77"), cache=CACHE)
    assert estimate(plan(model="device: cuda:77"), cache=CACHE, memory=8).machine.imagined


@pytest.mark.parametrize(
    "text", ["not json", "{}", '{"model_type": "llama", "hidden_size": 7}', '{"model_type": "t5"}']
)
def test_a_bad_config_is_one_line(plan, text):
    made = plan()
    (Path(made.model.base) / "config.json").write_text(text)
    with pytest.raises(ModelError, match=r"model\.base: ") as found:
        estimate(made, cache=CACHE, memory=8)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("phase", "setting"),
    [
        ("sft: update", "stages.0.update.batch=2"),
        ("fit reward-model: update", "stages.1.rewards.0.update.batch=2"),
        ("ppo: update", "stages.1.update.minibatches=64"),
    ],
)
def test_a_microbatch_is_never_more_than_an_optimizer_step(plan, small, phase, setting):
    """Of 4, 4 and 8 sequences two are left: a half, a half (of pairs), a quarter."""
    plain, less = (estimate(plan(small, "device: cpu", *settings), cache=CACHE) for settings in ((), (setting,)))
    role = "reward-model" if "fit" in phase else "policy"
    before, after = (part(budget, phase, role, "activations of a microbatch") for budget in (plain, less))
    assert after == before * (2 / 8 if phase.startswith("ppo") else 2 / 4)


def test_where_all_layers_are_trained_none_is_frozen(plan, small):
    names = [phase.name for phase in estimate(plan(small, "device: cpu"), cache=CACHE).phases]
    assert "sft: update" in names
    assert not any("frozen layers" in name for name in names)


def test_a_reward_models_own_base_is_counted_in_its_own_size(plan, small, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.json").write_text(json.dumps({"model_type": "llama", **small, "hidden_size": 80}))
    own = f"stages.1.rewards.0.with={{head: bilinear, base: {other}}}"
    layers = "device: cpu, adapter: {layers: 2}"
    shared, apart = (estimate(plan(small, layers, setting), cache=CACHE) for setting in (BILINEAR, own))
    passes = [part(budget, "fit reward-model: frozen layers", "base", "a forward pass") for budget in (shared, apart)]
    assert passes[1] > 3 * passes[0]


REWARD = "[{use: classifier, with: {model: ./judge}, device: swap}]"


@pytest.fixture
def judged(tmp_path, small):
    """A run with one classifier as reward and as measure, of 1000 bytes."""
    folder, host = tmp_path, isolated_host("dressage_ppo", "dressage_toxicity", "dressage_evals")
    (folder / "judge").mkdir()
    (folder / "judge" / "model.safetensors").write_bytes(bytes(1000))
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", **small}))
    (folder / "prompts.jsonl").write_text('{"text": "a"}\n')
    path = folder / "run.yaml"
    path.write_text(f"""\
model: {{base: {folder}, device: cpu}}
data: {{prompts: prompts.jsonl}}
stages: [{{use: ppo, rewards: {REWARD}}}]
evaluate:
  sets: {{all: prompts.jsonl}}
  measures: [{{use: toxicity, with: {{source: {{use: classifier, with: {{model: ./judge}}}}}}}}]
""")
    return check(path, host, environ={})


def test_the_models_of_measures_stand_in_memory_all_along(judged):
    budget = estimate(judged, cache=CACHE)
    for name in ("evaluate", "ppo: rollout", "ppo: update"):
        assert part(budget, name, "toxicity", "classifier") == 1000


def test_where_host_and_device_are_one_a_swapped_model_is_there_once(judged):
    budget = estimate(judged, cache=CACHE)
    scores = [phase for phase in budget.phases if phase.name in ("ppo: score", "ppo: update")]
    assert scores
    for phase in scores:
        assert [p.bytes for p in phase.parts if (p.role, p.what) == ("classifier", "classifier")] == [1000]


def test_of_a_gguf_file_the_folder_that_was_made_of_it_is_read(plan, tmp_path):
    """Its own header takes many seconds to read."""
    made = plan()
    file = tmp_path / "model.gguf"
    file.write_bytes(b"nothing that could be read")
    folder = tmp_path / "cache" / "gguf" / sha256_of(file)[:16]
    shutil.copytree(made.model.base, folder)
    found = replace(made, model=made.model.model_copy(update={"base": str(file)}))
    assert estimate(found, cache=tmp_path / "cache").parameters == estimate(made, cache=CACHE).parameters
    with pytest.raises(ModelError, match=r"model\.base: .*model\.gguf: no configuration can be read"):
        estimate(found, cache=tmp_path / "none")
