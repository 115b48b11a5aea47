"""Makes components from a plan, and names them when they fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import OutOfMemoryError

from dressage.spec.components import Component, Context, Reward
from dressage.spec.console import Console
from dressage.spec.errors import ComponentError, DressageError, PluginError
from dressage.spec.options import Use
from dressage.spec.plan import Planned


@dataclass
class Workshop:
    """Builds components, gives each its context, remembers which rewards stand inside which, and closes all."""

    folder: Path
    cache: Path
    device: str
    seed: int
    console: Console
    made: list[Component[Any]] = field(default_factory=list)
    inside: dict[str, list[Reward[Any]]] = field(default_factory=dict)
    """By the path in the YAML of each component that was made: the rewards that it and its options name."""

    def make(self, planned: Planned, *, device: str | None = None, batch_size: int = 32) -> Any:
        """An instance of a planned component on a device, by default the run's."""
        context = Context(
            name=planned.name,
            device=device or self.device,
            seed=self.seed,
            batch_size=batch_size,
            folder=self.folder,
            cache=self.cache,
            progress=self.console.progress,
        )

        def build(use: Use[Any], name: str) -> Any:
            if use.planned is None:
                raise PluginError(f"{planned}: the option {use!r} was not resolved")
            inner = self.make(replace(use.planned, name=name), device=device, batch_size=batch_size)
            self.inside.setdefault(planned.path, []).extend(self.inside.get(use.planned.path, []))
            return inner

        with guard(planned, "be made"):
            component = planned.entry.load()(planned.options, replace(context, builder=build))
        inside = self.inside.setdefault(planned.path, [])
        if isinstance(component, Reward):
            inside.append(component)
        self.made.append(component)
        if isinstance(component, Reward) and component.goal not in ("max", "min"):  # it may be set in `__init__`
            raise ComponentError(f"{planned}: its goal must be 'max' or 'min', not {component.goal!r}")
        return component

    def close(self) -> None:
        """Closes everything that was made, newest first; one that fails is warned about, and the others are closed."""
        while self.made:
            component = self.made.pop()
            try:
                component.close()
            except Exception as error:  # whatever ended the run must stay what is told
                name = f"{component.kind} {component.ctx.name!r}"
                self.console.warn(f"{name} could not be closed: {type(error).__name__}: {error}")


@contextmanager
def guard(planned: Planned, doing: str) -> Iterator[None]:
    """Turns what a component raises into a `ComponentError` with its name, distribution, version and YAML place."""
    try:
        yield
    except DressageError as error:
        if isinstance(error, ComponentError) or type(error) is DressageError:
            raise
        raise type(error)(f"{planned}: {error}") from error
    except (MemoryError, OutOfMemoryError, KeyboardInterrupt):
        raise
    except (Exception, SystemExit) as error:  # a component that exits must not end the run as if all were well
        text = str(error).strip().splitlines()
        raise ComponentError(
            f"{planned} could not {doing}: {type(error).__name__}: {text[0] if text else ''}"
        ) from error
