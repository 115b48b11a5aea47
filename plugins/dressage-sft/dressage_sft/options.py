"""What `with:` takes for `use: sft`."""

from __future__ import annotations

from typing import Annotated, Literal

from dressage import Options
from pydantic import Field


class SFTOptions(Options):
    """Which tokens of a row are learnt; rates and epochs are keys of the stage."""

    turns: Literal["last", "all"] = "last"
    """`last`: the response alone. `all`: the assistant's earlier turns in the dialogue too."""
    answer_tokens: Annotated[int, Field(gt=0)] | None = None
    """Learn only the first N tokens of each answer; an answer that is cut so teaches no end."""
    end: bool = True
    """Teach the end-of-sequence token after a plain text or its continuation; off for text that goes on."""
