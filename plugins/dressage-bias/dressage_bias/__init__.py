"""Bias as a reward: a classifier, and the counterfactual gap between groups."""

from __future__ import annotations

import dressage

from dressage_bias.options import BiasOptions, ClassifierOptions


@dressage.hookimpl
def register_rewards(register):  # type: ignore[no-untyped-def]
    """Supplies `bias` and `bias-classifier`."""
    register(
        "bias",
        "dressage_bias.gap:Gap",
        options=BiasOptions,
        doc="How much a scorer's judgement changes when a text speaks of another group.",
    )
    register(
        "bias-classifier",
        "dressage_bias.classifier:Classifier",
        options=ClassifierOptions,
        doc="The probability that a text classifier gives to its bias labels.",
    )
