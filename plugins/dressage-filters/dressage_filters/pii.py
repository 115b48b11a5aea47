"""Personal data in a row: dropped, redacted or masked."""

from __future__ import annotations

import unicodedata

from dressage import Context, Drop, Example, Filter

from dressage_filters.options import PIIOptions
from dressage_filters.recognise import Found, find
from dressage_filters.texts import turns


class PII(Filter[PIIOptions]):
    """Drops, redacts or masks e-mail addresses, phone, card and account numbers, and street addresses.

    It finds what has a form or a check digit; it knows no names. Redacting twice changes nothing more.
    """

    def __init__(self, options: PIIOptions, ctx: Context) -> None:
        super().__init__(options, ctx)
        self.reads = options.part  # type: ignore[misc]

    def check(self, row: Example) -> Example | Drop:
        """The row, a copy without the personal data, or a drop that names its types."""
        if self.options.action != "drop":
            return row.rewrite(self.clean, self.options.part)
        kinds = {found.kind for text in turns(row, self.options.part) for found in self.find(text)}
        return Drop(row, f"personal data: {', '.join(sorted(kinds))}") if kinds else row

    def find(self, text: str) -> list[Found]:
        """What is personal in a text, in order, without overlaps."""
        return find(text, self.options.types, regions=self.options.regions)

    def clean(self, text: str) -> str:
        """The text with each find redacted or masked."""
        replace = mask if self.options.action == "mask" else redact
        for found in reversed(self.find(text)):
            text = text[: found.start] + replace(text[found.start : found.end], found.kind) + text[found.end :]
        return text


def redact(text: str, kind: str) -> str:
    """The name of the kind in brackets, as `[EMAIL]`."""
    return f"[{kind.upper()}]"


def mask(text: str, kind: str) -> str:
    """The text with every digit as #, every letter as x or X; the rest, and so the shape, stays."""
    return "".join(_masked(character) for character in text)


def _masked(character: str) -> str:
    group = unicodedata.category(character)
    if group == "Nd":
        return "#"
    if group == "Lu":
        return "X"
    return "x" if group.startswith("L") else character
