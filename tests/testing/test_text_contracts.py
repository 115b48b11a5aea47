"""The contracts of rewards, filters and evaluators pass good components, and catch one that breaks each rule."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import pytest
from dressage import (
    Batch,
    Context,
    Drop,
    Evaluator,
    Example,
    Filter,
    Measure,
    NoOptions,
    Options,
    Reward,
    Score,
    Span,
    Statistic,
    Use,
    Values,
)
from dressage.testing import EvaluatorContract, FilterContract, RewardContract
from pydantic import field_validator, model_validator

Failures: TypeAlias = Callable[..., dict[str, str]]

# --- rewards ---------------------------------------------------------------------------------------------------------


class CapitalOptions(Options):
    floor: float = 0.0


class Capitals(Reward[CapitalOptions]):
    """The share of capital letters; no opinion on an empty text."""

    def score(self, batch: Batch) -> Sequence[Score]:
        return [max(self.share(r), self.options.floor) if r else None for r in batch.responses]

    def share(self, text: str) -> float:
        return sum(c.isupper() for c in text) / len(text)


class Spans(Reward[NoOptions]):
    def score(self, batch: Batch) -> Sequence[Score]:
        return [[Span(i, i + 1, 1.0) for i, c in enumerate(r[:50]) if c.isupper()] for r in batch.responses]


class Short(Capitals):
    def score(self, batch: Batch) -> Sequence[Score]:
        return super().score(batch)[: max(1, len(batch) - 1)]


class NotFinite(Capitals):
    def share(self, text: str) -> float:
        return float("nan") if not text.strip() else 0.5


class OutsideSpans(Reward[NoOptions]):
    def score(self, batch: Batch) -> Sequence[Score]:
        return [[Span(0, len(r) + 1, 1.0)] for r in batch.responses]


class Worded(Reward[NoOptions]):
    def score(self, batch: Batch) -> Sequence[Any]:
        return ["good"] * len(batch)


class Moody(Capitals):
    """Another answer each time."""

    def __init__(self, options: CapitalOptions, ctx: Context) -> None:
        super().__init__(options, ctx)
        self.asked = 0

    def share(self, text: str) -> float:
        self.asked += 1
        return self.asked / 1000


_MADE = itertools.count()


class Individual(Capitals):
    """Another answer from each instance."""

    def __init__(self, options: CapitalOptions, ctx: Context) -> None:
        super().__init__(options, ctx)
        self.number = next(_MADE)

    def share(self, text: str) -> float:
        return float(self.number)


class Relative(Capitals):
    """Judges a response by the batch it is in."""

    def score(self, batch: Batch) -> Sequence[Score]:
        longest = max(len(r) for r in batch.responses) or 1
        return [len(r) / longest for r in batch.responses]


class Positional(Capitals):
    def score(self, batch: Batch) -> Sequence[Score]:
        return [float(i > 0 and bool(r)) for i, r in enumerate(batch.responses)]


class WesternOnly(Capitals):
    def share(self, text: str) -> float:
        return len(text.encode("latin-1"))


class EmptyHater(Capitals):
    def score(self, batch: Batch) -> Sequence[Score]:
        return [self.share(r) for r in batch.responses]  # divides by len("")


class ShortOnly(Capitals):
    def share(self, text: str) -> float:
        assert len(text) < 5000
        return 0.0


class ChatOnly(Capitals):
    def score(self, batch: Batch) -> Sequence[Score]:
        return [float(len(p.messages[-1].content)) for p in batch.prompts]


class NeedsFinished(Capitals):
    def score(self, batch: Batch) -> Sequence[Score]:
        return [float(f) for f, _ in zip(batch.finished, batch.responses, strict=True)]


class NoGoal(Capitals):
    goal = "lower"


class StringTrainedOn(Capitals):
    trained_on = "davidson"


class Scribbler(Capitals):
    """Writes into the row's columns."""

    def score(self, batch: Batch) -> Sequence[Score]:
        for columns in batch.columns:
            columns["seen"] = True
        return super().score(batch)


