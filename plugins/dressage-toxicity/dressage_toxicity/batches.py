"""Texts in batches of similar length, so that little of a batch is padding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def by_length(texts: Sequence[str], size: int, judge: Callable[[list[str]], Sequence[T]]) -> list[T]:
    """What `judge` says of each text, in the order of `texts`; it sees at most `size` at a time, longest first.

    Longest first, so that a batch that does not fit into memory fails at the start. Texts that are equal are judged
    once: sampled responses repeat, and one text must not get two scores that differ in the last bit.
    """
    order = sorted(set(texts), key=lambda text: (-len(text), text))
    known: dict[str, T] = {}
    for start in range(0, len(order), size):
        part = order[start : start + size]
        known.update(zip(part, judge(part), strict=True))
    return [known[text] for text in texts]
