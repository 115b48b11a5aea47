"""What pluggy alone would let pass: hooks that would never be called, or never be given an argument."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pluggy

from dressage.host.suggest import closest, hint
from dressage.spec import hookspecs
from dressage.spec.components import Observer

HOOKS = tuple(name for name in vars(hookspecs) if name.startswith("register_"))
EVENTS = tuple(name for name in vars(Observer) if name.startswith("on_"))
_MARK = f"{hookspecs.PROJECT}_impl"


class HookError(Exception):
    """A plugin has a hook that would silently do nothing."""


def make_manager() -> pluggy.PluginManager:
    """A plugin manager that knows the hook specs."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def check_hooks(plugin: object) -> None:
    """Raises `HookError` for a module-level `on_*`, a misspelt hook, or an argument that pluggy never passes."""
    for attribute, function in _routines(plugin):
        options = getattr(function, _MARK, None)
        marked = isinstance(options, dict)
        name = (options.get("specname") if isinstance(options, dict) else None) or attribute
        if name.startswith("on_") and (marked or closest(name, EVENTS)):
            event = closest(name, EVENTS) or EVENTS[0]
            raise HookError(
                f"{attribute}{_signature(function)}: a plugin itself is told of no events; did you mean a method "
                f"{event!r} of a dressage.Observer, which the YAML names?"
            )
        if marked:
            if name not in HOOKS and not options.get("optionalhook"):  # type: ignore[union-attr]
                raise HookError(f"{attribute}{_signature(function)}: there is no hook {name!r}{hint(name, HOOKS)}")
            if name in HOOKS:
                _check_arguments(name, function)
        elif name.startswith("register_") and (meant := closest(name, HOOKS)):
            raise HookError(
                f"{attribute}{_signature(function)}: is not marked as a hook; did you mean @dressage.hookimpl on "
                f"{meant!r}?"
            )


def _routines(plugin: object) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The functions of a plugin: all that are marked, and the unmarked ones that are its own."""
    module = getattr(plugin, "__name__", None) if inspect.ismodule(plugin) else None
    for name in dir(plugin):
        if not name.startswith(("register_", "on_")) and inspect.ismodule(plugin) and not _marked(plugin, name):
            continue
        function = getattr(plugin, name, None)
        if not inspect.isroutine(function):
            continue
        if hasattr(function, _MARK) or module is None or function.__module__ == module:
            yield name, function


def _check_arguments(name: str, function: Callable[..., Any]) -> None:
    spec = list(inspect.signature(getattr(hookspecs, name)).parameters)
    taken = inspect.signature(function).parameters
    written = f"{name}{_signature(function)}"
    for argument in taken.values():
        if argument.name == "self":
            continue
        if argument.default is not argument.empty:
            raise HookError(
                f"{written}: argument {argument.name!r} has a default, so it is never passed; "
                f"did you mean {', '.join(spec)!r} without one?"
            )
        if argument.kind is not argument.POSITIONAL_OR_KEYWORD:
            raise HookError(f"{written}: argument {argument.name!r} is never passed; did you mean {', '.join(spec)!r}?")
        if argument.name not in spec:
            guess = closest(argument.name, spec) or spec[0]
            raise HookError(f"{written}: there is no argument {argument.name!r}; did you mean {guess!r}?")
    if lacking := [argument for argument in spec if argument not in taken]:
        raise HookError(f"{written}: without {lacking[0]!r} it can register nothing; write {name}({', '.join(spec)})")


def _marked(plugin: object, name: str) -> bool:
    return hasattr(getattr(plugin, name, None), _MARK)


def _signature(function: Callable[..., Any]) -> str:
    try:
        return str(inspect.signature(function))
    except (TypeError, ValueError):
        return "(...)"
