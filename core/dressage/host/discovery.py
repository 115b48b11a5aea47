"""Finds the installed plugins, without letting one that is broken harm the others."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from itertools import groupby
from types import MappingProxyType

from dressage.host.catalog import Catalog, Command
from dressage.host.hooks import HOOKS, check_hooks, make_manager
from dressage.host.known import normal
from dressage.host.lazy import one_line
from dressage.host.registry import Registry
from dressage.spec.plan import PluginRecord

GROUP = "dressage"
"""The entry-point group."""
ALLOW = "DRESSAGE_PLUGINS"
"""A comma-separated allow-list of distributions; empty for none, unset for all."""


@dataclass(frozen=True)
class Discovery:
    """What is installed: components, plugins in whatever state, and subcommands by their name."""

    catalog: Catalog
    plugins: tuple[PluginRecord, ...] = ()
    commands: Mapping[str, Command] = field(default_factory=lambda: MappingProxyType({}))
    """By name, or by `DIST/NAME` where two plugins have one name."""

    @classmethod
    def of(cls, plugins: Mapping[str, object], *, environ: Mapping[str, str] | None = None) -> Discovery:
        """The given plugins (modules or objects with hooks, by distribution name) and none that is installed.

        A plugin's version is its `__version__`, else 0.0.0.
        """
        return _load(_given(plugins), environ or {})


@dataclass(frozen=True)
class _Source:
    """A distribution and how to get its plugins: objects, or entry points that import them."""

    distribution: str
    version: str
    plugins: tuple[object | metadata.EntryPoint, ...] = ()
    error: str = ""

    def load(self) -> Iterator[object]:
        for plugin in self.plugins:
            yield plugin.load() if isinstance(plugin, metadata.EntryPoint) else plugin


def discover(environ: Mapping[str, str] = os.environ, *, extra: Mapping[str, object] | None = None) -> Discovery:
    """All installed plugins that `DRESSAGE_PLUGINS` allows, and `extra` ones by distribution name.

    An extra plugin takes the place of an installed distribution of its name.
    """
    given = list(_given(extra or {}))
    names = {normal(source.distribution) for source in given}
    return _load([*(s for s in _installed() if normal(s.distribution) not in names), *given], environ)


def _given(plugins: Mapping[str, object]) -> Iterator[_Source]:
    for name, plugin in plugins.items():
        yield _Source(name, str(getattr(plugin, "__version__", "0.0.0")), (plugin,))


def _installed() -> Iterator[_Source]:
    """The distributions with entry points of our group, by name; of two copies the one that Python imports."""
    seen: set[str] = set()
    for distribution in metadata.distributions():
        # one unreadable file must not hide all others, as `metadata.entry_points()` would
        text = _entry_points_text(distribution)
        if GROUP not in text:
            continue
        name = str(distribution.metadata["Name"] or "")
        if not name or normal(name) in seen:
            continue
        try:
            points = tuple(point for point in distribution.entry_points if point.group == GROUP)
            source = _Source(name, distribution.version, points)
        except Exception as error:
            source = _Source(name, distribution.version, error=f"entry_points.txt: {one_line(error)}")
        if source.plugins or source.error:
            seen.add(normal(name))
            yield source


def _entry_points_text(distribution: metadata.Distribution) -> str:
    try:
        return distribution.read_text("entry_points.txt") or ""
    except Exception:
        return ""


def _load(sources: Iterable[_Source], environ: Mapping[str, str]) -> Discovery:
    allowed = _allowed(environ)
    registries: list[Registry] = []
    records: list[PluginRecord] = []
    lost: dict[tuple[str, str], str] = {}
    for source in sorted(sources, key=lambda source: normal(source.distribution)):
        if allowed is not None and normal(source.distribution) not in allowed:
            records.append(PluginRecord(source.distribution, source.version, "blocked"))
            continue
        registry, error = _register(source)
        if error:
            records.append(PluginRecord(source.distribution, source.version, "broken", error))
            lost.update({(entry.kind, entry.name): source.distribution for entry in registry.entries})
            continue
        registries.append(registry)
        components = tuple(f"{entry.kind}/{entry.name}" for entry in registry.entries)
        records.append(PluginRecord(source.distribution, source.version, "loaded", "", components))
    entries = [entry for registry in registries for entry in registry.entries]
    return Discovery(Catalog(entries, records=records, lost=lost), tuple(records), _commands(registries))


def _register(source: _Source) -> tuple[Registry, str]:
    """What a distribution registers, and in one line why it is broken, if it is.

    Each has a plugin manager of its own: its hooks cannot meet those of others, and dropping the manager and the
    registry takes back all that a broken one had done.
    """
    registry = Registry(source.distribution, source.version)
    if source.error:
        return registry, source.error
    manager = make_manager()
    try:
        for plugin in source.load():
            if not manager.is_registered(plugin):
                check_hooks(plugin)
                manager.register(plugin)
        manager.check_pending()
        for hook in HOOKS:
            getattr(manager.hook, hook)(register=registry.registrar(hook))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin's import may raise anything, and must harm nobody else
        return registry, one_line(error)
    return registry, ""


def _allowed(environ: Mapping[str, str]) -> frozenset[str] | None:
    if ALLOW not in environ:
        return None
    return frozenset(normal(name.strip()) for name in environ[ALLOW].split(",") if name.strip())


def _commands(registries: Iterable[Registry]) -> Mapping[str, Command]:
    commands = sorted((c for registry in registries for c in registry.commands), key=lambda command: command.name)
    named: dict[str, Command] = {}
    for name, group in groupby(commands, key=lambda command: command.name):
        same = list(group)
        for command in same:
            named[name if len(same) == 1 else f"{command.distribution}/{name}"] = command
    return MappingProxyType(named)
