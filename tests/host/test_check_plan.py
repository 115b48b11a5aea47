"""What a right YAML becomes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MODEL = "model: {base: tiny}\n"
DATA = "data: {demonstrations: a.jsonl, comparisons: a.jsonl, prompts: b.jsonl}\n"
RUN = """
version: 1
seed: 7
model: {base: tiny, quantize: nf4, adapter: {r: 8, layers: 2}}
data:
  demonstrations: [a.jsonl, {path: b.jsonl, where: {kind: harmful, topic: [x, 3]}, sample: 5}]
  comparisons: a.jsonl
  prompts: {use: few}
  bad_rows: skip
filters:
  - {use: by-score, with: {source: {use: loud, with: {level: 2}}, above: 1e-1}, on: [demonstrations, prompts]}
stages:
  - copy
  - use: climb
    as: climb-on
    iterations: 40
    rollout: {prompts: 8}
    update: {learning_rate: 1e-4}
    value: {fit: gradient}
    select: {every: 3, metric: share-b.valid.rate, mode: min}
    rewards:
      - {use: loud, weight: 2, when: {kind: provocation}, device: "cuda:1", bounds: [-1, 1]}
      - {use: learnt, epochs: 3, update: {batch: 4}}
evaluate:
  samples: 4
  sets: {harm: a.jsonl, valid: b.jsonl}
  measures: [{use: share, as: share-b}, {use: share, on: harm}]
