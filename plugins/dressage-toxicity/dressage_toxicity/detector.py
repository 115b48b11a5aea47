"""What the detectors share: a probability of harm per text becomes a reward that is better when lower."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Literal, TypeVar

from dressage import Batch, Context, Reward, UsageError

from dressage_toxicity.options import DetectorOptions

O = TypeVar("O", bound=DetectorOptions)


class Detector(Reward[O]):
    """Judges each response by its probability of harm, given as it is or as clipped log-odds."""

    goal: Literal["max", "min"] = "min"
    threshold: float
    """In the unit of the scores: a response with a score above it counts as harmful."""

    def __init__(self, options: O, ctx: Context) -> None:
        super().__init__(options, ctx)
        if (probability := getattr(options, "threshold", None)) is not None:
            self.set_threshold(probability)

    @abstractmethod
    def probabilities(self, texts: Sequence[str]) -> Sequence[float]:
        """The probability of harm of each text, in [0, 1] and in order; there is at least one text."""

    def score(self, batch: Batch) -> list[float]:
        """One probability, or clipped log-odds, per response."""
        texts = [legible(response) for response in batch.responses]
        return [self.scaled(p) for p in self.probabilities(texts)] if texts else []

    def scaled(self, probability: float) -> float:
        """`probability` in the unit that `output` asks for."""
        if self.options.output == "probability":
            return float(probability)
        return log_odds(probability, self.options.clip)

    def set_threshold(self, probability: float) -> None:
        """Puts the threshold into the unit of the scores."""
        self.threshold = self.scaled(probability)
        if self.options.output == "log-odds" and abs(self.threshold) >= self.options.clip:
            raise UsageError(
                f"{self.ctx.name or type(self).__name__}: the threshold {probability:g} lies outside log-odds "
                f"clipped to {self.options.clip:g}; raise `clip` or move `threshold`"
            )

    def to(self, device: str) -> None:
        """Moves what it computes with to another device."""


def log_odds(probability: float, clip: float) -> float:
    """log(p / (1 - p)) held in [-clip, clip]; exact 0 and 1 give the ends, and a NaN stays one."""
    if math.isnan(probability):
        return math.nan
    if probability <= 0:
        return -clip
    if probability >= 1:
        return clip
    return max(-clip, min(clip, math.log(probability) - math.log1p(-probability)))


def legible(text: str) -> str:
    """`text` without lone surrogates, which JSON can carry and no tokenizer takes."""
    return text.encode("utf-8", "replace").decode("utf-8")
