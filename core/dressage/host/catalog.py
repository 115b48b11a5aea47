"""What is installed: every component by kind and name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dressage.host.known import KNOWN, normal
from dressage.host.suggest import closest
from dressage.spec.errors import PluginError, UsageError
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
    """Components by kind and name. A name that two distributions use is found as `DIST/NAME` alone."""

    def __init__(
        self,
        entries: Iterable[Entry] = (),
        *,
        records: Iterable[PluginRecord] = (),
        lost: Mapping[tuple[str, str], str] | None = None,
    ) -> None:
        """`lost` has the distribution of each (kind, name) that went down with a broken plugin."""
        self._entries = tuple(sorted(entries, key=lambda entry: (entry.kind, entry.name, entry.distribution)))
        self._records = {normal(record.distribution): record for record in records}
        self._lost = dict(lost or {})

    def __iter__(self) -> Iterable[Entry]:
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

    def find(self, kind: str, name: str) -> Entry:
        """The component of that kind and name (or `DIST/NAME`).

        Raises `PluginError` where a plugin is missing, broken or blocked, `UsageError` for a misspelling or a name
        that two distributions use.
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
            raise UsageError(f"{len(found)} plugins have a {kind} {name!r}; write {choices}")
        self._refuse(kind, bare, distribution)
        raise AssertionError("unreachable")

    def record(self, distribution: str) -> PluginRecord | None:
        """The installed plugin of that distribution, in whatever state."""
        return self._records.get(normal(distribution))

    def _refuse(self, kind: str, name: str, distribution: str) -> None:
        """Raises the error that says why a component is not there."""
        supplier = distribution or self._lost.get((kind, name)) or KNOWN.get(kind, {}).get(name)
        if supplier:
            self._refuse_from(kind, name, supplier)
        installed = self.names(kind)
        known = KNOWN.get(kind, {})
        guess = closest(name, [*known, *installed])
        if guess and guess in known and guess not in installed:
            raise UsageError(f"no {kind} is named {name!r}; did you mean {guess!r} (pip install {known[guess]})?")
        if guess:
            raise UsageError(f"no {kind} is named {name!r}; did you mean {guess!r}?")
        elsewhere = [entry.kind for entry in self._entries if entry.name == name]
        if elsewhere:
            raise UsageError(f"{name!r} is no {kind} but {_a(elsewhere[0])}")
        have = f"installed: {', '.join(installed)}" if installed else f"no {kind} is installed"
        raise PluginError(f"no {kind} is named {name!r}; {have}{self._unavailable()}; install the plugin that has it")

    def _refuse_from(self, kind: str, name: str, supplier: str) -> None:
        """Raises what is wrong with the distribution that has, or should have, the component."""
        record = self.record(supplier)
        if record is None:
            if normal(supplier) in _OURS or not (guess := closest(supplier, self._plugin_names())):
                raise PluginError(f"{kind} {name!r} is not installed; pip install {supplier}")
            raise UsageError(f"no plugin {supplier!r} is installed; did you mean {guess!r}?")
        if record.state != "loaded":
            raise PluginError(f"{kind} {name!r} cannot be used: {state_of(record)}")
        own = [entry.name for entry in self.entries(kind) if normal(entry.distribution) == normal(supplier)]
        guess = closest(name, own)
        tail = f"; did you mean {record.distribution + '/' + guess!r}?" if guess else ""
        raise UsageError(f"{record.distribution} {record.version} has no {kind} {name!r}{tail}")

    def _plugin_names(self) -> list[str]:
        return [record.distribution for record in self._records.values()]

    def _unavailable(self) -> str:
        """What the plugins that could not be loaded are, since one of them may have the component."""
        states = {
            state: [r.distribution for r in self._records.values() if r.state == state]
            for state in ("broken", "blocked")
        }
        return "".join(f"; {state}: {', '.join(names)}" for state, names in states.items() if names)


_OURS = frozenset(distribution for names in KNOWN.values() for distribution in names.values())


def state_of(record: PluginRecord) -> str:
    """Why a plugin that is not loaded cannot be used, and what to do."""
    name = f"{record.distribution} {record.version}"
    if record.state == "blocked":
        return f"{name} is blocked by DRESSAGE_PLUGINS; add {record.distribution} to it"
    return f"{name} is broken: {record.error}"


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeio' else 'a'} {kind}"
