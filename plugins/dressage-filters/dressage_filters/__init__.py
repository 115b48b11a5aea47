"""Data filters: duplicates, length, scores, mojibake, personal data."""

from __future__ import annotations

import dressage

from dressage_filters.options import (
    ByScoreOptions,
    ExactDuplicatesOptions,
    LengthOptions,
    MojibakeOptions,
    NearDuplicatesOptions,
    PIIOptions,
)


@dressage.hookimpl
def register_filters(register):  # type: ignore[no-untyped-def]
    """Supplies six filters."""
    register(
        "exact-duplicates",
        "dressage_filters.duplicates:ExactDuplicates",
        options=ExactDuplicatesOptions,
        doc="Keeps the first of rows that say the same.",
    )
    register(
        "near-duplicates",
        "dressage_filters.near:NearDuplicates",
        options=NearDuplicatesOptions,
        doc="Keeps the first of rows that say almost the same.",
    )
    register(
        "length",
        "dressage_filters.length:Length",
        options=LengthOptions,
        doc="Drops rows whose texts are too short or too long.",
    )
    register(
        "by-score",
        "dressage_filters.score:ByScore",
        options=ByScoreOptions,
        doc="Drops rows by what a reward says of their texts.",
    )
    register(
        "mojibake",
        "dressage_filters.mojibake:Mojibake",
        options=MojibakeOptions,
        doc="Repairs texts that were decoded with the wrong encoding, or drops them.",
    )
    register(
        "pii",
        "dressage_filters.pii:PII",
        options=PIIOptions,
        doc="Drops, redacts or masks e-mail addresses, phone, card and account numbers, and street addresses.",
    )
