"""Rows that say the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

from dressage import Context, Drop, Example, Filter

from dressage_filters.options import ExactDuplicatesOptions


class ExactDuplicates(Filter[ExactDuplicatesOptions]):
    """Keeps the first of rows that say the same; a row without any of the compared texts is kept.

    Columns and origins do not count, roles of turns do, and so does which answer was chosen.
    """

    def __init__(self, options: ExactDuplicatesOptions, ctx: Context) -> None:
        super().__init__(options, ctx)
        self.reads = options.part  # type: ignore[misc]

    def apply(self, rows: Sequence[Example]) -> Iterable[Example | Drop]:
        """Each row, or a drop where an earlier row says the same."""
        seen: set[bytes | None] = set()
        for row in rows:
            key = self._key(row)
            if key in seen:
                yield Drop(row, "exact duplicate")
                continue
            if key is not None:
                seen.add(key)
            yield row

    def _key(self, row: Example) -> bytes | None:
        fields: list[tuple[str, str]] = []
        if self.options.part != "answer":
            fields += [(message.role, message.content) for message in row.prompt]
        if self.options.part != "prompt":
            named = {"response": row.response, "chosen": row.chosen, "rejected": row.rejected, "text": row.text}
            fields += [(name, text) for name, text in named.items() if text is not None]
        if not fields:
            return None
        # repr keeps fields apart, whatever they hold; 16 bytes a row keep a million rows small.
        text = repr([(name, self._fold(text)) for name, text in fields])
        return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()

    def _fold(self, text: str) -> str:
        return " ".join(text.casefold().split()) if self.options.fold else text
