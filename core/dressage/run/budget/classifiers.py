"""How large the models of rewards and measures are, as far as their options name files that are on this disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dressage.run.build import guard
from dressage.spec.components import FittedReward, Reward
from dressage.spec.options import Use
from dressage.spec.plan import Plan, Planned

WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.ckpt")
"""Names of files of weights; of one folder those of the first kind that it has."""


def classifiers(plan: Plan) -> dict[str, int | None]:
    """By STAGE:REWARD or evaluate:MEASURE of each that has a model (it can be moved): bytes, None where not known."""
    asked = {f"evaluate:{m.component.name}": m.component for m in plan.evaluate.measures}
    asked |= {f"{stage.name}:{r.component.name}": r.component for stage in plan.stages for r in stage.rewards}
    found: dict[str, int | None] = {}
    for key, component in asked.items():
        models = [p for p in _within(component) if _has_model(p)]
        if models and not issubclass(component.entry.load(), FittedReward):
            sizes = [size_of(plan, p) for p in models]
            known = sum(size for size in sizes if size is not None)
            found[key] = None if None in sizes else known
    return found


def _within(planned: Planned) -> Iterator[Planned]:
    """A component, and those that its options name."""
    inner = [p for _, value in planned.options if isinstance(value, Use) and (p := value.planned) is not None]
    yield from (p for one in inner for p in _within(one))
    if not any(p.entry.kind == "reward" for p in inner):  # one that asks another has no model of its own
        yield planned


def _has_model(planned: Planned) -> bool:
    with guard(planned, "be loaded"):
        kind = planned.entry.load()
    return issubclass(kind, Reward) and kind.to is not Reward.to


def size_of(plan: Plan, planned: Planned) -> int | None:
    """Bytes of the weights in the folder, the file or the cached hub id that an option names; None where none does."""
    for _, value in planned.options:
        if isinstance(value, str | Path) and (size := _weights(plan.folder / Path(value).expanduser(), str(value))):
            return size
    return None


def _weights(path: Path, name: str) -> int:
    if path.is_file():
        return path.stat().st_size if any(path.match(kind) for kind in WEIGHTS) else 0
    if not path.is_dir():
        cached = _cached(name)
        path = cached.parent if cached is not None else path
    for kind in WEIGHTS:
        if files := sorted(path.glob(kind)):
            return sum(file.stat().st_size for file in files)
    return 0


def _cached(name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    try:
        found: Any = try_to_load_from_cache(name, "config.json")
    except ValueError:  # no name that the hub could have
        return None
    return Path(found) if isinstance(found, str) else None