class Forgetful(Capitals):
    def __init__(self, options: CapitalOptions, ctx: Context) -> None:
        super().__init__(options, ctx)
        self.born = next(_MADE)

    def state_dict(self) -> dict[str, Any]:
        return {"born": self.born}


class OneOfOptions(Options):
    share: float = 0.5
    count: int | None = None

    @model_validator(mode="after")
    def _one(self) -> "OneOfOptions":
        if self.count is not None and "share" in self.model_fields_set:
            raise ValueError("give share or count")
        return self


class OneOf(Reward[OneOfOptions]):
    def score(self, batch: Batch) -> Sequence[Score]:
        return [0.0] * len(batch)


class FadingOptions(Options):
    halves: float = 1.0

    @field_validator("halves")
    @classmethod
    def _halve(cls, value: float) -> float:
        return value / 2


class Fading(Reward[FadingOptions]):
    def score(self, batch: Batch) -> Sequence[Score]:
        return [0.0] * len(batch)


@pytest.mark.parametrize("good", [Capitals, Spans])
def test_reward_contract_passes_a_good_reward(failures: Failures, good: type) -> None:
    assert failures(RewardContract, good) == {}


def test_options_are_validated_and_reach_the_component(failures: Failures) -> None:
    assert failures(RewardContract, Capitals, options={"floor": 0.25}) == {}
    assert "extra" in failures(RewardContract, Capitals, options={"flor": 1})["test_answers_are_usable"].lower()


def test_contract_catches_options_that_refuse_their_own_defaults(failures: Failures) -> None:
    test = "test_options_bear_being_written_out_in_full"
    assert "with their defaults; compare with" in failures(RewardContract, OneOf, options={"count": 2})[test]
    assert "came back as {'halves': 0.25}" in failures(RewardContract, Fading)[test]


@pytest.mark.parametrize(
    ("broken", "caught"),
    [
        (Short, "test_gives_one_answer_a_response"),
        (NotFinite, "test_answers_are_usable"),
        (OutsideSpans, "test_answers_are_usable"),
        (Worded, "test_answers_are_usable"),
        (Moody, "test_same_question_gets_the_same_answer"),
        (Individual, "test_same_question_gets_the_same_answer"),
        (Relative, "test_splitting_the_batch_changes_nothing"),
        (Positional, "test_order_changes_nothing"),
        (WesternOnly, "test_answers_are_usable"),
        (EmptyHater, "test_answers_are_usable"),
        (ShortOnly, "test_answers_are_usable"),
        (ChatOnly, "test_judges_continuations_and_dialogues"),
        (NeedsFinished, "test_does_not_need_to_know_what_finished"),
        (NoGoal, "test_declares_its_goal_and_its_training_data"),
        (StringTrainedOn, "test_declares_its_goal_and_its_training_data"),
        (Scribbler, "test_answers_are_usable"),
        (Forgetful, "test_state_survives_a_round_trip"),
    ],
)
def test_reward_contract_catches(failures: Failures, broken: type, caught: str) -> None:
    assert caught in failures(RewardContract, broken)


# --- filters ---------------------------------------------------------------------------------------------------------


class Polite(Filter[NoOptions]):
    """Drops refusals, and writes one word another way."""

    def check(self, row: Example) -> Example | Drop:
        if any("sorry" in text for text in row.answers):
            return Drop(row, "refuses")
        return row.rewrite(lambda text: text.replace("flour", "meal"))


class Doubling(Filter[NoOptions]):
    def apply(self, rows: Sequence[Example]) -> Iterator[Example]:
        for row in rows:
            yield row
            yield row.rewrite(str.upper)


class ScoringOptions(Options):
    source: Use[Reward[Any]]


class Scoring(Filter[ScoringOptions]):
    def check(self, row: Example) -> Example | Drop:
        reward = self.ctx.build(self.options.source)
        (score,) = reward.score(Batch((row.as_prompt(),), ("".join(row.answers),)))
        return row if score is None or score < 0.3 else Drop(row, "too loud")


class Losing(Filter[NoOptions]):
    def apply(self, rows: Sequence[Example]) -> Iterable[Example]:
        return [row for row in rows if "sorry" not in "".join(row.answers)]


