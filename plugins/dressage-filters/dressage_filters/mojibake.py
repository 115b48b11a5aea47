"""Texts that were decoded with the wrong encoding."""

from __future__ import annotations

import ftfy
from dressage import Context, Drop, Example, Filter
from ftfy.badness import is_bad

from dressage_filters.options import MojibakeOptions
from dressage_filters.texts import turns


class Mojibake(Filter[MojibakeOptions]):
    """Repairs texts that were decoded with the wrong encoding ("cafÃ©"), or drops their rows.

    Only the encoding is touched: quotation marks, full-width letters and line ends stay as they are. `drop` also
    drops what cannot be repaired: the replacement character, and what ftfy finds unlikely to be any text.
    """

    def __init__(self, options: MojibakeOptions, ctx: Context) -> None:
        super().__init__(options, ctx)
        self.reads = options.part  # type: ignore[misc]

    def check(self, row: Example) -> Example | Drop:
        """The row, repaired where it can be, or a drop."""
        if self.options.action == "fix":
            return row.rewrite(ftfy.fix_encoding, self.options.part)
        if any(map(is_broken, turns(row, self.options.part))):
            return Drop(row, "mojibake")
        return row


def is_broken(text: str) -> bool:
    """Whether a text looks as if decoded with the wrong encoding."""
    return "\ufffd" in text or is_bad(text) or ftfy.fix_encoding(text) != text
