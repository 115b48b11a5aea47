"""Rewards to one score a response: asked in batches, checked, clipped, normalised, weighted and added up.

Per source the raw, the normalised and the weighted value are kept. The total is the weighted sum over the sources with
an opinion, scaled by all weights over theirs, so that a missing opinion is not a zero. A limit reads the raw values
after `bounds`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from dressage.run.build import guard
from dressage.spec.components import FittedReward, Reward
from dressage.spec.errors import ComponentError, TrainingError
from dressage.spec.plan import RewardPlan
from dressage.spec.types import Batch, Prompt, Score, Span

SHOWN = 6
"""Values of a column that an error names."""


@dataclass
class Moments:
    """Mean and variance of all values seen (Welford), for `normalize: running`."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, values: Sequence[float]) -> None:
        """Takes more values in."""
        for value in values:
            self.count += 1
            delta = value - self.mean
            self.mean += delta / self.count
            self.squares += delta * (value - self.mean)

    @property
    def deviation(self) -> float:
        """The standard deviation; 1 of fewer than two values."""
        return math.sqrt(self.squares / (self.count - 1)) if self.count > 1 else 1.0


@dataclass
class Source:
    """A reward in a stage. `ask` answers for it where the core scores tokens itself (a fitted reward)."""

    plan: RewardPlan
    reward: Reward[Any]
    ask: Callable[[Batch, Sequence[int]], list[float]] | None = None
    moments: Moments = field(default_factory=Moments)
    swap_to: str = ""
    """With `device: swap`, the device it is moved to for scoring, and away from for the update."""

    @contextmanager
    def moved_in(self) -> Iterator[None]:
        """Inside, a swapped source is on the run's device; outside on the CPU."""
        if not self.swap_to:
            yield
            return
        try:
            with guard(self.plan.component, f"be moved to {self.swap_to}"):
                self.reward.to(self.swap_to)
            yield
        except BaseException:
            with suppress(Exception):  # the first error is the one to tell
                self.reward.to("cpu")
            raise
        with guard(self.plan.component, "be moved to cpu"):
            self.reward.to("cpu")

    @property
    def name(self) -> str:
        """Its unique name."""
        return self.plan.component.name

    @property
    def sign(self) -> float:
        """1 where more is better, -1 where less is."""
        return 1.0 if self.reward.goal == "max" else -1.0


@dataclass(frozen=True)
class Column:
    """One source's answers to a batch; None where it has no opinion."""

    raw: tuple[float | None, ...]
    bounded: tuple[float | None, ...]
    """The raw values after `bounds`; of spans their sum, unclipped, as their tokens get them."""
    normalized: tuple[float | None, ...]
    weighted: tuple[float | None, ...]
    spans: tuple[tuple[Span, ...], ...]
    """Values for parts of a response, weighted; their sum is in `raw`, not in the total."""
    given: tuple[tuple[Span, ...], ...]
    """The same as the source gave them."""


@dataclass(frozen=True)
class Scores:
    """A scored batch."""

    columns: Mapping[str, Column]
    totals: tuple[float | None, ...]
    """Per response; None where no source has an opinion."""


def score(sources: Sequence[Source], batch: Batch, *, max_without_opinion: float = 0.5, learn: bool = True) -> Scores:
    """Asks all sources. Raises `ComponentError` for a bad answer, `TrainingError` where too many have no opinion."""
    columns = {source.name: _column(source, batch, learn) for source in sources}
    totals = tuple(_total(sources, columns, row, prompt) for row, prompt in enumerate(batch.prompts))
    silent = sum(total is None for total in totals)
    if silent < len(batch) and silent > max_without_opinion * len(batch):
        raise TrainingError(
            f"no reward had an opinion on {silent} of {len(batch)} responses"
            f" (max_without_opinion: {max_without_opinion}); check `when:`, or raise max_without_opinion"
        )
    return Scores(columns, totals)


def matches(prompt: Prompt, when: Mapping[str, tuple[Any, ...]]) -> bool:
    """Whether a row's columns have the values that `when:` asks for."""
    return all(prompt.columns.get(key) in values for key, values in when.items())


def refuse_silence(stage: str, rewards: Sequence[RewardPlan], prompts: Sequence[Prompt]) -> None:
    """Raises `TrainingError` where the `when:` of no reward fits a prompt, so that there is nothing to learn from."""
    trained = [r for r in rewards if r.weight > 0 or r.limit is not None]
    if any(matches(prompt, r.when) for r in trained for prompt in prompts):
        return
    asked = {key: values for r in trained for key, values in r.when.items()}
    there = {key: sorted({str(p.columns[key]) for p in prompts if key in p.columns}) for key in asked}
    told = "; ".join(
        f"{key} is asked to be {' or '.join(map(str, values))} and is {', '.join(there[key][:SHOWN]) or 'in no row'}"
        for key, values in asked.items()
    )
    raise TrainingError(f"{stage}: the `when:` of no reward fits any of {len(prompts)} prompts ({told}); mend it")


