"""How varied the replies of a set are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dressage import Batch, Evaluator, Measure, Values

from dressage_evals.options import DistinctOptions
from dressage_evals.words import ngrams, words


class Distinct(Evaluator[DistinctOptions]):
    """Distinct-1 and distinct-2 (Li et al. 2016) in windows of one size, so that longer replies do not lower them.

    A window begins with a reply and runs on into the next ones (after the last, into the first), so that replies that
    are alike lower it too. The same number of words is looked at however much text there is (Covington, McFall 2010).
    """

    def measure(self, batch: Batch) -> Mapping[str, Measure]:
        """`distinct_1` of words and `distinct_2` of word pairs; nothing where the set has less than a window."""
        tokens = [words(reply) for reply in batch.responses]
        return {
            f"distinct_{n}": Values(
                distinct([ngrams(reply, n) for reply in tokens], self.options.window), better="higher"
            )
            for n in (1, 2)
        }


def distinct(replies: Sequence[Sequence[tuple[str, ...]]], window: int) -> list[float | None]:
    """For each reply the share of different runs in the window that begins with it; None for one without runs."""
    stream = [run for reply in replies for run in reply]
    if len(stream) < window:
        return [None] * len(replies)
    stream += stream[: window - 1]
    starts = [0]
    for reply in replies:
        starts.append(starts[-1] + len(reply))
    return [
        len(set(stream[start : start + window])) / window if reply else None
        for start, reply in zip(starts, replies, strict=False)
    ]
