"""How much a response repeats itself."""

from __future__ import annotations

from collections.abc import Sequence

from dressage import Batch, Reward, Score

from dressage_rules.options import RepetitionOptions
from dressage_rules.units import tokens


class Repetition(Reward[RepetitionOptions]):
    """The share of a response's n-grams that it has had before, in [0, 1).

    With N n-grams of which D are distinct: 1 - D / N; 0 for a response of fewer than n units. Case does not count.
    """

    goal = "min"

    def score(self, batch: Batch) -> Sequence[Score]:
        """One share per response."""
        return [repeated_share(self._units(response), self.options.n) for response in batch.responses]

    def _units(self, text: str) -> Sequence[str]:
        return tokens(text) if self.options.unit == "words" else " ".join(text.casefold().split())


def repeated_share(units: Sequence[str], n: int) -> float:
    """1 - distinct / all of the n-grams of `units`; 0 where there are none."""
    grams = [tuple(units[i : i + n]) for i in range(len(units) - n + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0
