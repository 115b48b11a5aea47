"""Imports of lazily named classes and functions, once a run uses them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from dressage.host.classes import RegistrationError, check_class, loop_of, needs_of
from dressage.spec.components import Component
from dressage.spec.errors import PluginError
from dressage.spec.options import Options


@dataclass(frozen=True)
class Target:
    """`module:name`, and who registered it as what."""

    label: str
    distribution: str
    version: str
    path: str

    def load(self) -> Any:
        """The named object; raises `PluginError` with distribution, version and target."""
        module, _, name = self.path.partition(":")
        try:
            return getattr(import_module(module), name)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a plugin's import may raise anything
            raise self.error(one_line(error)) from error

    def error(self, reason: str) -> PluginError:
        """The error that says that, and why, the target cannot be used."""
        return PluginError(
            f"{self.label} of {self.distribution} {self.version} cannot be loaded from {self.path}: {reason}"
        )


@dataclass(frozen=True)
class Declared:
    """What a lazy registration said of a class that it did not import."""

    kind: str
    options: type[Options]
    loop: str | None = None
    needs: str | None = None


def load_component(target: Target, declared: Declared) -> Callable[[], type[Component[Any]]]:
    """A function that imports the class, once, and holds it against what was declared."""

    @cache
    def load() -> type[Component[Any]]:
        try:
            component = check_class(target.load(), declared.kind)
            _compare(component, declared)
        except RegistrationError as error:
            raise target.error(str(error)) from error
        return component

    return load


def load_command(target: Target) -> Callable[[], Callable[..., Any]]:
    """A function that imports a command's function."""

    def load() -> Callable[..., Any]:
        found = target.load()
        if not callable(found):
            raise target.error(f"{found!r} is not a function")
        return found  # type: ignore[no-any-return]

    return load


def one_line(error: BaseException) -> str:
    """An exception as `Type: first line of its message`."""
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _compare(component: type[Component[Any]], declared: Declared) -> None:
    """Raises where a class is not what its registration said: the YAML was checked against that."""
    own, said = component.options_model, declared.options
    if own is not said:
        raise RegistrationError(f"the class has options {own.__name__}, its registration says {said.__name__}")
    for what, is_, was in (
        ("kind", loop_of(component), declared.loop),
        ("needs", needs_of(component), declared.needs),
    ):
        if is_ != was:
            raise RegistrationError(f"the class has {what} {is_!r}, its registration says {what}={was!r}")
