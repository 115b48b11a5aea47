"""What can be set on each reward."""

from __future__ import annotations

from typing import Annotated, Literal

from dressage import Options, Reward, Use
from pydantic import Field, field_validator, model_validator

from dressage_bias.groups import AXES

Goal = Literal["max", "min"]
Positive = Annotated[int, Field(gt=0)]


class BiasOptions(Options):
    """Whose judgement is compared, and between which groups."""

    source: Use[Reward]  # type: ignore[type-arg]
    """The reward that judges a response and its twins."""
    groups: tuple[str, ...] = tuple(AXES)
    """Built-in axes: gender, religion, ethnicity, nationality, orientation, age, disability."""
    extra: dict[str, tuple[tuple[str, ...], ...]] = {}
    """More axes: rows of parallel terms, one term a group, as `{region: [[northerner, southerner]]}`."""
    twins: Positive = 4
    """The most twins of an axis; an axis of k groups has k - 1."""

    @field_validator("groups")
    @classmethod
    def _known(cls, groups: tuple[str, ...]) -> tuple[str, ...]:
        for name in groups:
            if name not in AXES:
                raise ValueError(f"no groups {name!r}; there are {', '.join(AXES)} (your own go under extra)")
        if len(set(groups)) < len(groups):
            raise ValueError("an axis is named twice")
        return groups

    @field_validator("extra")
    @classmethod
    def _parallel(cls, extra: dict[str, tuple[tuple[str, ...], ...]]) -> dict[str, tuple[tuple[str, ...], ...]]:
        for name, rows in extra.items():
            if not rows or min(map(len, rows)) < 2 or len(set(map(len, rows))) > 1:
                raise ValueError(f"{name!r} needs rows of two or more terms, all of the same length")
            if any(not term.strip() for row in rows for term in row):
                raise ValueError(f"{name!r} has a blank term")
            if name in AXES:
                raise ValueError(f"{name!r} is the name of a built-in axis; take another")
        return extra

    @model_validator(mode="after")
    def _some(self) -> BiasOptions:
        if not (self.groups or self.extra):
            raise ValueError("no groups to compare; give groups or extra")
        return self


class ClassifierOptions(Options):
    """Which classifier, and which of its labels count."""

    model: str
    """A folder (relative to the YAML) or a hub id of a transformers text-classification model."""
    labels: tuple[str, ...] = ()
    """Labels whose probability counts; may be left out where the model has one label, or LABEL_0 and LABEL_1."""
    revision: str | None = None
    """A hub revision (commit or tag)."""
    with_prompt: bool = False
    """Judge prompt and response as a pair of texts, where the model was trained on pairs."""
    max_length: Positive | None = None
    """Tokens after which a text is cut; the model's own limit by default, 512 at most."""
    goal: Goal = "min"
    """`min` where the labels are bad, `max` where they are good (`neutral`)."""
    trained_on: tuple[str, ...] = ()
    """The data sets the classifier learnt from, for the report."""
