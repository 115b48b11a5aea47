"""Resolves the components that options name (`Use[Reward]`), to any depth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from types import UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter

from dressage.host.annotations import fields_by_key, uses_in
from dressage.host.document import Steps, dotted
from dressage.spec.components import KINDS, Component, FittedReward
from dressage.spec.options import Use
from dressage.spec.plan import Entry, Planned

if TYPE_CHECKING:
    from dressage.host.component import Checker

DEPTH = 16
"""Components inside components; only a default that names its own component gets this deep."""


class Resolver:
    """Puts a plan into each `Use` of one component's options."""

    def __init__(self, checker: Checker, owner: Entry, name: str) -> None:
        self.checker = checker
        self.owner = owner
        self.name = name

    def resolve(self, value: Any, annotation: object, path: Steps) -> Any:
        """The value with every `Use` in it planned: copies, since a default is shared by all that have it."""
        if isinstance(value, Use):
            return self._plan(value, annotation, path)
        if isinstance(value, BaseModel):
            changes = {}
            for key, (name, inner) in _attributes(type(value)).items():
                old = getattr(value, name)
                new = self.resolve(old, inner, (*path, key))
                if new is not old:
                    changes[name] = new
            return value.model_copy(update=changes) if changes else value
        if isinstance(value, dict):
            made = {key: self.resolve(one, annotation, (*path, key)) for key, one in value.items()}
            return made if any(made[key] is not value[key] for key in made) else value
        if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
            items = [self.resolve(one, annotation, (*path, i)) for i, one in enumerate(value)]
            return type(value)(items) if any(a is not b for a, b in zip(items, value, strict=True)) else value
        return value

    def salvage(self, model: type[BaseModel], raw: Mapping[str, object], path: Steps) -> None:
        """Checks the components inside options that are wrong elsewhere, so that all problems show at once."""
        for key, field in fields_by_key(model).items():
            if key in raw:
                self._salvage(field.annotation, raw[key], (*path, key))

    def _salvage(self, annotation: Any, raw: object, path: Steps) -> None:
        try:
            value = TypeAdapter(annotation).validate_python(deepcopy(raw))
        except Exception:  # it is wrong, and noted: go on with its parts
            self._salvage_parts(annotation, raw, path)
        else:
            self.resolve(value, annotation, path)

    def _salvage_parts(self, annotation: Any, raw: object, path: Steps) -> None:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            if isinstance(raw, dict):
                self.salvage(annotation, raw, path)
            return
        if get_origin(annotation) in (Union, UnionType):
            parts: Iterable[tuple[Steps, object]] = [(path, raw)]
        elif isinstance(raw, list):
            parts = [((*path, i), item) for i, item in enumerate(raw)]
        elif isinstance(raw, dict) and get_origin(annotation) is not Use:
            parts = [((*path, key), item) for key, item in raw.items()]
        else:
            return
        for where, item in parts:
            for argument in get_args(annotation):
                self._salvage(argument, item, where)

    def _plan(self, use: Use[Any], annotation: object, path: Steps) -> Use[Any]:
        findings = self.checker.findings
        wanted = list(dict.fromkeys(uses_in(annotation)))
        if len(wanted) != 1 or not _is_kind(wanted[0]):
            who = f"{self.owner.kind} {self.owner.name!r} ({self.owner.distribution} {self.owner.version})"
            findings.add(path, f"{who} does not say of which kind this component is: a fault of the plugin")
            return use
        if path.count("with") > DEPTH:
            findings.add(path, f"components inside components are nested more than {DEPTH} deep")
            return use
        entry = self.checker.entry(wanted[0].kind, use.use, findings.step(path, "use"))
        if entry is None or not self._fits(entry, wanted[0], path):
            return use
        name = f"{self.name}.{use.use}"
        options = self.checker.options(entry, use.with_, (*path, "with"), name=name)
        if options is None:
            return use
        made: Use[Any] = Use(use.use, use.with_)
        made.planned = Planned(name, entry, options, findings.where(path), dotted(path))
        return made

    def _fits(self, entry: Entry, wanted: type[Component[Any]], path: Steps) -> bool:
        """Whether a component can be used inside another; notes why not."""
        fitted = entry.kind == "reward" and entry.needs is not None
        message = ""
        if fitted and not issubclass(wanted, FittedReward):
            message = f"{entry.name!r} is fitted during the run, so {self.owner.name!r} cannot use it; name another"
        elif issubclass(wanted, FittedReward) and not fitted:
            message = f"{entry.name!r} is no fitted reward, which {self.owner.name!r} needs; name another"
        if message:
            self.checker.findings.add(path, message)
        return not message


def _attributes(model: type[BaseModel]) -> Mapping[str, tuple[str, object]]:
    """By the YAML's key the attribute and the annotation of each field."""
    return {field.alias or name: (name, field.annotation) for name, field in model.model_fields.items()}


def _is_kind(wanted: object) -> bool:
    return isinstance(wanted, type) and issubclass(wanted, Component) and wanted.kind in KINDS
