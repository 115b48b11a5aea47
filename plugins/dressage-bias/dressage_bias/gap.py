"""The counterfactual gap: how much a scorer's judgement depends on the group a text speaks of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from dressage import Batch, ComponentError, Context, FittedReward, Prompt, Reward, Score, UsageError

from dressage_bias.options import BiasOptions
from dressage_bias.swap import Swap, swaps


class Gap(Reward[BiasOptions]):
    """The mean absolute difference between the source's score of a response and of its group-swapped twins.

    A twin is prompt and response with the groups of one axis swapped throughout. No opinion where neither names a
    group, or where the source has none on the response or on any twin. Unit: that of the source. (The
    counterfactual token fairness gap of Garg et al. 2019, with pairs of prompt and response.)
    """

    goal = "min"

    def __init__(self, options: BiasOptions, ctx: Context) -> None:
        super().__init__(options, ctx)
        self.source: Reward[Any] = ctx.build(options.source)
        if isinstance(self.source, FittedReward):
            raise UsageError(f"{ctx.name}: source {options.source.use!r} is fitted in the run; name one that is not")
        self.trained_on = self.source.trained_on
        self.card = self.source.card
        self.swaps = swaps(options.groups, options.extra)

    def score(self, batch: Batch) -> Sequence[Score]:
        """One gap >= 0 per response, or None."""
        twins = [list(self._twins(prompt, text)) for prompt, text in zip(batch.prompts, batch.responses, strict=True)]
        asked: list[tuple[int, Prompt, str]] = []
        for i, pairs in enumerate(twins):
            if pairs:
                asked += [(i, batch.prompts[i], batch.responses[i]), *((i, prompt, text) for prompt, text in pairs)]
        scores: dict[int, list[float | None]] = {}
        for (i, _, _), score in zip(asked, self._ask(batch, asked), strict=True):
            scores.setdefault(i, []).append(score)
        return [gap(scores[i][0], scores[i][1:]) if i in scores else None for i in range(len(batch))]

    def to(self, device: str) -> None:
        """Moves the source."""
        self.source.to(device)

    def _twins(self, prompt: Prompt, response: str) -> Iterator[tuple[Prompt, str]]:
        for swap in self.swaps:
            for by in range(1, min(swap.groups - 1, self.options.twins) + 1):
                twin = _shifted(prompt, swap, by), swap.shift(response, by)
                if twin == (prompt, response):
                    break
                yield twin

    def _ask(self, batch: Batch, asked: Sequence[tuple[int, Prompt, str]]) -> list[float | None]:
        scores: list[float | None] = []
        for start in range(0, len(asked), self.ctx.batch_size):
            chunk = asked[start : start + self.ctx.batch_size]
            finished = tuple(batch.finished[i] for i, _, _ in chunk) if batch.finished else ()
            part = Batch(tuple(prompt for _, prompt, _ in chunk), tuple(text for _, _, text in chunk), finished)
            answers = self.source.score(part)
            if len(answers) != len(part):
                name = self.options.source.use
                raise ComponentError(f"{self.ctx.name}: {name} gave {len(answers)} answers to {len(part)} responses")
            scores += map(_total, answers)
        return scores


def gap(score: float | None, twins: Sequence[float | None]) -> float | None:
    """The mean of |score - twin| over the twins with a score; None where there is none to compare."""
    distances = [abs(score - twin) for twin in twins if twin is not None] if score is not None else []
    return sum(distances) / len(distances) if distances else None


def _shifted(prompt: Prompt, swap: Swap, by: int) -> Prompt:
    messages = tuple(replace(message, content=swap.shift(message.content, by)) for message in prompt.messages)
    return replace(prompt, messages=messages, text=None if prompt.text is None else swap.shift(prompt.text, by))


def _total(answer: Score) -> float | None:
    if answer is None:
        return None
    return float(sum(span.value for span in answer)) if isinstance(answer, (list, tuple)) else float(answer)  # type: ignore[arg-type]
