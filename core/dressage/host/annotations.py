"""Reads the fields of options models and what their annotations name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from dressage.spec.components import Component
from dressage.spec.options import kind_of_use


def fields_by_key(model: type[BaseModel]) -> Mapping[str, FieldInfo]:
    """The fields of a model by the key that the YAML has for them."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def inside_section(model: type[BaseModel], key: str) -> str:
    """A suggestion where `key` is a key of one of the model's sections: `; did you mean 'update.batch'?`."""
    for name, field in fields_by_key(model).items():
        for section in types_in(field.annotation):
            if issubclass(section, BaseModel) and key in fields_by_key(section):
                return f"; did you mean {f'{name}.{key}'!r}?"
    return ""


def types_in(annotation: object) -> Iterator[type]:
    """All classes that an annotation names, however deep."""
    if isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    for argument in get_args(annotation):
        yield from types_in(argument)


def uses_in(annotation: object) -> Iterator[type[Component[Any]]]:
    """The classes inside all `Use[...]` of an annotation."""
    found = kind_of_use(annotation)
    if found is not None:
        yield get_origin(found) or found  # Use[Reward[Any]] means any reward as well
        return
    for argument in get_args(annotation):
        yield from uses_in(argument)
