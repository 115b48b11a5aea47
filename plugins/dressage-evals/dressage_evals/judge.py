"""A reward as the judge inside a measure: numbers, one per reply."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from dressage import Batch, Context, FittedReward, Reward, Score, UsageError, Use


def judge(ctx: Context, use: Use[Any]) -> Reward[Any]:
    """The reward that an option names; a fitted one cannot judge outside its stage."""
    source: Reward[Any] = ctx.build(use)
    if isinstance(source, FittedReward):
        raise UsageError(f"{ctx.name}: {use.use!r} is fitted within a stage and cannot judge replies; name another")
    return source


def judged(source: Reward[Any], batch: Batch, size: int) -> list[float | None]:
    """The source's number for each reply, asked `size` replies at a time; of spans the highest value."""
    numbers: list[float | None] = []
    for start in range(0, len(batch), size):
        part = batch.select(range(start, min(start + size, len(batch))))
        answers = source.score(part)
        if len(answers) != len(part):
            name = source.ctx.name or type(source).__name__
            raise ValueError(f"{name} gave {len(answers)} of {len(part)} answers")
        numbers.extend(map(_number, answers))
    return numbers


def _number(score: Score) -> float | None:
    if score is None:
        return None
    number = max((span.value for span in score), default=0.0) if isinstance(score, Sequence) else float(score)
    if not math.isfinite(number):
        raise ValueError(f"a score is {number}, not a finite number")
    return number


def runs(batch: Batch) -> list[range]:
    """The replies of each prompt: neighbours with equal prompts."""
    starts = [i for i in range(len(batch)) if i == 0 or batch.prompts[i] != batch.prompts[i - 1]]
    return [range(start, end) for start, end in zip(starts, [*starts[1:], len(batch)], strict=True)]
