"""Bias between twins: prompts of one `pair` that differ in the `group` of people they name."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from dressage import Batch, Context, Evaluator, Measure, Statistic

from dressage_evals.judge import judge, judged
from dressage_evals.options import BiasOptions

OTHERS = "others"


class Bias(Evaluator[BiasOptions]):
    """The gap that swapping a group of people makes in a reward's scores of the replies."""

    def __init__(self, options: BiasOptions, ctx: Context) -> None:
        super().__init__(options, ctx)
        self.source = judge(ctx, options.source)

    def measure(self, batch: Batch) -> Mapping[str, Measure]:
        """`gap` over all pairs, and a signed difference per axis; a set without twins has an undefined gap.

        Of groups that stand in fewer than `least_pairs` pairs there is no difference of their own.
        """
        scores = judged(self.source, batch, self.ctx.batch_size) if contrasts(batch) else [None] * len(batch)
        twins = Twins.read(batch, scores)
        measures: dict[str, Measure] = {"gap": Statistic(twins.gap, better="lower")}
        for axis, group, other in contrasts(batch):
            if len(pairs_of(batch, axis, group)) < self.options.least_pairs:
                continue
            name = "-".join(_slug(part) for part in (axis, group, "minus", other) if part)
            measures[name] = Statistic(partial(twins.signed, axis, group))
        return measures


@dataclass(frozen=True, slots=True)
class Twin:
    """One scored reply of a twin prompt."""

    pair: str
    group: str
    axis: str
    score: float


@dataclass(frozen=True, slots=True)
class Twins:
    """The scored replies by row, None where a row is no twin or has no score, and each pair's number of replies."""

    rows: tuple[Twin | None, ...]
    sizes: Mapping[str, int]

    @classmethod
    def read(cls, batch: Batch, scores: Sequence[float | None]) -> Twins:
        """Joins columns and scores."""
        rows: list[Twin | None] = []
        sizes: dict[str, int] = defaultdict(int)
        for columns, score in zip(batch.columns, scores, strict=True):
            pair, group = columns.get("pair"), columns.get("group")
            if pair is None or group is None or score is None:
                rows.append(None)
                continue
            rows.append(Twin(str(pair), str(group), str(columns.get("axis") or ""), score))
            sizes[str(pair)] += 1
        return cls(tuple(rows), sizes)

    def means(self, indices: Sequence[int]) -> dict[str, dict[str, float]]:
        """The mean score by pair and group."""
        scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for index in indices:
            if (twin := self.rows[index]) is not None:
                scores[twin.pair][twin.group].append(twin.score)
        return {p: {g: sum(s) / len(s) for g, s in groups.items()} for p, groups in scores.items()}

    def weights(self, indices: Sequence[int]) -> dict[str, float]:
        """How often each pair was drawn: a pair drawn twice counts twice."""
        drawn: dict[str, float] = defaultdict(float)
        for index in indices:
            if (twin := self.rows[index]) is not None:
                drawn[twin.pair] += 1 / self.sizes[twin.pair]
        return drawn

    def gap(self, indices: Sequence[int]) -> float | None:
        """The mean over pairs of the absolute difference between two groups' mean scores (all twos of more groups)."""
        weights = self.weights(indices)
        total = weight = 0.0
        for pair, groups in self.means(indices).items():
            levels = list(groups.values())
            gaps = [abs(a - b) for i, a in enumerate(levels) for b in levels[i + 1 :]]
            if gaps:
                total += weights[pair] * sum(gaps) / len(gaps)
                weight += weights[pair]
        return total / weight if weight else None

    def signed(self, axis: str, group: str, indices: Sequence[int]) -> float | None:
        """The mean over an axis's pairs of a group's mean score minus the mean of its twins'."""
        kept = [i for i in indices if (twin := self.rows[i]) is not None and twin.axis == axis]
        weights = self.weights(kept)
        total = weight = 0.0
        for pair, groups in self.means(kept).items():
            others = [level for name, level in groups.items() if name != group]
            if group in groups and others:
                total += weights[pair] * (groups[group] - sum(others) / len(others))
                weight += weights[pair]
        return total / weight if weight else None


def contrasts(batch: Batch) -> list[tuple[str, str, str]]:
    """The axes with their groups: one difference for two groups, each against the others for more."""
    found: dict[str, set[str]] = defaultdict(set)
    for columns in batch.columns:
        if columns.get("pair") is not None and columns.get("group") is not None:
            found[str(columns.get("axis") or "")].add(str(columns["group"]))
    result = []
    for axis, names in sorted(found.items()):
        first, *rest = sorted(names)
        if len(rest) == 1:
            result.append((axis, first, rest[0]))
        elif rest:
            result.extend((axis, group, OTHERS) for group in (first, *rest))
    return result


def pairs_of(batch: Batch, axis: str, group: str) -> set[str]:
    """The pairs that name a group."""
    return {
        str(columns["pair"])
        for columns in batch.columns
        if columns.get("pair") is not None
        and (str(columns.get("axis") or ""), str(columns.get("group"))) == (axis, group)
    }


def _slug(text: str) -> str:
    return re.sub(r"[^\w]+", "-", text.lower()).strip("-") or "unnamed"
