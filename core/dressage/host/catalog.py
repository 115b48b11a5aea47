"""What is installed: every component by kind and name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from dressage.host.known import DISTRIBUTIONS, KNOWN, closest_distribution, normal
from dressage.host.suggest import closest
from dressage.spec.errors import DressageError, PluginError, UsageError
from dressage.spec.plan import Entry, PluginRecord


@dataclass(frozen=True)
class Command:
    """A subcommand that a plugin adds to `dressage`."""

    name: str
    distribution: str
    version: str
    load: Callable[[], Callable[..., Any]] = field(repr=False)
    """Imports the function; raises `PluginError`."""
    doc: str = ""


class Catalog:
    """Components by kind and name, for good. A name that two distributions use is found as `DIST/NAME` alone."""

    __slots__ = ("_entries", "_lost", "_records")

    def __init__(
        self,
        entries: Iterable[Entry] = (),
        *,
        records: Iterable[PluginRecord] = (),
        lost: Mapping[tuple[str, str], str] | None = None,
    ) -> None:
        """`lost` has the distribution of each (kind, name) that went down with a broken plugin."""
        self._entries = tuple(sorted(entries, key=lambda entry: (entry.kind, entry.name, entry.distribution)))
        self._records = MappingProxyType({normal(record.distribution): record for record in records})
        self._lost = MappingProxyType(dict(lost or {}))

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def entries(self, kind: str) -> tuple[Entry, ...]:
        """All components of a kind, by name."""
        return tuple(entry for entry in self._entries if entry.kind == kind)

    def names(self, kind: str) -> tuple[str, ...]:
        """What `find` takes for a kind: bare names, and `DIST/NAME` where a bare one is ambiguous."""
        bare = [entry.name for entry in self.entries(kind)]
        return tuple(e.name if bare.count(e.name) == 1 else f"{e.distribution}/{e.name}" for e in self.entries(kind))

    def find(self, kind: str, name: str, *, absent: Sequence[str] = ()) -> Entry:
        """The component of that kind and name (or `DIST/NAME`).

        Raises `PluginError` where a plugin is missing, broken or blocked, `UsageError` for a misspelling or a name
        that two distributions use. `absent` are the distributions that a run requires and that are not installed.
        """
        distribution, _, bare = name.rpartition("/")
        found = [
            entry
            for entry in self.entries(kind)
            if entry.name == bare and (not distribution or normal(entry.distribution) == normal(distribution))
        ]
        if len(found) == 1:
            return found[0]
        if found:
            choices = " or ".join(repr(f"{entry.distribution}/{entry.name}") for entry in found)
            raise UsageError(f"{len(found)} plugins have {with_article(kind)} {name!r}; write {choices}")
        if distribution:
            raise self._not_from(kind, bare, distribution)
        raise self._not_found(kind, bare, absent)

    def record(self, distribution: str) -> PluginRecord | None:
        """The installed plugin of that distribution, in whatever state."""
        return self._records.get(normal(distribution))

    def distributions(self) -> tuple[str, ...]:
        """The installed plugins, in whatever state."""
        return tuple(record.distribution for record in self._records.values())

    def _not_found(self, kind: str, name: str, absent: Sequence[str]) -> DressageError:
        """Why there is no component of a bare name."""
        supplier = self._lost.get((kind, name)) or KNOWN.get(kind, {}).get(name)
        if supplier and not self._is_loaded(supplier):
            return self._not_from(kind, name, supplier)
        elsewhere = [entry.kind for entry in self._entries if entry.name == name]
        if elsewhere:
            return UsageError(f"{name!r} is {with_article(elsewhere[0])}, not {with_article(kind)}")
        installed = self.names(kind)
        ours = {known: dist for known, dist in KNOWN.get(kind, {}).items() if not self._is_loaded(dist)}
        if guess := closest(name, [*ours, *installed]):
            install = "" if guess in installed else f" (pip install {ours[guess]})"
            return UsageError(f"no {label(kind)} is named {name!r}; did you mean {guess!r}{install}?")
        have = f"installed: {', '.join(installed)}" if installed else f"no {label(kind)} is installed"
        remedy = f"pip install {' '.join(absent)}" if absent else "install the plugin that has it"
        return PluginError(f"no {label(kind)} is named {name!r}; {have}{self._unavailable()}; {remedy}")

    def _not_from(self, kind: str, name: str, supplier: str) -> DressageError:
        """Why the distribution that has, or should have, a component does not give it."""
        record = self.record(supplier)
        if record is None:
            guess = closest_distribution(supplier, self.distributions())
            if guess and normal(supplier) not in DISTRIBUTIONS:
                return UsageError(f"no plugin {supplier!r} is installed; did you mean {f'{guess}/{name}'!r}?")
            return PluginError(f"{label(kind)} {name!r} is not installed; pip install {supplier}")
        if record.state != "loaded":
            return PluginError(f"{label(kind)} {name!r} cannot be used: {state_of(record)}")
        own = [entry.name for entry in self.entries(kind) if normal(entry.distribution) == normal(supplier)]
        guess = closest(name, own)
        tail = f"; did you mean {f'{record.distribution}/{guess}'!r}?" if guess else ""
        return UsageError(f"{record.distribution} {record.version} has no {label(kind)} {name!r}{tail}")

    def _is_loaded(self, distribution: str) -> bool:
        record = self.record(distribution)
        return record is not None and record.state == "loaded"

    def _unavailable(self) -> str:
        """What the plugins that could not be loaded are, since one of them may have the component."""
        records = self._records.values()
        broken = [f"{record.distribution} ({record.error})" for record in records if record.state == "broken"]
        blocked = [record.distribution for record in records if record.state == "blocked"]
        parts = (("broken", broken), ("blocked by DRESSAGE_PLUGINS", blocked))
        return "".join(f"; {state}: {', '.join(names)}" for state, names in parts if names)


def state_of(record: PluginRecord) -> str:
    """Why a plugin that is not loaded cannot be used, and what to do."""
    name = f"{record.distribution} {record.version}"
    if record.state == "blocked":
        return f"{name} is blocked by DRESSAGE_PLUGINS; add {record.distribution} to it"
    return f"{name} is broken: {record.error}"


def label(kind: str) -> str:
    """A kind as a sentence has it."""
    return "data set" if kind == "data" else kind


def with_article(kind: str) -> str:
    """A kind with its article."""
    return f"{'an' if kind[0] in 'aeio' else 'a'} {label(kind)}"
