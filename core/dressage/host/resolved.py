"""Writes a plan back as the plain values of a YAML, with every default filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from dressage.host.catalog import Catalog
from dressage.host.data import Rows
from dressage.spec.options import Use
from dressage.spec.plan import DataPlan, Plan, Planned, RewardPlan, StagePlan
from dressage.spec.rows import by_key

_ONLINE = ("iterations", "rollout", "kl", "value", "max_without_opinion")
_FITTED = ("update", "epochs")


def plain(value: Any) -> Any:
    """A value as YAML has it: mappings, lists, text, numbers, truth values and null."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Use):
        return {"use": value.use, "with": plain(value.planned.options if value.planned else value.with_)}
    if isinstance(value, BaseModel):
        return {field.alias or name: plain(getattr(value, name)) for name, field in type(value).model_fields.items()}
    if isinstance(value, Mapping):
        return {key if type(key) in (int, float, bool) else str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in value]
    return to_jsonable_python(value, fallback=str)


class Writer:
    """Writes the parts of one plan."""

    def __init__(self, plan: Plan, catalog: Catalog) -> None:
        self.plan = plan
        self.catalog = catalog

    def write(self, requires: object) -> dict[str, Any]:
        """The whole YAML."""
        plan = self.plan
        evaluate = plan.evaluate
        return {
            "version": 1,
            "seed": plan.seed,
            "requires": plain(requires or []),
            "model": plain(plan.model),
            "data": {**{key: self.rows(rows) for key, rows in plan.data.items()}, "bad_rows": plan.bad_rows},
            "filters": [self.component(one.component, on=one.on) for one in plan.filters],
            "stages": [self.stage(one) for one in plan.stages],
            "evaluate": {
                **plain(evaluate.settings),
                "sets": {key: self.rows(rows) for key, rows in evaluate.sets.items()},
                "measures": [self.component(one.component, on=one.on) for one in evaluate.measures],
            },
            "gate": {one.metric: plain(one.bound) for one in plan.gate},
            "observers": [self.component(one) for one in plan.observers],
            "checkpoints": plain(plan.checkpoints),
        }

    def component(self, planned: Planned, **keys: object) -> dict[str, Any]:
        """A component with all its options, and its host keys."""
        entry = planned.entry
        unique = entry.name in self.catalog.names(entry.kind)
        use = entry.name if unique else f"{entry.distribution}/{entry.name}"
        return {
            "use": use,
            "as": planned.name,
            "with": plain(planned.options),
            **{k: plain(v) for k, v in keys.items()},
        }

    def stage(self, stage: StagePlan) -> dict[str, Any]:
        """A stage with the keys that have an effect in its loop."""
        keys: dict[str, object] = {"update": stage.update, "select": stage.select}
        if stage.online:
            keys |= {key: getattr(stage, key) for key in _ONLINE}
            return {
                **self.component(stage.component, **keys),
                "prompts": self.named_rows(stage.prompts),
                "rewards": [self.reward(one) for one in stage.rewards],
                **self.mix(stage),
            }
        return {**self.component(stage.component, **keys, epochs=stage.epochs), "data": self.named_rows(stage.data)}

    def mix(self, stage: StagePlan) -> dict[str, Any]:
        """What is mixed in, where anything is."""
        if stage.mix is None:
            return {}
        mix = stage.mix
        made = self.component(mix.component, weight=mix.weight, batch=mix.batch)
        return {"mix": {**made, "data": self.named_rows(mix.data)}}

    def reward(self, reward: RewardPlan) -> dict[str, Any]:
        """A reward with the keys that have an effect on its kind."""
        fitted = reward.component.entry.needs is not None
        names = [one.name for one in fields(reward) if one.name != "component" and (fitted or one.name not in _FITTED)]
        return self.component(reward.component, **{name: getattr(reward, name) for name in names})

    def named_rows(self, rows: Rows) -> Any:
        """Rows of a stage: the name of a `data:` key for those that are its."""
        named: list[Any] = []
        for key, own in by_key(self.plan.data, rows):
            named += [key] if key is not None else [self.spec(one) for one in own]
        return named[0] if len(named) == 1 else named

    def rows(self, rows: Rows) -> Any:
        """One data spec, or a list of them."""
        specs = [self.spec(one) for one in rows]
        return specs[0] if len(specs) == 1 else specs

    def spec(self, data: DataPlan) -> Any:
        """A data set with the path as the YAML's folder sees it."""
        spec: dict[str, Any] = {}
        if data.path is not None:
            spec["path"] = str(_relative(data.path, self.plan.folder))
        if data.source is not None:
            source = self.component(data.source)
            spec |= {"use": source["use"], "with": source["with"]}
        if data.match:
            spec["where"] = plain(data.match)
        if data.sample is not None:
            spec["sample"] = data.sample
        return spec["path"] if list(spec) == ["path"] else spec


def _relative(path: Path, folder: Path) -> Path:
    return path.relative_to(folder) if path.is_relative_to(folder) else path
