"""What a mark needs to know of a reward: which model it is and what it learnt from; kept in reports as plain values.

So a run that goes on, or is measured later, knows what it was trained on without loading those models again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dressage.run.build import Workshop
from dressage.run.record import plain
from dressage.spec.components import FittedReward, Reward
from dressage.spec.plan import Planned


@dataclass(frozen=True)
class Detector:
    """A reward that was made somewhere else than in the run."""

    made_by: str
    """Its class, as `module:Class`."""
    model: str | None
    """The name on its card; None where it has none."""
    options: Mapping[str, Any]
    trained_on: frozenset[str]

    def same_as(self, other: Detector) -> bool:
        """Whether two detectors of one class are one model, whatever form they give its scores."""
        if self.made_by != other.made_by:
            return False
        if self.model is None or other.model is None:
            return self.options == other.options
        return self.model == other.model


def detectors(rewards: Iterable[Reward[Any]]) -> list[Detector]:
    """The detectors among some rewards: a reward that is fitted in the run is none."""
    return [
        Detector(
            f"{type(reward).__module__}:{type(reward).__qualname__}",
            None if reward.card is None else reward.card.name,
            plain(reward.options.model_dump(mode="json")),
            frozenset(reward.trained_on),
        )
        for reward in rewards
        if not isinstance(reward, FittedReward)
    ]


def written(planned: Planned, workshop: Workshop) -> list[dict[str, Any]]:
    """The detectors that stand inside a component that was made, for a report."""
    return [asdict(d) | {"trained_on": sorted(d.trained_on)} for d in detectors(workshop.inside.get(planned.path, ()))]


def read_detectors(rows: Sequence[Mapping[str, Any]]) -> list[Detector]:
    """Takes them back from a report."""
    return [Detector(r["made_by"], r["model"], r["options"], frozenset(r["trained_on"])) for r in rows]
