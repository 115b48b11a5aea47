"""Character spans of a response to the policy's tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dressage.run.encoder import ChatEncoder
from dressage.spec.types import Span


def token_values(spans: Sequence[Span], ids: Sequence[int], encoder: ChatEncoder) -> Iterator[tuple[int, float]]:
    """Each span's value at the last token whose text overlaps it, as (token index, value)."""
    if not spans:
        return
    ends = [len(encoder.decode(ids[: i + 1])) for i in range(len(ids))]
    for span in spans:
        last = next((i for i, end in enumerate(ends) if end >= span.end), len(ids) - 1)
        yield last, span.value
