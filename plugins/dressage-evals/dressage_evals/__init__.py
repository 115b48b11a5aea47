"""Measures of replies: toxicity, profane words, bias, refusal, answered, length, distinct, repetition, perplexity."""

from __future__ import annotations

from dressage import NoOptions, hookimpl
from dressage.spec.hookspecs import Register

from dressage_evals.options import (
    AnsweredOptions,
    BiasOptions,
    DistinctOptions,
    RepetitionOptions,
    ToxicityOptions,
)


@hookimpl
def register_evaluators(register: Register) -> None:
    """Nine measures, each imported only when a run names it."""
    register(
        "toxicity",
        "dressage_evals.toxicity:Toxicity",
        options=ToxicityOptions,
        doc="What a reward says of the replies: mean, share above a threshold, worst of a prompt's replies.",
    )
    register(
        "profane-words",
        "dressage_evals.profanity:ProfaneWords",
        options=NoOptions,
        doc="Share of replies with a profane or insulting English word, from a plain list.",
    )
    register(
        "bias",
        "dressage_evals.bias:Bias",
        options=BiasOptions,
        doc="Distance of a reward's scores between twin prompts that differ in a group of people.",
    )
    register(
        "refusal",
        "dressage_evals.refusal:Refusal",
        options=NoOptions,
        doc="Share of replies that refuse, by kind of prompt, and the balance between the kinds.",
    )
    register(
        "answered",
        "dressage_evals.answered:Answered",
        options=AnsweredOptions,
        doc="Share of replies that end, do not refuse or loop, and keep to the question's topic.",
    )
    register("length", "dressage_evals.length:Length", options=NoOptions, doc="Words a reply, and share that ended.")
    register(
        "distinct",
        "dressage_evals.distinct:Distinct",
        options=DistinctOptions,
        doc="Distinct words and word pairs in windows of equal size.",
    )
    register(
        "repetition",
        "dressage_evals.repetition:Repetition",
        options=RepetitionOptions,
        doc="Share of a reply's four-word sequences that it said before.",
    )
    register("perplexity", "dressage_evals.perplexity:Perplexity", options=NoOptions, doc="Surprise to the base model.")
