"""What a component class says of itself, and whether it can be one at all."""

from __future__ import annotations

from inspect import isabstract
from typing import Any

from dressage.spec.components import GOALS, KINDS, Component, FittedReward, OfflineOptimizer, OnlineOptimizer
from dressage.spec.options import Options


class RegistrationError(Exception):
    """A plugin registers something that cannot be a component."""


def check_class(found: object, kind: str) -> type[Component[Any]]:
    """`found`, which is a whole component class of that kind; raises `RegistrationError`."""
    base = KINDS[kind]
    bases = base if isinstance(base, tuple) else (base,)
    if not (isinstance(found, type) and issubclass(found, bases)):
        wanted = " or ".join(f"dressage.{one.__name__}" for one in bases)
        raise RegistrationError(f"{_named(found)} is not a subclass of {wanted}")
    if isabstract(found):
        lacking = ", ".join(sorted(getattr(found, "__abstractmethods__", ())))
        raise RegistrationError(f"{_named(found)} does not define {lacking}")
    if not (isinstance(found.options_model, type) and issubclass(found.options_model, Options)):
        raise RegistrationError(f"{_named(found)}: options_model must be a subclass of dressage.Options")
    goal = getattr(found, "goal", None)
    if kind == "reward" and goal not in GOALS and not isinstance(goal, property):  # anything else would turn its sign
        raise RegistrationError(f"{_named(found)}: goal must be 'max' or 'min', not {goal!r}")
    return found


def loop_of(component: type[Component[Any]]) -> str | None:
    """`online` or `offline` for an optimizer, None for all others."""
    if issubclass(component, OnlineOptimizer):
        return "online"
    return "offline" if issubclass(component, OfflineOptimizer) else None


def needs_of(component: type[Component[Any]]) -> str | None:
    """The `data:` key it learns from; None where it learns from nothing, or samples itself."""
    if issubclass(component, OfflineOptimizer):
        return component.needs
    if issubclass(component, FittedReward):
        return str(getattr(component, "needs", "comparisons"))
    return None


def first_line(text: str | None) -> str:
    """The first line of a docstring."""
    return (text or "").strip().partition("\n")[0]


def _named(found: object) -> str:
    return found.__name__ if isinstance(found, type) else repr(found)
