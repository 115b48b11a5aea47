"""By-score: which texts are judged, as responses to what, and which rows go."""

import math

import pytest
from dressage import (
    Batch,
    ComponentError,
    Context,
    Drop,
    Example,
    FittedReward,
    Message,
    NoOptions,
    Origin,
    Reward,
    Span,
    UsageError,
)
from dressage_filters.options import ByScoreOptions
from dressage_filters.score import ByScore
from pydantic import ValidationError


class Exclaims(Reward[NoOptions]):
    """Counts exclamation marks; no opinion on an empty response."""

    def __init__(self, options, ctx):
        super().__init__(options, ctx)
        self.seen = []

    def score(self, batch: Batch):
        self.seen.append([(prompt.last, response) for prompt, response in zip(batch.prompts, batch.responses)])
        return [float(response.count("!")) if response else None for response in batch.responses]


def make(source=Exclaims, batch_size=32, **options):
    options = ByScoreOptions(source="exclaims", **options)
    context = Context(name="by-score", batch_size=batch_size, builder=lambda use, name: source(NoOptions(), Context()))
    return ByScore(options, context)


def row(question, **fields):
    return Example((Message("user", question),), origin=Origin("rows.jsonl", 7), **fields)


def reasons(rows, component):
    return [o.reason if isinstance(o, Drop) else "kept" for o in component.apply(rows)]


def test_an_answer_is_judged_as_a_response_to_its_prompt():
    component = make(drop_above=1)
    assert reasons([row("q!!!", response="a!"), row("p", response="a!!")], component) == ["kept", "exclaims above 1"]
    assert component.source.seen == [[("q!!!", "a!"), ("p", "a!!")]]


def test_a_prompt_is_judged_as_a_response_to_nothing():
    component = make(part="prompt", drop_above=1)
    assert reasons([row("q!!", response="a!!!")], component) == ["exclaims above 1"]
    assert component.source.seen == [[("", "q!!")]]


def test_both_are_judged_when_asked():
    both = make(part="both", drop_above=1)
    assert reasons([row("q!!", response="a"), row("q", response="!!"), row("q", response="a")], both) == [
        "exclaims above 1",
        "exclaims above 1",
        "kept",
    ]


def test_too_low_goes_too():
    assert reasons([row("q", response="a"), row("q", response="a!")], make(drop_below=1)) == [
        "exclaims below 1",
        "kept",
    ]


def test_the_rejected_answer_does_not_count_unless_asked():
    comparison = [row("q", chosen="good", rejected="bad!!")]
    assert reasons(comparison, make(drop_above=1)) == ["kept"]
    assert reasons(comparison, make(drop_above=1, answers="rejected")) == ["exclaims above 1"]
    assert reasons(comparison, make(drop_above=1, answers="all")) == ["exclaims above 1"]


def test_no_opinion_keeps_a_row():
    assert reasons([row("q", response="")], make(drop_below=1)) == ["kept"]


def test_a_row_without_an_answer_is_not_judged():
    component = make(drop_below=1)
    assert reasons([row("q")], component) == ["kept"]
    assert component.source.seen == []


def test_a_plain_text_is_judged():
    assert reasons([Example(text="hey!!")], make(drop_above=1)) == ["exclaims above 1"]


def test_the_source_gets_batches():
    component = make(batch_size=2, drop_above=9)
    list(component.apply([row("q", response=str(i)) for i in range(5)]))
    assert [len(batch) for batch in component.source.seen] == [2, 2, 1]


def test_spans_count_as_their_sum():
    class Spans(Exclaims):
        def score(self, batch):
            return [(Span(0, 1, 0.5), Span(1, 2, 0.75)), ()]

    assert reasons([row("q", response="ab"), row("q", response="cd")], make(Spans, drop_above=1)) == [
        "exclaims above 1",
        "kept",
    ]


def test_a_nan_stops_and_names_source_and_row():
    class Broken(Exclaims):
        def score(self, batch):
            return [math.nan] * len(batch)

    with pytest.raises(ComponentError, match=r"exclaims gave nan for the row at rows\.jsonl:7"):
        reasons([row("q", response="a")], make(Broken, drop_above=1))


def test_a_wrong_number_of_answers_stops():
    class Short(Exclaims):
        def score(self, batch):
            return []

    with pytest.raises(ComponentError, match="exclaims gave 0 answers to 1 responses"):
        reasons([row("q", response="a")], make(Short, drop_above=1))


def test_a_fitted_source_is_refused():
    class Fitted(FittedReward[NoOptions]):
        def collate(self, example, encode):
            return None

        def loss(self, outputs):
            raise NotImplementedError

    with pytest.raises(UsageError, match="fitted in the run"):
        make(Fitted, drop_above=1)


def test_bounds_must_make_sense():
    with pytest.raises(ValidationError, match="nothing would be dropped"):
        ByScoreOptions(source="x")
    with pytest.raises(ValidationError, match="every row would go"):
        ByScoreOptions(source="x", drop_above=0.1, drop_below=0.9)
