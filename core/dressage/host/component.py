"""Turns `use`/`with` into a planned component: looks it up, validates its options, and the components inside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from dressage.host import messages
from dressage.host.annotations import fields_by_key, inside_section
from dressage.host.catalog import Catalog, with_article
from dressage.host.document import Steps, dotted
from dressage.host.findings import Findings, shown
from dressage.host.keys import NAME, NoKeys
from dressage.host.lazy import one_line
from dressage.host.suggest import closest, hint
from dressage.host.uses import Resolver
from dressage.spec.errors import PluginError, UsageError
from dressage.spec.options import NoOptions, Options
from dressage.spec.plan import Entry, Planned
from dressage.spec.sections import Section

S = TypeVar("S", bound=Section)
OWN = ("use", "with", "as")
"""The keys that every component has."""


@dataclass(frozen=True)
class Item(Generic[S]):
    """A component, the host keys it came with, and its mapping as written.

    Where something is wrong with it, defaults and an empty entry stand in, so that the check can go on.
    """

    planned: Planned
    keys: S
    raw: Mapping[str, object]
    steps: Steps

    @property
    def found(self) -> bool:
        """Whether there is such a component."""
        return bool(self.planned.entry.distribution)


@dataclass(frozen=True)
class Checker:
    """What every part of the check works with."""

    catalog: Catalog
    findings: Findings
    absent: Sequence[str] = ()
    """Distributions that the run requires and that are not installed."""

    def section(self, model: type[S], path: Steps, raw: object) -> S | None:
        """A section of host keys, or None where it is wrong (and noted)."""
        values = self.findings.mapping(path, raw)
        if raw is not None and not isinstance(raw, dict):
            return None
        try:
            return model.model_validate(deepcopy(dict(values)))
        except ValidationError as error:
            messages.report(self.findings, path, error, model=model, raw=values)
            return None

    def entry(self, kind: str, name: str, path: Steps) -> Entry | None:
        """The component of a kind and name, or None where there is none (and noted why)."""
        try:
            return self.catalog.find(kind, name, absent=self.absent)
        except PluginError as error:
            self.findings.add(path, str(error), missing=True)
        except UsageError as error:
            self.findings.add(path, str(error))
        return None

    def item(self, kind: str, path: Steps, raw: object, *, keys: type[S], also: Sequence[str] = ()) -> Item[S] | None:
        """A component with its host keys, or None for what can be none; `also` are keys that the caller reads."""
        if isinstance(raw, str):
            raw = {"use": raw}
        elif not isinstance(raw, dict):
            self.findings.add(path, f"must be a name or a mapping with use, not {shown(raw)}")
            return None
        known = [*OWN, *fields_by_key(keys), *also]
        entry = self._named(kind, path, raw, known)
        self._unknown(path, raw, known, entry=entry, keys=keys)
        host = self._host_keys(keys, path, {key: raw[key] for key in fields_by_key(keys) if key in raw})
        stand_in = Entry(str(raw.get("use", "")).rpartition("/")[2], kind, "", "", NoOptions, _absent)
        name = self._name(path, raw, (entry or stand_in).name)
        options = self.options(entry, raw.get("with"), (*path, "with"), name=name, beside=known) if entry else None
        planned = Planned(name, entry or stand_in, options or NoOptions(), self.findings.where(path), dotted(path))
        return Item(planned, host, raw, path)

    def items(self, kind: str, path: Steps, raw: object, *, keys: type[S], also: Sequence[str] = ()) -> list[Item[S]]:
        """The components of a list, each with a name of its own."""
        listed = self.findings.sequence(path, raw, what="a list of components")
        found = [self.item(kind, (*path, i), one, keys=keys, also=also) for i, one in enumerate(listed)]
        taken: dict[str, str] = {}
        for item in (one for one in found if one is not None and one.planned.name):
            name = item.planned.name
            if name in taken:
                at = self.findings.step(item.steps, "as")
                self.findings.add(at, f"the name {name!r} is taken by {taken[name]}; give this one another with as")
            taken.setdefault(name, item.planned.path)
        return [item for item in found if item is not None]

    def planned(self, kind: str, path: Steps, raw: object, *, name: str) -> Planned | None:
        """A component that the YAML names outside of a list: a data set's source."""
        item = self.item(kind, path, raw, keys=NoKeys)
        return replace(item.planned, name=name) if item and item.found else None

    def options(
        self, entry: Entry, raw: object, path: Steps, *, name: str, beside: Sequence[str] = ()
    ) -> Options | None:
        """The validated options of a component, with those of the components inside, or None where they are wrong.

        `beside` are the keys that stand next to `with`, and are easily put into it.
        """
        values = self.findings.mapping(path, raw)
        resolver = Resolver(self, entry, name)
        try:
            # plain copies: what a plugin does to its options must not reach the YAML as recorded
            made = entry.options.model_validate(deepcopy(dict(values)))
        except ValidationError as error:
            messages.report(self.findings, path, error, model=entry.options, raw=values, beside=beside)
            resolver.salvage(entry.options, values, path)
            return None
        except (Exception, SystemExit) as error:  # a plugin's validator may raise anything
            who = f"{entry.kind} {entry.name!r} ({entry.distribution} {entry.version})"
            self.findings.add(path, f"the options of {who} cannot be checked: {one_line(error)}")
            return None
        resolved = resolver.resolve(made, entry.options, path)
        return resolved if isinstance(resolved, Options) else None

    def _host_keys(self, model: type[S], path: Steps, raw: dict[str, object]) -> S:
        """The host keys; where some are wrong (and noted), the others of them."""
        host = self.section(model, path, raw)
        if host is not None:
            return host
        good: dict[str, object] = {}
        for key, value in raw.items():
            with suppress(ValidationError):
                model.model_validate(deepcopy({key: value}))
                good[key] = value
        return model.model_validate(deepcopy(good))

    def _named(self, kind: str, path: Steps, raw: Mapping[str, object], known: Sequence[str]) -> Entry | None:
        use = raw.get("use")
        if isinstance(use, str) and use:
            return self.entry(kind, use, self.findings.step(path, "use"))
        if "use" in raw:
            self.findings.add((*path, "use"), f"must be the name of {with_article(kind)}, not {shown(use)}")
        elif not any(closest(key, ["use"]) for key in raw if key not in known):
            self.findings.add((*path, "use"), f"is required: the name of {with_article(kind)}")
        return None

    def _unknown(
        self,
        path: Steps,
        raw: Mapping[str, object],
        known: Sequence[str],
        *,
        entry: Entry | None,
        keys: type[Section],
    ) -> None:
        options = fields_by_key(entry.options) if entry else {}
        for key in raw:
            if key in known:
                continue
            also = f"; it is an option of {entry.name!r}: write it under with" if entry and key in options else ""
            self.findings.unknown((*path, key), known, also=also or inside_section(keys, key))

    def _name(self, path: Steps, raw: Mapping[str, object], default: str) -> str:
        if "as" not in raw:
            return default
        name = raw["as"]
        if isinstance(name, str) and NAME.fullmatch(name):
            return name
        self.findings.add((*path, "as"), f"must be a name of letters, digits, - and _, not {shown(name)}")
        return str(name)


def choose(findings: Findings, path: Steps, name: str, known: Iterable[str], *, what: str, key: bool = False) -> bool:
    """Whether `name` is one of the known; notes it with a suggestion where it is not."""
    names = list(known)
    if name in names:
        return True
    have = f"there are: {', '.join(names)}" if names else "there is none"
    findings.add(path, f"no {what} is named {name!r}{hint(name, names) or '; ' + have}", key=key)
    return False


def _absent() -> Any:
    raise LookupError("this component was not found")
