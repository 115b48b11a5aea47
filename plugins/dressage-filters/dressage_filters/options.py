"""What can be set on each filter."""

from __future__ import annotations

from typing import Annotated, Literal

from dressage import Options, Part, Reward, Use
from pydantic import Field, field_validator, model_validator

Unit = Literal["words", "characters"]
Count = Annotated[int, Field(ge=0)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Kind = Literal["email", "phone", "card", "iban", "address"]


class ExactDuplicatesOptions(Options):
    """What is compared."""

    part: Part = "both"
    """What must be the same: the prompt, the answers, or both."""
    fold: bool = False
    """Compare without regard to case and amount of white space."""


class NearDuplicatesOptions(Options):
    """How alike is too alike."""

    part: Part = "both"
    """What is compared: the prompt, the answers, or both."""
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.8
    """The Jaccard similarity of two rows' shingles from which the later row goes."""
    unit: Unit = "characters"
    """Of what a shingle is made; `words` takes languages written without spaces character by character."""
    size: Annotated[int, Field(gt=0)] | None = None
    """Units in a shingle; 5 characters or 3 words by default."""
    permutations: Literal[64, 128, 256, 512] = 128
    """Length of a MinHash sketch: more finds more of the pairs just above the threshold."""


class LengthOptions(Options):
    """How long a text may be."""

    part: Part = "answer"
    """What is counted: the turns of the prompt together, each answer, or the prompt together with each answer."""
    unit: Unit = "words"
    """What is counted; a character of Chinese, Japanese, Thai, Lao, Khmer or Burmese counts as a word."""
    minimum: Count | None = None
    """Shorter rows go."""
    maximum: Count | None = None
    """Longer rows go."""

    @model_validator(mode="after")
    def _consistent(self) -> LengthOptions:
        if self.minimum is None and self.maximum is None:
            raise ValueError("nothing to check; give minimum or maximum")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}")
        return self


class ByScoreOptions(Options):
    """Whose score, of what, and where it is too high or too low."""

    source: Use[Reward]  # type: ignore[type-arg]
    """The reward that is asked; its raw score counts, whatever its goal."""
    part: Part = "answer"
    """What is judged: each answer as a response to the prompt, the last user turn on its own, or both."""
    answers: Literal["chosen", "rejected", "all"] = "chosen"
    """Which answers of a comparison are judged; with `all`, one that is out is enough."""
    drop_above: Finite | None = None
    """Rows with a score above this go."""
    drop_below: Finite | None = None
    """Rows with a score below this go."""

    @model_validator(mode="after")
    def _consistent(self) -> ByScoreOptions:
        if self.drop_above is None and self.drop_below is None:
            raise ValueError("nothing would be dropped; give drop_above or drop_below")
        if self.drop_above is not None and self.drop_below is not None and self.drop_below > self.drop_above:
            raise ValueError(f"drop_below {self.drop_below} is over drop_above {self.drop_above}; every row would go")
        return self


class MojibakeOptions(Options):
    """What happens to a text that was decoded with the wrong encoding."""

    part: Part = "both"
    """What is read: the prompt, the answers, or both."""
    action: Literal["fix", "drop"] = "fix"
    """Repair what can be repaired, or drop the row."""


class PIIOptions(Options):
    """Which personal data is looked for, and what happens to it."""

    part: Part = "both"
    """What is read: the prompt, the answers, or both."""
    action: Literal["redact", "mask", "drop"] = "redact"
    """`redact` writes `[EMAIL]`, `mask` keeps the shape (`xxx@xxxx.xx`), `drop` removes the row."""
    types: Annotated[tuple[Kind, ...], Field(min_length=1)] = ("email", "phone", "card", "iban", "address")
    """What is looked for."""
    regions: tuple[str, ...] = ("US", "GB")
    """Two-letter countries whose national phone numbers are known; numbers with + and a country code always are."""

    @field_validator("regions")
    @classmethod
    def _known(cls, regions: tuple[str, ...]) -> tuple[str, ...]:
        from phonenumbers import SUPPORTED_REGIONS

        for region in regions:
            if region.upper() not in SUPPORTED_REGIONS:
                raise ValueError(f"{region!r} is no two-letter country code with a phone numbering plan")
        return tuple(region.upper() for region in regions)
