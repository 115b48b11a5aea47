"""How the engine speaks to a person, without knowing whether a terminal, a file or a test listens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Console(Protocol):
    """Where a run's progress goes."""

    def line(self, text: str = "") -> None:
        """A line of the log."""
        ...

    def warn(self, text: str) -> None:
        """Something the user should know."""
        ...

    def progress(self, items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
        """Yields the items; shows a bar where it takes longer than two seconds."""
        ...


class Quiet:
    """A console that says nothing."""

    def line(self, text: str = "") -> None:
        """Says nothing."""

    def warn(self, text: str) -> None:
        """Says nothing."""

    def progress(self, items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
        """Yields the items."""
        yield from items
