"""What can be set on the embedded data set."""

from __future__ import annotations

from typing import Literal

from dressage import Options

Part = Literal[
    "demonstrations",
    "continuations",
    "comparisons",
    "prompts",
    "provocations",
    "validation",
    "validation-provocations",
    "heldout-harmful",
    "heldout-harmless",
    "heldout-looks-harmful",
    "heldout-provocations",
    "heldout-twins",
    "planted-faults-key",
]


class StarterOptions(Options):
    """Which rows are wanted."""

    part: Part
    """`demonstrations` (with planted faults), `comparisons`, `prompts` and `provocations` are for training;
    `validation` and `validation-provocations` for selection; `heldout-*` for the report; `planted-faults-key` says
    which demonstrations are faulty."""
