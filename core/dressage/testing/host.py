"""A host that knows the given plugins and nothing that happens to be installed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module

from dressage.host import Discovery
from dressage.spec.errors import PluginError


def isolated_host(*plugins: object, environ: Mapping[str, str] | None = None, allow_broken: bool = False) -> Discovery:
    """The catalog, plugins and commands of the given plugins alone.

    A plugin is a module (or its name), or any object whose methods are hooks; its distribution is its name with
    hyphens, its version its `__version__` (else 0.0.0). Raises `PluginError` for a broken plugin unless
    `allow_broken`.
    """
    named: dict[str, object] = {}
    for plugin in plugins:
        found = import_module(plugin) if isinstance(plugin, str) else plugin
        name = distribution_name(found)
        if name in named:
            raise ValueError(f"two plugins are named {name!r}; give one of them another __name__")
        named[name] = found
    discovery = Discovery.of(named, environ=environ)
    broken = [record for record in discovery.plugins if record.state == "broken"]
    if broken and not allow_broken:
        raise PluginError("; ".join(f"{record.distribution} is broken: {record.error}" for record in broken))
    return discovery


def distribution_name(plugin: object) -> str:
    """The name a plugin's distribution gets: `dressage_ppo` is dressage-ppo, an object of class `Loud` is loud."""
    name = str(getattr(plugin, "__name__", type(plugin).__name__)).rpartition(".")[2]
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
