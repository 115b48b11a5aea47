"""The page of the YAML: every key that the core itself understands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from generator.components import value
from generator.markdown import one_line, page, table
from generator.source import Class, classes
from generator.texts import tables, text

PLAN, SETTINGS = "dressage.spec.plan", "dressage.spec.sections"
SECTIONS = (
    "AdapterConfig", "ModelConfig", "RolloutConfig", "UpdateConfig", "ValueConfig", "KLConfig", "MixConfig",
    "SelectConfig", "LimitConfig", "ConstraintConfig", "EvaluateSettings", "CheckpointConfig",
)  # fmt: skip
KEYS = ("StageKeys", "RewardKeys", "OnKeys", "DataKeys")
OWNERS = {"StageKeys": "StagePlan", "RewardKeys": "RewardPlan", "DataKeys": "DataPlan"}
"""The frozen type that says what the keys of a model mean, where that is not the model itself."""
RENAMED = {"where": "match"}
"""Keys whose field in that type has another name."""
BY_HAND = {"StageKeys": {"prompts": "rows", "data": "rows", "rewards": "list of components", "mix": "component"}}
"""Keys that the host reads without a model, and their types."""
IN_STAGES = {
    "rollout": "RolloutConfig",
    "update": "UpdateConfig",
    "kl": "KLConfig",
    "value": "ValueConfig",
    "mix": "MixConfig",
    "select": "SelectConfig",
}


def render() -> str:
    """The page."""
    keys = tables("keys")
    top = ((f"`{name}`", *cells) for name, cells in keys["top"].items())
    component = ((f"`{name}`", *cells) for name, cells in keys["component"].items())
    return page(
        "The YAML",
        text("yaml"),
        table(("key", "type", "default", "meaning"), top),
        "Every component, wherever it stands, has these keys beside the ones of its place:",
        table(("key", "default", "meaning"), component),
        *(part for section in _sections() for part in section),
    )


def _sections() -> Iterator[tuple[str, ...]]:
    spec = ((f"`{name}`", about) for name, about in tables("keys")["data"].items())
    yield "## model", _keys("ModelConfig")
    yield '<a id="model-adapter"></a>', "### adapter", _keys("AdapterConfig")
    yield (
        "## data",
        text("yaml-data"),
        table(("key of a spec", "meaning"), spec),
        _keys("DataKeys"),
        text("yaml-shapes"),
    )
    yield "## filters", "Components of the kind filter.", _keys("OnKeys")
    yield "## stages", text("yaml-stages"), _keys("StageKeys")
    for name, model in IN_STAGES.items():
        yield f'<a id="stages-{name}"></a>', f"### {name}", classes(SETTINGS)[model].text, _keys(model)
    yield "## rewards", "Entries of an online stage's `rewards:`.", _keys("RewardKeys")
    yield '<a id="rewards-limit"></a>', "### limit", text("yaml-limit"), _keys("ConstraintConfig")
    yield "## evaluate", text("yaml-evaluate"), _keys("EvaluateSettings")
    yield "## gate", text("yaml-gate"), _keys("LimitConfig")
    yield "## observers", text("yaml-observers")
    yield "## checkpoints", classes(SETTINGS)["CheckpointConfig"].text, _keys("CheckpointConfig")


def _classes() -> Mapping[str, Class]:
    return {**classes(PLAN), **classes(SETTINGS)}


def models() -> Mapping[str, Any]:
    """The pydantic models of the host keys."""
    from dressage.host import keys
    from dressage.spec import sections

    return {name: getattr(sections, name) for name in SECTIONS} | {name: getattr(keys, name) for name in KEYS}


def meanings(model: str) -> Mapping[str, str]:
    """The meaning of each key of a model: the text under its field in the code, else the written one."""
    owner = OWNERS.get(model, model)
    found = _classes().get(owner)
    in_code = {field.name: one_line(field.text) for field in found.fields} if found else {}
    written: Mapping[str, str] = tables("keys")["meaning"]
    names = [*models()[model].model_json_schema().get("properties", {}), *BY_HAND.get(model, {})]
    return {name: in_code.get(RENAMED.get(name, name)) or written.get(f"{owner}.{name}", "") for name in names}


def shadowed() -> list[str]:
    """Written meanings of fields that have a text in the code."""
    documented = {f"{c.name}.{f.name}" for c in _classes().values() for f in c.fields if f.text}
    return sorted(documented & tables("keys")["meaning"].keys())


def _keys(model: str) -> str:
    schema, about = models()[model].model_json_schema(), meanings(model)
    required = schema.get("required", ())
    rows = [_row(name, option, about[name], name in required) for name, option in schema.get("properties", {}).items()]
    rows += [(f"`{name}`", kind, "", about[name]) for name, kind in BY_HAND.get(model, {}).items()]
    return table(("key", "type", "default", "meaning"), rows)


def _row(name: str, option: Mapping[str, Any], about: str, required: bool) -> tuple[str, str, str, str]:
    from dressage.cli.component import type_of

    section = "$ref" in option or "$ref" in str(option.get("anyOf", ""))
    kind = tables("keys")["type"].get(name) or ("mapping" if section else type_of(option))
    default = "required" if required else "" if section else f"`{value(option.get('default'))}`"
    return f"`{name}`", kind, default, about
