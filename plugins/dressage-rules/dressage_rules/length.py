"""How near a response's length is to what is wanted."""

from __future__ import annotations

from collections.abc import Sequence

from dressage import Batch, Context, Reward, Score

from dressage_rules.options import LengthOptions
from dressage_rules.units import words


class Length(Reward[LengthOptions]):
    """How near a response's length is to what is wanted, in [0, 1].

    With n units and softness s: s / (s + d), where d = max(minimum - n, n - maximum, 0), and a target is both minimum
    and maximum. Without any of the three: n / (n + s), so that a longer response scores higher, ever more slowly.
    """

    goal = "max"

    def __init__(self, options: LengthOptions, ctx: Context) -> None:
        super().__init__(options, ctx)
        self.softness = options.softness or (20.0 if options.unit == "words" else 100.0)

    def score(self, batch: Batch) -> Sequence[Score]:
        """One number in [0, 1] per response."""
        count = (lambda text: len(words(text))) if self.options.unit == "words" else len
        return [self._value(count(response)) for response in batch.responses]

    def _value(self, n: int) -> float:
        low, high = self.options.minimum, self.options.maximum
        if self.options.target is not None:
            low = high = self.options.target
        if low is None and high is None:
            return n / (n + self.softness)
        distance = max(low - n if low is not None else 0, n - high if high is not None else 0, 0)
        return self.softness / (self.softness + distance)
