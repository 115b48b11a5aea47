"""One plugin's registrations, checked as they come in and kept apart until the whole plugin has loaded."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from dressage.host.catalog import Command
from dressage.host.classes import RegistrationError, check_class, first_line, loop_of, needs_of
from dressage.host.lazy import Declared, Target, load_command, load_component
from dressage.spec.components import Component, OfflineOptimizer
from dressage.spec.options import Options
from dressage.spec.plan import Entry

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
TARGET = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
HOOKS = {
    "register_models": "model",
    "register_data": "data",
    "register_filters": "filter",
    "register_rewards": "reward",
    "register_optimizers": "optimizer",
    "register_evaluators": "evaluator",
    "register_observers": "observer",
}
"""The kind of component that each hook registers."""


@dataclass(frozen=True)
class _Given:
    """The keywords of one call of `register`."""

    options: type[Options] | None = None
    loop: str | None = None
    needs: str | None = None
    doc: str | None = None


class Registry:
    """What one distribution has registered so far."""

    def __init__(self, distribution: str, version: str) -> None:
        self.distribution = distribution
        self.version = version
        self.entries: list[Entry] = []
        self.commands: list[Command] = []

    def registrar(self, hook: str) -> Callable[..., None]:
        """The `register` that a hook is called with."""
        if hook == "register_commands":
            return self._command
        kind = HOOKS[hook]
        return partial(self._optimizer if kind == "optimizer" else self._component, kind)

    def _component(
        self,
        section: str,
        name: str,
        component: type[Component[Any]] | str,
        *,
        options: type[Options] | None = None,
        needs: str | None = None,
        doc: str | None = None,
    ) -> None:
        self._add(section, name, component, given=_Given(options, None, needs, doc))

    def _optimizer(
        self,
        section: str,
        name: str,
        component: type[Component[Any]] | str,
        *,
        options: type[Options] | None = None,
        kind: str | None = None,
        needs: str | None = None,
        doc: str | None = None,
    ) -> None:
        self._add(section, name, component, given=_Given(options, kind, needs, doc))

    def _add(self, kind: str, name: str, component: type[Component[Any]] | str, *, given: _Given) -> None:
        _check_name(kind, name)
        if any(entry.kind == kind and entry.name == name for entry in self.entries):
            raise RegistrationError(f"{kind} {name!r} is registered twice")
        blank = Entry(name, kind, self.distribution, self.version, Options, check_never, target=str(component))
        try:
            make = _lazy if isinstance(component, str) else _direct
            self.entries.append(make(blank, component, given))  # type: ignore[arg-type]
        except RegistrationError as error:
            raise RegistrationError(f"{kind} {name!r}: {error}") from error

    def _command(self, name: str, command: Callable[..., Any] | str, *, doc: str | None = None) -> None:
        _check_name("command", name)
        if any(known.name == name for known in self.commands):
            raise RegistrationError(f"command {name!r} is registered twice")
        if isinstance(command, str):
            if not TARGET.fullmatch(command):
                raise RegistrationError(f"command {name!r}: {command!r} is not of the form 'module:function'")
            load = load_command(Target(f"command {name!r}", self.distribution, self.version, command))
        elif callable(command):
            load, doc = partial(_same, command), doc or first_line(command.__doc__)
        else:
            raise RegistrationError(f"command {name!r}: {command!r} is not a function")
        self.commands.append(Command(name, self.distribution, self.version, load, doc or ""))


def _direct(blank: Entry, component: type[Component[Any]], given: _Given) -> Entry:
    """The entry of a class that is given itself."""
    if given.options is not None:
        raise RegistrationError("options= is for the lazy form; a class has its own")
    component = check_class(component, blank.kind)
    loop, needs = loop_of(component), needs_of(component)
    if given.loop not in (None, loop):
        raise RegistrationError(f"the class has kind {loop}, its registration says kind={given.loop}")
    if given.needs not in (None, needs):
        raise RegistrationError(f"the class has needs {needs}, its registration says needs={given.needs}")
    return replace(
        blank,
        options=component.options_model,
        load=partial(_same, component),
        doc=given.doc or first_line(component.__doc__),
        online=None if loop is None else loop == "online",
        needs=needs,
        target=f"{component.__module__}:{component.__qualname__}",
    )


def _lazy(blank: Entry, path: str, given: _Given) -> Entry:
    """The entry of a class that is only named."""
    _check_lazy(blank, path, given)
    needs = given.needs
    if given.loop == "offline" and needs is None:
        needs = OfflineOptimizer.needs
    assert given.options is not None
    target = Target(f"{blank.kind} {blank.name!r}", blank.distribution, blank.version, path)
    return replace(
        blank,
        options=given.options,
        load=load_component(target, Declared(blank.kind, given.options, given.loop, needs)),
        doc=given.doc or "",
        online=None if given.loop is None else given.loop == "online",
        needs=needs,
        target=path,
    )


def _check_lazy(blank: Entry, path: str, given: _Given) -> None:
    """Raises where a lazy registration leaves out what the YAML's check needs to know."""
    call = f"register({blank.name!r}, {path!r}"
    if not TARGET.fullmatch(path):
        raise RegistrationError(f"{path!r} is not of the form 'module:Class'")
    if given.options is None:
        raise RegistrationError(f"the lazy form needs its options; did you mean {call}, options=...)?")
    if not (isinstance(given.options, type) and issubclass(given.options, Options)):
        raise RegistrationError(f"options= must be a subclass of dressage.Options, not {given.options!r}")
    if blank.kind == "optimizer" and given.loop not in ("online", "offline"):
        raise RegistrationError(f"a lazy optimizer says which kind it is; did you mean {call}, ..., kind='online')?")
    if given.needs is not None and not (given.loop == "offline" or blank.kind == "reward"):
        raise RegistrationError("needs= is for offline optimizers and fitted rewards")


def _check_name(kind: str, name: object) -> None:
    if not (isinstance(name, str) and NAME.fullmatch(name)):
        raise RegistrationError(f"{kind} {name!r}: a name is lower case letters, digits and single hyphens")


def _same(found: Any) -> Any:
    return found


def check_never() -> type[Component[Any]]:
    """Stands in an entry that is not finished."""
    raise LookupError("this entry was never finished")
