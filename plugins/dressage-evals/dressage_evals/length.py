"""How long replies are."""

from __future__ import annotations

from collections.abc import Mapping

from dressage import Batch, Evaluator, Measure, NoOptions, Values

from dressage_evals.words import words


class Length(Evaluator[NoOptions]):
    """Words a reply, and the share of replies that ended by themselves."""

    def measure(self, batch: Batch) -> Mapping[str, Measure]:
        """`words`, and `finished` where it is known."""
        measures: dict[str, Measure] = {"words": Values([float(len(words(reply))) for reply in batch.responses])}
        if batch.finished:
            measures["finished"] = Values([float(ended) for ended in batch.finished], rate=True)
        return measures
