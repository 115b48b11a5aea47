"""Rewards that need no model: length, repetition, patterns, your own function."""

from __future__ import annotations

import dressage

from dressage_rules.options import LengthOptions, PatternOptions, PythonOptions, RepetitionOptions


@dressage.hookimpl
def register_rewards(register):  # type: ignore[no-untyped-def]
    """Supplies `length`, `repetition`, `pattern` and `python`."""
    register(
        "length",
        "dressage_rules.length:Length",
        options=LengthOptions,
        doc="How near a response's length is to what is wanted, in [0, 1].",
    )
    register(
        "repetition",
        "dressage_rules.repetition:Repetition",
        options=RepetitionOptions,
        doc="The share of a response's n-grams that it has had before, in [0, 1).",
    )
    register(
        "pattern",
        "dressage_rules.pattern:Pattern",
        options=PatternOptions,
        doc="How much of a response matches regular expressions or a word list.",
    )
    register(
        "python",
        "dressage_rules.function:Function",
        options=PythonOptions,
        doc="Any Python function of prompt and response.",
    )