def _column(source: Source, batch: Batch, learn: bool) -> Column:
    rows = [i for i, prompt in enumerate(batch.prompts) if matches(prompt, source.plan.when)]
    answers: list[Score] = [None] * len(batch)
    for row, answer in zip(rows, _ask(source, batch, rows), strict=True):
        answers[row] = answer
    spans = tuple(() if answer is None or isinstance(answer, int | float) else tuple(answer) for answer in answers)
    weight = source.plan.weight * source.sign
    raw = tuple(_number(answer) for answer in answers)
    clipped = tuple(_clip(value, source.plan.bounds) for value in raw)
    normal = _normalize(source, clipped, learn)
    weighted = tuple(
        None if value is None else 0.0 if span else weight * value for value, span in zip(normal, spans, strict=True)
    )
    scaled = tuple(tuple(Span(s.start, s.end, weight * s.value) for s in row) for row in spans)
    bounded = tuple(value if span else held for value, held, span in zip(raw, clipped, spans, strict=True))
    return Column(raw, bounded, normal, weighted, scaled, spans)


def _ask(source: Source, batch: Batch, rows: Sequence[int]) -> list[Score]:
    if not rows:
        return []
    if source.ask is not None:
        with guard(source.plan.component, "score responses"):
            found = source.ask(batch, rows)
        return _checked(source, batch.select(rows), found)
    assert not isinstance(source.reward, FittedReward)
    scores: list[Score] = []
    with source.moved_in():
        for start in range(0, len(rows), source.plan.batch_size):
            part = batch.select(rows[start : start + source.plan.batch_size])
            with guard(source.plan.component, "score responses"):
                answers = list(source.reward.score(part))
            scores.extend(_checked(source, part, answers))
    return scores


def _checked(source: Source, batch: Batch, answers: Sequence[Any]) -> list[Score]:
    """The answers as plain Python; raises `ComponentError` where their number is wrong or one is no score."""
    name = source.plan.component
    if len(answers) != len(batch):
        raise ComponentError(f"{name} gave {len(answers)} scores for {len(batch)} responses; it must give one each")
    found = []
    for prompt, response, answer in zip(batch.prompts, batch.responses, answers, strict=True):
        try:
            found.append(_plain(answer))
        except (TypeError, ValueError):
            raise ComponentError(
                f"{name} gave {answer!r} for the prompt {prompt.last[:60]!r}, response {response[:60]!r};"
                " a score is a finite number, None, or a list of spans"
            ) from None
    return found


def _plain(answer: Any) -> Score:
    """A score without numpy's or torch's number types; `TypeError` or `ValueError` for what is none."""
    if answer is None:
        return None
    if isinstance(answer, str | bytes):
        raise TypeError
    spans = isinstance(answer, Sequence)
    if spans and not all(isinstance(span, Span) for span in answer):
        raise TypeError
    values = [float(span.value) for span in answer] if spans else [float(answer)]
    if not all(map(math.isfinite, values)):
        raise ValueError
    return tuple(answer) if spans else values[0]


def _number(answer: Score) -> float | None:
    if answer is None:
        return None
    return float(answer) if isinstance(answer, int | float) else sum(span.value for span in answer)


def _clip(value: float | None, bounds: tuple[float, float] | None) -> float | None:
    return value if value is None or bounds is None else min(max(value, bounds[0]), bounds[1])


def _normalize(source: Source, values: Sequence[float | None], learn: bool) -> tuple[float | None, ...]:
    known = [value for value in values if value is not None]
    if source.plan.normalize == "none" or not known:
        return tuple(values)
    if source.plan.normalize == "running":
        if learn:
            source.moments.add(known)
        mean, deviation = source.moments.mean, source.moments.deviation
    else:
        batch = Moments()
        batch.add(known)
        mean, deviation = batch.mean, batch.deviation
    return tuple(None if v is None else (v - mean) / max(deviation, 1e-8) for v in values)


def _total(sources: Sequence[Source], columns: Mapping[str, Column], row: int, prompt: Prompt) -> float | None:
    """The weighted sum over sources with an opinion, weights renormalised; measured-only sources do not count.

    It is 0 for a reply that no source with a weight is asked about, and one with a limit has an opinion on.
    """
    trained = [s for s in sources if s.plan.weight > 0]
    heard = [s for s in trained if columns[s.name].weighted[row] is not None]
    if not heard:
        asked = any(matches(prompt, s.plan.when) for s in trained)
        limited = any(s.plan.limit is not None and columns[s.name].raw[row] is not None for s in sources)
        return 0.0 if limited and not asked else None
    scale = sum(s.plan.weight for s in trained) / sum(s.plan.weight for s in heard)
    return scale * sum(columns[s.name].weighted[row] or 0.0 for s in heard)
