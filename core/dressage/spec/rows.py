"""Which keys of `data:` the rows of a stage are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dressage.spec.plan import DataPlan

Parts = list[tuple[str | None, tuple[DataPlan, ...]]]


def by_key(data: Mapping[str, Sequence[DataPlan]], plans: Sequence[DataPlan]) -> Parts:
    """What a stage names, in its order: the key of what is a whole set of the run, None beside rows of its own."""
    found: Parts = []
    rest = tuple(plans)
    while rest:
        key = next((name for name, known in data.items() if known and rest[: len(known)] == tuple(known)), None)
        count = len(data[key]) if key is not None else 1
        if key is None and found and found[-1][0] is None:
            found[-1] = (None, (*found[-1][1], rest[0]))
        else:
            found.append((key, rest[:count]))
        rest = rest[count:]
    return found
