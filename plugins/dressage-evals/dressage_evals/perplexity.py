"""How surprising replies are to the untouched base model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from dressage import Batch, Evaluator, Measure, NoOptions, Statistic, Values


class Perplexity(Evaluator[NoOptions]):
    """The exponential of the mean negative log-probability of a token: over all tokens, and by reply."""

    needs_base_logprobs = True

    def measure(self, batch: Batch) -> Mapping[str, Measure]:
        """`per_token` over all replies' tokens, and `per_reply`, the mean of each reply's; empty ones left out."""
        sums = [math.fsum(logprobs) for logprobs in batch.base_logprobs]
        counts = [len(logprobs) for logprobs in batch.base_logprobs]
        if len(sums) != len(batch):
            raise ValueError(f"base log-probabilities of {len(sums)} replies for {len(batch)}")
        for index, total in enumerate(sums):
            if not math.isfinite(total):
                raise ValueError(f"the base log-probabilities of reply {index} add up to {total}, not a finite number")

        def per_token(indices: Sequence[int]) -> float | None:
            tokens = sum(counts[i] for i in indices)
            return math.exp(-sum(sums[i] for i in indices) / tokens) if tokens else None

        each = [math.exp(-total / count) if count else None for total, count in zip(sums, counts, strict=True)]
        return {"per_token": Statistic(per_token), "per_reply": Values(each)}
