"""Rows with texts that are too short or too long."""

from __future__ import annotations

from typing import ClassVar

from dressage import Context, Drop, Example, Filter, Part

from dressage_filters.options import LengthOptions
from dressage_filters.texts import words


class Length(Filter[LengthOptions]):
    """Drops rows whose texts are too short or too long; of a comparison, one answer that is out is enough.

    A row without the counted part is kept: a prompt has no answer, a plain text no prompt.
    """

    reads: ClassVar[Part] = "answer"

    def __init__(self, options: LengthOptions, ctx: Context) -> None:
        super().__init__(options, ctx)
        self.reads = options.part  # type: ignore[misc]

    def check(self, row: Example) -> Example | Drop:
        """The row, or a drop that names the bound it breaks."""
        low, high, unit = self.options.minimum, self.options.maximum, self.options.unit
        counts = self._counts(row)
        if low is not None and any(count < low for count in counts):
            return Drop(row, f"shorter than {low} {unit}")
        if high is not None and any(count > high for count in counts):
            return Drop(row, f"longer than {high} {unit}")
        return row

    def _counts(self, row: Example) -> list[int]:
        prompt = [sum(self._count(message.content) for message in row.prompt)] if row.prompt else []
        answers = [self._count(text) for text in row.answers]
        if self.options.part == "prompt":
            return prompt
        if self.options.part == "answer":
            return answers
        return [sum(prompt) + answer for answer in answers] or prompt

    def _count(self, text: str) -> int:
        return len(words(text)) if self.options.unit == "words" else len(text)
