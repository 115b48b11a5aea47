"""Toxicity classifiers as rewards: detoxify, any text classifier, profanity, MiniLM."""

import dressage

from dressage_toxicity.options import ClassifierOptions, MiniLMOptions, ProfanityOptions, ToxicityOptions


@dressage.hookimpl
def register_rewards(register):  # type: ignore[no-untyped-def]
    """Adds the four detectors; their libraries are imported when a run uses one."""
    register(
        "toxicity",
        "dressage_toxicity.toxicity:Toxicity",
        options=ToxicityOptions,
        doc="Toxicity by one of detoxify's models.",
    )
    register(
        "classifier",
        "dressage_toxicity.classifier:Classifier",
        options=ClassifierOptions,
        doc="The share of harm that any text-classification model sees.",
    )
    register(
        "profanity",
        "dressage_toxicity.profanity:Profanity",
        options=ProfanityOptions,
        doc="Profanity by a small linear model, without torch.",
    )
    register(
        "minilm",
        "dressage_toxicity.minilm:MiniLM",
        options=MiniLMOptions,
        doc="Harm by a logistic head on a sentence encoder.",
    )
