"""Which sequences share a pass: those of one beginning and of like length, as many as a budget of tokens holds.

A budget is so many sequences of the longest: passes then cost alike, whatever the lengths, and the first, which is the
largest, fits or none does. Padding counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

SHARED = 8
"""A shared prefix shorter than this is not worth a pass of its own."""
MANY = 8
"""So many sequences of one beginning are worth being kept together."""
FORWARD_ROWS = 32
"""Of the longest sequence, in a pass without gradient."""


def in_order(sequences: Sequence[Sequence[int]]) -> list[int]:
    """The places of sequences of tokens: those of a common beginning side by side, then by length, the short first."""
    beginnings = [tuple(s[:SHARED]) for s in sequences]
    count = Counter(beginnings)

    def key(i: int) -> tuple[tuple[int, ...], int]:
        return beginnings[i] if count[beginnings[i]] >= MANY else (), len(sequences[i])

    return sorted(range(len(sequences)), key=key)


def parts(
    sequences: Sequence[Sequence[int]], budget: int, *, an_item: int = 1, most: int | None = None
) -> list[list[int]]:
    """Places of sequences in parts that pad to at most `budget` tokens, or hold one alone; the largest part first.

    `an_item`: how many sequences as long as this each stands for. `most`: of them in a part, whatever their length.
    """
    found: list[list[int]] = []
    width = 0
    for i in reversed(in_order(sequences)):
        width = max(width, len(sequences[i]))
        fits = found and (most is None or len(found[-1]) < most)
        if fits and (len(found[-1]) + 1) * an_item * width <= budget:
            found[-1].append(i)
        else:
            found.append([i])
            width = len(sequences[i])
    return sorted(found, key=lambda part: padded([sequences[i] for i in part]), reverse=True)


def forward(sequences: Sequence[Sequence[int]]) -> list[list[int]]:
    """Parts for passes without gradient."""
    return parts(sequences, FORWARD_ROWS * max(map(len, sequences), default=0))


def padded(sequences: Sequence[Sequence[int]]) -> int:
    """Tokens of a batch, padding counted."""
    return len(sequences) * max(map(len, sequences), default=0)
