"""The hooks a plugin can implement: one typed page.

A plugin is a module named by an entry point of the group `dressage`; it implements any of these functions, each
decorated with `dressage.hookimpl`. A hook gets `register(name, Class)`, or lazily, so that nothing heavy is imported
until a run uses the component, `register(name, "module:Class", options=OptionsModel)`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol

import pluggy

from dressage.spec.components import Component
from dressage.spec.options import Options

PROJECT = "dressage"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Register(Protocol):
    """Puts a component into the catalog under a name (lower case, digits, hyphens)."""

    def __call__(
        self,
        name: str,
        component: type[Component[Any]] | str,
        *,
        options: type[Options] | None = None,
        needs: str | None = None,
        doc: str | None = None,
    ) -> None:
        """`options` is required with, and only with, the lazy `"module:Class"` form.

        `needs` names the `data:` key a lazy component learns from (`comparisons`), `doc` is its one-line description;
        both are read off the class in the direct form.
        """
        ...


class RegisterOptimizer(Protocol):
    """`Register` for optimizers; a lazy one also says which of the two kinds it is."""

    def __call__(
        self,
        name: str,
        component: type[Component[Any]] | str,
        *,
        options: type[Options] | None = None,
        kind: Literal["online", "offline"] | None = None,
        needs: str | None = None,
        doc: str | None = None,
    ) -> None: ...


class RegisterCommand(Protocol):
    """Adds a subcommand to `dressage`: a function that typer can run, or `"module:function"`."""

    def __call__(self, name: str, command: Callable[..., Any] | str, *, doc: str | None = None) -> None: ...


@hookspec
def register_models(register: Register) -> None:
    """Supplies base models by name (`ModelSource`). New in 0.1."""


@hookspec
def register_data(register: Register) -> None:
    """Supplies data sets by name (`DataSource`). New in 0.1."""


@hookspec
def register_filters(register: Register) -> None:
    """Supplies data filters (`Filter`). New in 0.1."""


@hookspec
def register_rewards(register: Register) -> None:
    """Supplies rewards (`Reward`, `FittedReward`). New in 0.1."""


@hookspec
def register_optimizers(register: RegisterOptimizer) -> None:
    """Supplies optimizers (`OnlineOptimizer`, `OfflineOptimizer`). New in 0.1."""


@hookspec
def register_evaluators(register: Register) -> None:
    """Supplies measures for `evaluate:` (`Evaluator`). New in 0.1."""


@hookspec
def register_observers(register: Register) -> None:
    """Supplies observers (`Observer`). New in 0.1."""


@hookspec
def register_commands(register: RegisterCommand) -> None:
    """Supplies subcommands of `dressage`. New in 0.1."""
