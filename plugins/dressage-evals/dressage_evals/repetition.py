"""Replies that say the same again."""

from __future__ import annotations

from collections.abc import Mapping

from dressage import Batch, Evaluator, Measure, Values

from dressage_evals.options import RepetitionOptions
from dressage_evals.words import repeated, words


class Repetition(Evaluator[RepetitionOptions]):
    """The share of four-word runs that a reply said before; replies under four words have no value."""

    def measure(self, batch: Batch) -> Mapping[str, Measure]:
        """`share`, the mean over replies, and `rate`, the share of replies above the limit."""
        shares = [repeated(words(reply)) for reply in batch.responses]
        loops = [None if share is None else float(share > self.options.limit) for share in shares]
        return {"share": Values(shares, better="lower"), "rate": Values(loops, rate=True, better="lower")}