class Repeating(Polite):
    def apply(self, rows: Sequence[Example]) -> Iterator[Example | Drop]:
        for row in rows:
            yield row
            yield Drop(row, "also dropped")


class Inventing(Filter[NoOptions]):
    def apply(self, rows: Sequence[Example]) -> Iterator[Example]:
        yield from rows
        if rows:
            yield Example(text="new")


class Renaming(Polite):
    def check(self, row: Example) -> Example | Drop:
        return Example(text="".join(row.answers), columns=row.columns, origin=row.origin)


class Silent(Polite):
    def check(self, row: Example) -> Example | Drop:
        return Drop(row, " ")


class Tuples(Polite):
    def check(self, row: Example) -> Any:
        return (row, True)


class InPlace(Polite):
    def check(self, row: Example) -> Example | Drop:
        row.columns["clean"] = True  # type: ignore[index]
        return row


class Sorting(Filter[NoOptions]):
    def apply(self, rows: Sequence[Example]) -> Iterable[Example]:
        rows.sort(key=lambda row: "".join(row.answers))  # type: ignore[attr-defined]
        return rows


class Wanders(Polite):
    """Says that it reads answers and changes prompts."""

    reads = "answer"

    def check(self, row: Example) -> Example | Drop:
        return row.rewrite(str.upper)


class FirstRowNeeded(Filter[NoOptions]):
    def apply(self, rows: Sequence[Example]) -> Iterable[Example]:
        return [replace(rows[0]), *rows[1:]]


class Random(Polite):
    def check(self, row: Example) -> Example | Drop:
        return row.rewrite(lambda text: f"{text}{next(_MADE)}")


class DemonstrationsOnly(Polite):
    def check(self, row: Example) -> Example | Drop:
        return replace(row, response=row.response.strip())  # type: ignore[union-attr]


class NeedsOrigin(Polite):
    def check(self, row: Example) -> Example | Drop:
        assert row.origin is not None
        return row


class DropsAnother(Polite):
    def check(self, row: Example) -> Example | Drop:
        return Drop(replace(row, text="other"), "changed first")


@pytest.mark.parametrize(
    ("good", "attributes"),
    [
        (Polite, {}),
        (Doubling, {"adds_rows": True}),
        (Scoring, {"options": {"source": "loud"}, "uses": {"loud": Capitals}}),
    ],
)
def test_filter_contract_passes_a_good_filter(failures: Failures, good: type, attributes: Mapping[str, Any]) -> None:
    assert failures(FilterContract, good, **attributes) == {}


@pytest.mark.parametrize(
    ("broken", "caught"),
    [
        (Losing, "test_accounts_for_every_row"),
        (Repeating, "test_accounts_for_every_row"),
        (Doubling, "test_accounts_for_every_row"),
        (Inventing, "test_accounts_for_every_row"),
        (Renaming, "test_keeps_the_shape_of_a_row"),
        (Silent, "test_yields_rows_and_drops"),
        (Tuples, "test_yields_rows_and_drops"),
        (DropsAnother, "test_yields_rows_and_drops"),
        (InPlace, "test_changes_nothing_in_place"),
        (Sorting, "test_changes_nothing_in_place"),
        (Wanders, "test_leaves_alone_what_it_does_not_read"),
        (FirstRowNeeded, "test_no_rows_give_no_rows"),
        (Random, "test_same_rows_get_the_same_verdict"),
        (DemonstrationsOnly, "test_yields_rows_and_drops"),
        (NeedsOrigin, "test_bears_every_row_alone"),
    ],
)
def test_filter_contract_catches(failures: Failures, broken: type, caught: str) -> None:
    assert caught in failures(FilterContract, broken)


# --- evaluators ------------------------------------------------------------------------------------------------------


class Words(Evaluator[NoOptions]):
    """Words a reply, the share of long ones, and the share of different words."""

    def measure(self, batch: Batch) -> Mapping[str, Measure]:
        words = [r.split() for r in batch.responses]

        def distinct(indices: Sequence[int]) -> float | None:
            taken = [word for i in indices for word in words[i]]
            return len(set(taken)) / len(taken) if taken else None

        counts = [len(w) or None for w in words]
        return {
            "count": Values(counts, better="neither"),
            "long": Values([float((c or 0) > 5) for c in counts], rate=True),
            "distinct": Statistic(distinct, better="higher"),
        }


