"""Reads `model:`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from dressage.host.catalog import Catalog
from dressage.host.component import Checker
from dressage.host.document import Steps
from dressage.host.keys import RunDevice
from dressage.host.known import KNOWN
from dressage.host.suggest import closest
from dressage.spec.plan import Planned
from dressage.spec.sections import ModelConfig


class _Model(ModelConfig):
    base: Annotated[str, Field(min_length=1)]
    device: RunDevice = "auto"


def read_model(checker: Checker, raw: object) -> tuple[ModelConfig, Planned | None]:
    """The model section, and the registered model behind `base` if there is one."""
    findings = checker.findings
    if isinstance(raw, str):
        findings.add(("model",), f"must be a mapping; write {{base: {raw}}}")
        return ModelConfig(base=raw), None
    if raw is None:
        findings.add(("model",), "is required, as {base: smollm2-135m}")
        return ModelConfig(base=""), None
    model = checker.section(_Model, ("model",), raw)
    base = raw.get("base") if isinstance(raw, dict) else None
    planned = _base(checker, ("model", "base"), base) if isinstance(base, str) and base else None
    if model is None:
        return ModelConfig(base=str(base)), planned
    return ModelConfig(**dict(model)), planned


def _base(checker: Checker, path: Steps, base: str) -> Planned | None:
    """The registered model of that name; a folder, a file or a hub id is left to the engine."""
    if registered(checker.catalog, base):
        return checker.planned("model", path, base, name=base.rpartition("/")[2])
    if _looks_like_path(base):
        file = checker.findings.document.folder / Path(base).expanduser()
        if not file.exists():
            checker.findings.add(path, f"no such folder or file: {base!r} (in {file.parent.resolve()})")
        return None
    here = checker.findings.document.folder / base
    guess = closest(base, [*checker.catalog.names("model"), *KNOWN["model"]])
    if guess and "/" not in base and not here.exists():
        checker.findings.add(path, f"no model is named {base!r}; did you mean {guess!r}?")
    return None


def registered(catalog: Catalog, base: str) -> bool:
    """Whether a base can only be meant as a plugin's: it is one's, or one of ours that is not there."""
    distribution, _, name = base.rpartition("/")
    if distribution:
        return catalog.record(distribution) is not None
    return name in {*KNOWN["model"], *(entry.name for entry in catalog.entries("model"))}


def _looks_like_path(base: str) -> bool:
    return base.startswith((".", "/", "~")) or base.endswith(".gguf") or base.count("/") > 1
