"""Gathers everything that is wrong with a YAML, so that a user sees it at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dressage.host.document import Document, Steps, dotted
from dressage.host.suggest import hint
from dressage.spec.errors import ConfigError, Problem, Where

LEFT_OUT: Mapping[Steps, str] = dict.fromkeys(
    (("rollout", key) for key in ("top_p", "top_k", "min_p", "typical_p")),
    "; replies are sampled from the whole distribution, since a cut one biases the probability ratio: set temperature",
)
"""Keys that other trainers have in that section and that are left out on purpose, with what to do."""


class Findings:
    """The problems found so far in one document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._problems = dict.fromkeys(document.problems)

    def __bool__(self) -> bool:
        return bool(self._problems)

    def where(self, path: Steps) -> Where:
        """The place of the value at `path`."""
        return self.document.where(path)

    def step(self, path: Steps, key: str) -> Steps:
        """`path` and one step more, where the file has that."""
        longer = (*path, key)
        return longer if longer in self.document.values else path

    def add(self, path: Steps, message: str, *, missing: bool = False, key: bool = False) -> None:
        """Notes a problem at a value, or at its key."""
        where = self.document.where_key(path) if key else self.document.where(path)
        self._problems[Problem(where, dotted(path), message, missing)] = None

    def unknown(self, path: Steps, known: Iterable[str], *, also: str = "") -> None:
        """Notes a key that does not exist, with the known one that it resembles."""
        reason = LEFT_OUT.get(path[-2:], "")
        self.add(path, f"unknown key{reason or also or hint(path[-1], known)}", key=True)

    def at(self, where: Where, path: Steps, message: str) -> None:
        """Notes a problem at a place that is not in the file: a flag or a variable."""
        self._problems[Problem(where, dotted(path), message)] = None

    def mapping(self, path: Steps, value: object, *, what: str = "a mapping (key: value)") -> Mapping[str, object]:
        """`value` if it is a mapping, {} for null, else {} and a problem."""
        if isinstance(value, dict):
            return value
        if value is not None:
            self.add(path, f"must be {what}, not {shown(value)}")
        return {}

    def sequence(self, path: Steps, value: object, *, what: str = "a list (- item)") -> list[object]:
        """`value` if it is a list, [] for null, else [] and a problem."""
        if isinstance(value, list):
            return value
        if value is not None:
            self.add(path, f"must be {what}, not {shown(value)}")
        return []

    def stop(self) -> None:
        """Raises `ConfigError` with all problems in the order of their places, if there are any."""
        if self._problems:
            raise ConfigError(sorted(self._problems, key=_order))


def shown(value: object) -> str:
    """A value as a message shows it: as YAML has it, and short."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, str) and len(value) > 60:
        return repr(value[:57] + "...")
    return repr(value)


def _order(problem: Problem) -> tuple[bool, int, int]:
    where = problem.where
    return (where.line is None, where.line or 0, where.column or 0)
