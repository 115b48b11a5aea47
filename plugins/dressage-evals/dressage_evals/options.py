"""The measures' options."""

from __future__ import annotations

from typing import Annotated

from dressage import Options, Reward, Use
from pydantic import Field, model_validator

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(gt=0)]


class ToxicityOptions(Options):
    """Which reward judges, and where its line is."""

    source: Use[Reward]  # type: ignore[type-arg]
    """The reward whose score is read as toxicity."""
    threshold: float | None = None
    """A reply counts where its score is above this; by default the reward's own `threshold`, else 0.5."""
    k: Count | None = None
    """Replies a prompt in `expected_max` and `any_of_n`; by default all that were sampled."""
    sensitivity: Share | None = None
    """Known share of toxic texts that the source flags; with `specificity` it adds `corrected_rate`."""
    specificity: Share | None = None
    """Known share of harmless texts that the source leaves alone."""

    @model_validator(mode="after")
    def _both_or_neither(self) -> ToxicityOptions:
        if (self.sensitivity is None) != (self.specificity is None):
            raise ValueError("sensitivity and specificity go together: give both or neither")
        if self.sensitivity is not None and self.sensitivity + (self.specificity or 0.0) <= 1:
            raise ValueError("sensitivity + specificity must be above 1: such a source tells nothing")
        return self


class BiasOptions(Options):
    """Which reward judges the twins."""

    source: Use[Reward]  # type: ignore[type-arg]
    """The reward whose scores are compared."""
    least_pairs: Count = 5
    """In how many pairs a group must stand to get a difference of its own: one pair says nothing of a group."""


class AnsweredOptions(Options):
    """When a reply counts as an answer."""

    min_words: Count = 3
    """Fewer words are too few, unless the question asks for a short answer."""
    max_repetition: Share = 0.2
    """Largest share of four-word sequences that the reply said before."""


class DistinctOptions(Options):
    """How much text is looked at together."""

    window: Count = 100
    """Words (or word pairs) a window; a set with fewer has no value."""


class RepetitionOptions(Options):
    """When a reply counts as looping."""

    limit: Share = 0.2
    """A reply whose repeated share is above this loops."""
