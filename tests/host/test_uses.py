"""Components inside options, to any depth."""

from __future__ import annotations

import dressage
import pytest
from dressage.host import Discovery

MODEL = "model: {base: tiny}\n"
DATA = "data: {demonstrations: a.jsonl, prompts: b.jsonl}\n"


def online(rewards: str) -> str:
    return f"{MODEL}{DATA}stages:\n  - use: climb\n    rewards: {rewards}\n"


@pytest.fixture
def mix(plan):
    """The options of a `mix` reward with the given YAML behind `with`."""

    def run(text: str):
        return plan(online(f"[{{use: mix, with: {text}}}]")).stages[0].rewards[0].component.options

    return run


def test_a_name_is_planned_with_its_default_options(mix):
    source = mix("{source: loud}").source
    assert source.planned.entry.name == "loud"
    assert source.planned.options.level == 1.0


def test_a_mapping_is_planned_with_its_options(mix):
    assert mix("{source: {use: loud, with: {level: 3}}}").source.planned.options.level == 3.0


def test_an_option_that_is_left_out_stays_none(mix):
    assert mix("{}").source is None


def test_lists_mappings_and_models_hold_components(mix):
    options = mix("{parts: [{source: {use: loud, with: {level: 2}}}], named: {x: {use: loud, with: {level: 4}}}}")
    assert options.parts[0].source.planned.options.level == 2.0
    assert options.parts[0].share == 1.0
    assert options.named["x"].planned.options.level == 4.0


def test_a_component_in_a_component_in_a_component(mix):
    options = mix("{source: {use: mix, with: {source: {use: mix, with: {source: loud}}}}}")
    inner = options.source.planned.options.source.planned.options.source.planned
    assert (inner.entry.name, inner.name) == ("loud", "mix.mix.mix.loud")


def test_a_component_inside_says_where_it_stands(mix):
    planned = mix("{parts: [{source: loud}]}").parts[0].source.planned
    assert planned.path == "stages.0.rewards.0.with.parts.0.source"
    assert (planned.where.line, planned.where.column) == (5, 50)


def test_a_default_component_is_planned_anew_in_each_run(mix):
    first, second = mix("{}").fallback, mix("{}").fallback
    assert first.planned is not None
    assert first is not second
    assert dressage.Use("loud").planned is None


def test_the_default_itself_is_left_alone(mix, hooks):
    mix("{}")
    assert hooks["register_rewards"]["mix"].options_model.model_fields["fallback"].default.planned is None


def test_a_component_by_its_distribution(mix):
    assert mix("{source: acme/loud}").source.planned.entry.distribution == "acme"


def discovery_with(make_plugin, hooks, annotation, default=...):
    class Options(dressage.Options):
        source: annotation = default  # type: ignore[valid-type]

    class Odd(dressage.Observer[Options]): ...

    return Discovery.of({"acme": make_plugin(**hooks), "odd": make_plugin("2", register_observers={"odd": Odd})})


def problem(lines, discovery, text: str) -> str:
    (line,) = lines(MODEL + DATA + f"stages: [copy]\nobservers: [{{use: odd, with: {text}}}]\n", discovery=discovery)
    return line.partition(": ")[2]


def test_a_fitted_reward_can_be_asked_for(plan, lines, make_plugin, hooks):
    discovery = discovery_with(make_plugin, hooks, dressage.Use[dressage.FittedReward])
    text = MODEL + DATA + "stages: [copy]\nobservers: [{use: odd, with: {source: learnt}}]\n"
    assert plan(text, discovery=discovery).observers[0].options.source.planned.entry.name == "learnt"
    assert problem(lines, discovery, "{source: loud}") == (
        "observers.0.with.source: 'loud' is no fitted reward, which 'odd' needs; name another"
    )


def test_a_generic_alias_of_a_kind_is_that_kind(plan, make_plugin, hooks):
    from typing import Any

    discovery = discovery_with(make_plugin, hooks, dressage.Use[dressage.Reward[Any]])
    text = MODEL + DATA + "stages: [copy]\nobservers: [{use: odd, with: {source: loud}}]\n"
    assert plan(text, discovery=discovery).observers[0].options.source.planned.entry.name == "loud"


def test_an_option_that_says_no_kind_is_a_fault_of_the_plugin(lines, make_plugin, hooks):
    discovery = discovery_with(make_plugin, hooks, dressage.Use)
    assert problem(lines, discovery, "{source: loud}") == (
        "observers.0.with.source: observer 'odd' (odd 2) does not say of which kind this component is: "
        "a fault of the plugin"
    )


def test_a_default_that_names_its_own_component_does_not_go_on_for_ever(lines, make_plugin, hooks):
    class Options(dressage.Options):
        source: dressage.Use[dressage.Observer] = dressage.Use("odd")

    class Odd(dressage.Observer[Options]): ...

    odd = make_plugin(register_observers={"odd": Odd})
    discovery = Discovery.of({"acme": make_plugin(**hooks), "odd": odd})
    (line,) = lines(MODEL + DATA + "stages: [copy]\nobservers: [odd]\n", discovery=discovery)
    assert line.endswith("components inside components are nested more than 16 deep")
