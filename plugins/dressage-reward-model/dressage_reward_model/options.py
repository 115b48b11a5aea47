"""What `with:` takes for `use: reward-model`."""

from __future__ import annotations

from typing import Annotated, Literal

from dressage import Options
from pydantic import Field


class RewardModelOptions(Options):
    """How preferences become scores; rates and epochs are keys of the reward."""

    base: str | None = None
    """Another base model's id or folder; by default the run's own base, loaded once for all roles."""
    head: Literal["linear", "bilinear"] = "linear"
    """`linear`: an adapter and a linear head. `bilinear`: a head alone on frozen states, at hardly a cost."""
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    """The share of labels taken to be the wrong way round; more than 0 keeps noisy labels from driving scores apart."""
    center: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.01
    """Coefficient on the square of each pair's mean score: it holds scores near 0 and leaves margins alone."""