gate: {share.harm.rate: {max: 0.05}}
observers: [watch]
"""


def test_a_whole_yaml_becomes_a_plan(plan, folder):
    made = plan(RUN)
    assert (made.file, made.folder, made.source) == (folder / "run.yaml", folder, RUN)
    assert (made.seed, made.bad_rows) == (7, "skip")
    assert [stage.name for stage in made.stages] == ["copy", "climb-on"]
    assert [stage.online for stage in made.stages] == [False, True]
    assert [one.name for one in made.observers] == ["watch"]
    assert [one.distribution for one in made.plugins] == ["acme"]


def test_the_model_section(plan):
    made = plan(RUN)
    assert (made.model.base, made.model.quantize, made.model.adapter.layers) == ("tiny", "nf4", 2)
    assert made.base is not None
    assert (made.base.name, made.base.entry.kind) == ("tiny", "model")


@pytest.mark.parametrize("base", ["Qwen/Qwen2.5-0.5B-Instruct", "gpt2", "."])
def test_a_base_that_no_plugin_has_is_left_to_the_engine(base, plan):
    made = plan(f"model: {{base: {base}}}\n" + DATA + "stages: [copy]\n")
    assert (made.model.base, made.base) == (base, None)


def test_data_specs(plan, folder):
    first, second = plan(RUN).data["demonstrations"]
    assert (first.path, first.match, first.sample) == (folder / "a.jsonl", {}, None)
    assert (second.path, second.sample) == (folder / "b.jsonl", 5)
    assert second.match == {"kind": ("harmful",), "topic": ("x", 3)}
    assert (second.where.line, second.where.column) == (6, 29)


def test_a_registered_data_set(plan):
    (rows,) = plan(RUN).data["prompts"]
    assert rows.path is None
    assert (rows.name, rows.source.name, rows.source.entry.name) == ("prompts", "prompts", "few")


def test_an_absolute_path(plan, folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other") / "x.jsonl"
    other.write_text("{}\n")
    made = plan(MODEL + f"data: {{demonstrations: {other}}}\nstages: [copy]\n")
    assert made.data["demonstrations"][0].path == other


def test_a_filter_and_what_it_applies_to(plan):
    (one,) = plan(RUN).filters
    assert one.on == ("demonstrations", "prompts")
    assert one.component.options.above == 0.1
    assert one.component.path == "filters.0"


def test_a_filter_applies_to_demonstrations_by_default(plan):
    made = plan(MODEL + DATA + "filters: [{use: by-score, with: {source: loud}}]\nstages: [copy]\n")
    assert made.filters[0].on == ("demonstrations",)


def test_an_offline_stage_learns_what_it_needs(plan):
    made = plan(RUN)
    assert made.stages[0].data == made.data["demonstrations"]
    assert made.stages[0].prompts == ()


def test_a_stage_may_name_a_data_key(plan):
    made = plan(MODEL + DATA + "stages: [{use: copy, data: comparisons}]\n")
    assert made.stages[0].data == made.data["comparisons"]


def test_a_stage_may_bring_rows_of_its_own(plan, folder):
    made = plan(MODEL + "stages: [{use: copy, data: [a.jsonl, {path: b.jsonl, sample: 2}]}]\n")
    assert [(one.name, one.path.name, one.sample) for one in made.stages[0].data] == [
        ("copy.data", "a.jsonl", None),
        ("copy.data", "b.jsonl", 2),
    ]


def test_an_online_stage_asks_the_prompts(plan):
    made = plan(RUN)
    assert made.stages[1].prompts == made.data["prompts"]


def test_stage_keys(plan):
    stage = plan(RUN).stages[1]
    assert (stage.iterations, stage.rollout.prompts, stage.rollout.samples) == (40, 8, 1)
    assert (stage.update.learning_rate, stage.value.fit, stage.kl.beta) == (1e-4, "gradient", 0.05)
    assert (stage.select.every, stage.select.metric, stage.select.mode) == (3, "share-b.valid.rate", "min")


def test_reward_keys(plan):
    loud, learnt = plan(RUN).stages[1].rewards
    assert (loud.weight, loud.device, loud.bounds) == (2.0, "cuda:1", (-1.0, 1.0))
    assert loud.when == {"kind": ("provocation",)}
    assert (learnt.epochs, learnt.update.batch, learnt.weight) == (3, 4, 1.0)


def test_an_optimizer_can_be_swapped_by_one_word(plan):
    text = MODEL + DATA + "stages: [{use: climb, iterations: 2, rewards: [loud]}]\n"
    assert plan(text).stages[0].iterations == 2


def test_a_measure_is_asked_about_all_sets_by_default(plan):
    made = plan(RUN).evaluate
    assert [(one.component.name, one.on) for one in made.measures] == [
        ("share-b", ("harm", "valid")),
        ("share", ("harm",)),
    ]
    assert made.settings.samples == 4


def test_a_gate_has_its_place(plan):
    (gate,) = plan(RUN).gate
    assert (gate.metric, gate.bound.max, gate.where.line, gate.where.column) == ("share.harm.rate", 0.05, 28, 8)


def test_a_component_says_where_it_stands(plan, folder):
    reward = plan(RUN).stages[1].rewards[0].component
    assert reward.path == "stages.1.rewards.0"
    assert str(reward) == f"reward 'loud' (acme 1.2, {folder}/run.yaml:22:9)"


def test_a_run_may_only_evaluate(plan):
    assert plan(MODEL + "evaluate: {sets: {harm: a.jsonl}, measures: [share]}\n").stages == ()


def test_a_component_by_distribution_has_the_bare_name(plan):
    assert plan(MODEL + DATA + "stages: [acme/copy]\n").stages[0].name == "copy"


def test_options_are_plain_python(plan, make_plugin, hooks):
    import dressage
    from dressage.host import Discovery

    seen: list[object] = []

    class Options(dressage.Options):
        anything: object = None

        def model_post_init(self, context):
            seen.append(self.anything)

    class Any(dressage.Observer[Options]): ...

    discovery = Discovery.of({"acme": make_plugin(**hooks), "any": make_plugin(register_observers={"any": Any})})
    anything = "{a: [1, 2.5, x, true, null, 2024-01-01, 0x10, no], b: &q {c: 1}, d: *q}"
    text = f"observers: [{{use: any, with: {{anything: {anything}}}}}]"
    plan(MODEL + DATA + "stages: [copy]\n" + text, discovery=discovery)
    value = seen[0]
    assert value == {"a": [1, 2.5, "x", True, None, "2024-01-01", 16, "no"], "b": {"c": 1}, "d": {"c": 1}}

    def types(one: object) -> set[type]:
        parts = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        return {type(one)}.union(*(types(part) for part in parts))

    assert types(value) <= {dict, list, int, float, str, bool, type(None)}


def test_what_a_plugin_does_to_its_options_does_not_reach_the_record(plan, make_plugin, hooks):
    import dressage
    from dressage.host import Discovery
    from pydantic import model_validator

    class Inner(dressage.Options):
        words: list[str] = []

        @model_validator(mode="before")
        @classmethod
        def _spoil(cls, values):
            values["words"].append("spoilt")
            return values

    class Odd(dressage.Observer[Inner]): ...

    class Outer(dressage.Options):
        inside: dressage.Use[dressage.Observer]

    class Even(dressage.Observer[Outer]): ...

    odd = make_plugin(register_observers={"odd": Odd, "even": Even})
    discovery = Discovery.of({"acme": make_plugin(**hooks), "odd": odd})
    text = "observers: [{use: even, with: {inside: {use: odd, with: {words: [a]}}}}]\n"
    inside = plan(MODEL + DATA + "stages: [copy]\n" + text, discovery=discovery).observers[0].options.inside
    assert inside.planned.options.words == ["a", "spoilt"]
    assert inside.with_ == {"words": ["a"]}


def test_checking_imports_no_heavy_library(tmp_path):
    (tmp_path / "run.yaml").write_text(
        "model: {base: gpt2}\ndata: {demonstrations: a.jsonl, comparisons: a.jsonl, prompts: a.jsonl}\n"
        "filters: [{use: by-score, with: {source: toxicity, drop_above: 0.5}}]\n"
        "stages: [sft, {use: ppo, rewards: [reward-model, toxicity]}]\n"
        "evaluate: {sets: {x: a.jsonl}, measures: [refusal]}\n"
    )
    (tmp_path / "a.jsonl").write_text("{}\n")
    code = (
        "import sys; from pathlib import Path; from dressage.host import check, discover; "
        "check(Path('run.yaml'), discover()); "
        "print(sorted({'torch', 'transformers', 'peft', 'numpy', 'sklearn', 'detoxify'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_the_host_names_no_engine_module():
    source = "".join(path.read_text() for path in (Path(__file__).parents[2] / "core/dressage/host").glob("*.py"))
    assert "dressage.run" not in source
    assert "import torch" not in source


def test_a_limited_reward_has_a_weight_only_where_it_is_given(plan):
    text = RUN.replace(
        "{use: loud, weight: 2,",
        "{use: loud, as: held, limit: {max: 1, rate: 2}}\n      - {use: loud, weight: 2, limit: {min: 0},",
    )
    held, loud = plan(text).stages[1].rewards[:2]
    assert (held.weight, held.limit.max, held.limit.min, held.limit.rate) == (0.0, 1.0, None, 2.0)
    assert (loud.weight, loud.limit.min, loud.limit.window) == (2.0, 0.0, 1)
