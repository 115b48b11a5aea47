"""Character spans of a response to the policy's tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dressage.run.encoder import ChatEncoder
from dressage.spec.types import Span


def token_values(spans: Sequence[Span], ids: Sequence[int], encoder: ChatEncoder) -> Iterator[tuple[int, float]]:
    """Each span's value at the last token whose text overlaps it, as (token index, value)."""
    if not spans:
        return
    text = encoder.decode(ids)
    # the first tokens of a character that is several show as a replacement, which is no part of the text yet
    ends = [_alike(encoder.decode(ids[: i + 1]), text) for i in range(len(ids))]
    for span in spans:
        last = next((i for i, end in enumerate(ends) if end >= span.end), len(ids) - 1)
        yield last, span.value


def _alike(first: str, second: str) -> int:
    """How many characters two texts begin with in common."""
    return next((i for i, pair in enumerate(zip(first, second, strict=False)) if pair[0] != pair[1]), len(first))