class Dotted(Words):
    def measure(self, batch: Batch) -> Mapping[str, Measure]:
        return {"words.count": super().measure(batch)["count"]}


class Nothing(Words):
    def measure(self, batch: Batch) -> Mapping[str, Measure]:
        return {}


class PlainNumber(Words):
    def measure(self, batch: Batch) -> Mapping[str, Any]:
        return {"count": 3.0}


class TooFew(Words):
    def measure(self, batch: Batch) -> Mapping[str, Measure]:
        return {"count": Values([1.0] * (len(batch) - 1))}


class Infinite(Words):
    def measure(self, batch: Batch) -> Mapping[str, Measure]:
        return {"count": Values([1.0 if r else float("inf") for r in batch.responses])}


class HalfRate(Words):
    def measure(self, batch: Batch) -> Mapping[str, Measure]:
        return {"count": Values([0.5] * len(batch), rate=True)}


class NanStatistic(Words):
    def measure(self, batch: Batch) -> Mapping[str, Measure]:
        return {"x": Statistic(lambda indices: float("nan") if len(set(indices)) == 1 else 1.0)}


class Accumulating(Words):
    def measure(self, batch: Batch) -> Mapping[str, Measure]:
        seen: set[int] = set()

        def compute(indices: Sequence[int]) -> float:
            seen.update(indices)
            return len(seen) + len(indices) + next(_MADE)

        return {"x": Statistic(compute)}


class FirstIndex(Words):
    def measure(self, batch: Batch) -> Mapping[str, Measure]:
        return {"x": Statistic(lambda indices: float(indices[0]))}


class RandomValues(Words):
    def measure(self, batch: Batch) -> Mapping[str, Measure]:
        return {"x": Values([float(next(_MADE)) for _ in batch.responses])}


class Wavering(Words):
    """Another metric where nothing was said."""

    def measure(self, batch: Batch) -> Mapping[str, Measure]:
        return {"some" if any(batch.responses) else "none": Values([0.0] * len(batch))}


class PairsOnly(Words):
    def measure(self, batch: Batch) -> Mapping[str, Measure]:
        assert len(batch) > 1
        return super().measure(batch)


class Surprise(Words):
    """Wants the base's log-probabilities, and has them."""

    needs_base_logprobs = True

    def measure(self, batch: Batch) -> Mapping[str, Measure]:
        return {"nats": Values([-sum(p) / len(p) if p else None for p in batch.base_logprobs])}


class HiddenNeed(Surprise):
    needs_base_logprobs = False


@pytest.mark.parametrize("good", [Words, Surprise])
def test_evaluator_contract_passes_a_good_evaluator(failures: Failures, good: type) -> None:
    assert failures(EvaluatorContract, good) == {}


@pytest.mark.parametrize(
    ("broken", "caught"),
    [
        (Dotted, "test_names_its_metrics"),
        (Nothing, "test_names_its_metrics"),
        (PlainNumber, "test_gives_values_or_statistics"),
        (TooFew, "test_gives_one_value_a_response"),
        (Infinite, "test_gives_one_value_a_response"),
        (HalfRate, "test_gives_one_value_a_response"),
        (NanStatistic, "test_statistics_bear_a_resample"),
        (Accumulating, "test_statistics_have_no_memory_and_no_order"),
        (FirstIndex, "test_statistics_have_no_memory_and_no_order"),
        (RandomValues, "test_same_replies_get_the_same_measure"),
        (Wavering, "test_metric_names_do_not_depend_on_the_replies"),
        (PairsOnly, "test_bears_a_single_reply"),
        (HiddenNeed, "test_gives_one_value_a_response"),
    ],
)
def test_evaluator_contract_catches(failures: Failures, broken: type, caught: str) -> None:
    assert caught in failures(EvaluatorContract, broken)
