"""A logistic head on sentence vectors, as a small JSON file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from dressage import ModelError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

SHIPPED = Path(__file__).with_name("minilm_head.json")

Finite = Annotated[float, Field(allow_inf_nan=False)]


class Head(BaseModel):
    """p(harm) = sigmoid(weights . vector + bias), and where the numbers come from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    encoder: str
    encoder_sha256: str
    """Of the encoder's `model.safetensors`: on another encoder the weights mean nothing."""
    trained_on: tuple[str, ...]
    date: str
    rows: int
    positives: int
    inverse_strength: float
    """C of the logistic regression, chosen by cross-validation."""
    auc: float
    """Out of fold, C chosen inside each training fold."""
    false_alarms: float
    """Share of the out-of-fold negatives above the threshold."""
    detected: float
    """Share of the out-of-fold positives above the threshold."""
    threshold: Annotated[float, Field(gt=0, lt=1)]
    bias: Finite
    weights: tuple[Finite, ...]


def read_head(path: Path, where: str) -> Head:
    """Reads a head; raises `ModelError` where the file is missing or no head."""
    try:
        return Head.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ModelError(f"{where}: cannot read the head {path}: {str(error.strerror).lower()}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ModelError(f"{where}: {path} is no head: {place}: {first['msg'].lower()}") from None
