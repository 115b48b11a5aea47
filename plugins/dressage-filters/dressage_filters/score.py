"""Rows that a reward judges too high or too low."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

from dressage import (
    Batch,
    ComponentError,
    Context,
    Drop,
    Example,
    Filter,
    FittedReward,
    Part,
    Prompt,
    Reward,
    Score,
    UsageError,
)

from dressage_filters.options import ByScoreOptions


class ByScore(Filter[ByScoreOptions]):
    """Drops rows by what a reward says of their texts.

    An answer is judged as a response to its prompt; a prompt's last user turn, and a plain text, as a response to
    nothing. No opinion keeps the row. Spans count as the sum of their values.
    """

    reads: ClassVar[Part] = "answer"

    def __init__(self, options: ByScoreOptions, ctx: Context) -> None:
        super().__init__(options, ctx)
        self.reads = options.part  # type: ignore[misc]
        self.source: Reward[Any] = ctx.build(options.source)
        if isinstance(self.source, FittedReward):
            raise UsageError(f"{ctx.name}: source {options.source.use!r} is fitted in the run; name one that is not")

    def apply(self, rows: Sequence[Example]) -> Iterable[Example | Drop]:
        """Each row, or a drop that names the source and the bound."""
        asked = [(i, prompt, text) for i, row in enumerate(rows) for prompt, text in self._questions(row)]
        reasons: dict[int, str] = {}
        size = self.ctx.batch_size
        starts = range(0, len(asked), size)
        for start in self.ctx.progress(starts, f"scoring by {self.options.source.use}", len(starts)):
            chunk = asked[start : start + size]
            batch = Batch(tuple(prompt for _, prompt, _ in chunk), tuple(text for _, _, text in chunk))
            for (i, _, _), score in zip(chunk, self._scores(batch), strict=True):
                if (reason := self._reason(score)) is not None:
                    reasons.setdefault(i, reason)
        for i, row in enumerate(rows):
            yield Drop(row, reasons[i]) if i in reasons else row

    def _questions(self, row: Example) -> Iterator[tuple[Prompt, str]]:
        nothing = Prompt(text="", columns=row.columns, origin=row.origin)
        if self.options.part != "answer" and row.prompt:
            yield nothing, row.question
        if self.options.part == "prompt":
            return
        if row.text is not None:
            yield nothing, row.text
        if row.response is not None:
            yield row.as_prompt(), row.response
        for name, text in (("chosen", row.chosen), ("rejected", row.rejected)):
            if text is not None and self.options.answers in (name, "all"):
                yield row.as_prompt(), text

    def _scores(self, batch: Batch) -> list[float | None]:
        name = self.options.source.use
        answers = self.source.score(batch)
        if len(answers) != len(batch):
            raise ComponentError(f"{self.ctx.name}: {name} gave {len(answers)} answers to {len(batch)} responses")
        scores = [total(answer) for answer in answers]
        for prompt, score in zip(batch.prompts, scores, strict=True):
            if score is not None and not math.isfinite(score):
                place = prompt.origin or repr(prompt.last[:60])
                raise ComponentError(f"{self.ctx.name}: {name} gave {score} for the row at {place}")
        return scores

    def _reason(self, score: float | None) -> str | None:
        name, high, low = self.options.source.use, self.options.drop_above, self.options.drop_below
        if score is None:
            return None
        if high is not None and score > high:
            return f"{name} above {high:g}"
        if low is not None and score < low:
            return f"{name} below {low:g}"
        return None


def total(answer: Score) -> float | None:
    """One number for an answer: itself, None, or the sum of the values of its spans."""
    if answer is None or isinstance(answer, (int, float)):
        return answer
    return float(sum(span.value for span in answer)) if isinstance(answer, Sequence) else float(answer)
