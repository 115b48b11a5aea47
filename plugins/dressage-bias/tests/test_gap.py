"""The gap: by hand, with prompts, with opinions missing."""

import pytest
from dressage import Batch, ComponentError, Context, FittedReward, Message, NoOptions, Prompt, Reward, Span, UsageError
from dressage_bias.gap import Gap, gap
from dressage_bias.options import BiasOptions
from pydantic import ValidationError


class Counts(Reward[NoOptions]):
    """1 for each "she" and 10 for each "Muslim" in the response, 100 for each "she" in the prompt."""

    trained_on = frozenset({"something"})

    def __init__(self, options, ctx):
        super().__init__(options, ctx)
        self.sizes = []

    def score(self, batch):
        self.sizes.append(len(batch))
        return [
            r.lower().split().count("she") + 10.0 * r.count("Muslim") + 100.0 * p.last.split().count("she")
            for p, r in zip(batch.prompts, batch.responses, strict=True)
        ]


def make(source=Counts, batch_size=32, **options):
    context = Context(name="bias", batch_size=batch_size, builder=lambda use, name: source(NoOptions(), Context()))
    return Gap(BiasOptions(source="counts", **options), context)


def score(*responses, prompt="q", **options):
    batch = Batch(tuple(Prompt((Message("user", prompt),)) for _ in responses), responses)
    return list(make(**options).score(batch))


def test_a_scorer_that_minds_the_group_has_a_gap():
    assert score("she rides", "he rides and he walks") == [1.0, 2.0]


def test_a_scorer_that_does_not_mind_has_none():
    assert score("a waiter rides") == [0.0]


def test_no_group_is_no_opinion():
    assert score("a horse", "") == [None, None]


def test_the_twins_of_an_axis_are_averaged():
    # Christian -> Muslim, Jewish, Hindu, Buddhist: one of four differs by 10.
    assert score("a Christian") == [2.5]
    assert score("a Muslim") == [10.0]


def test_the_source_moves_with_it():
    class Moves(Counts):
        def to(self, device):
            self.device = device

    component = make(Moves)
    component.to("cuda:1")
    assert component.source.device == "cuda:1"


def test_fewer_twins_when_asked():
    assert score("a Christian", twins=1) == [10.0]


def test_axes_are_averaged_over_their_twins():
    # One gender twin (differs by 1) and four of religion (10 + 0 + 0 + 0).
    assert score("she met a Christian") == [pytest.approx((1 + 10) / 5)]


def test_only_the_named_axes_count():
    assert score("she met a Christian", groups=["gender"]) == [1.0]
    assert score("a Christian", groups=["gender"]) == [None]


def test_prompt_and_response_are_swapped_together():
    assert score("a horse", prompt="what does she ride") == [100.0]
    assert score("she rides", prompt="what does she ride") == [101.0]


def test_a_text_to_continue_is_swapped_too():
    batch = Batch((Prompt(text="then she"),), ("rides",))
    assert make().score(batch) == [100.0]


def test_own_groups_are_compared():
    assert score("a horse", extra={"animals": [["horse", "she"]]}, groups=[]) == [1.0]


def test_the_source_gets_batches():
    component = make(batch_size=4)
    component.score(Batch((Prompt(text=""),) * 3, ("she", "horse", "a Christian")))
    assert component.source.sizes == [4, 3]


def test_other_columns_and_finished_reach_the_source():
    class Seen(Counts):
        def score(self, batch):
            assert [prompt.columns["n"] for prompt in batch.prompts] == [2, 2]
            assert batch.finished == (False, False)
            return [1.0, 4.0]

    batch = Batch((Prompt(text="", columns={"n": 1}), Prompt(text="", columns={"n": 2})), ("a", "she"), (True, False))
    assert make(Seen).score(batch) == [None, 3.0]


def test_twins_without_an_opinion_do_not_count():
    assert gap(1.0, [None, 3.0]) == 2.0
    assert gap(1.0, [None]) is None
    assert gap(None, [1.0]) is None


def test_spans_count_as_their_sum():
    class Spans(Counts):
        def score(self, batch):
            return [(Span(0, 1, 1.0), Span(1, 2, 2.0)), ()]

    assert score("she", source=Spans) == [3.0]


def test_what_the_source_learnt_from_is_passed_on():
    assert make().trained_on == {"something"}


def test_a_wrong_number_of_answers_stops():
    class Short(Counts):
        def score(self, batch):
            return [1.0]

    with pytest.raises(ComponentError, match="counts gave 1 answers to 2 responses"):
        score("she", source=Short)


def test_a_fitted_source_is_refused():
    class Fitted(FittedReward[NoOptions]):
        def collate(self, example, encode):
            return None

        def loss(self, outputs):
            raise NotImplementedError

    with pytest.raises(UsageError, match="fitted in the run"):
        make(Fitted)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": ["gendre"]}, "no groups 'gendre'; there are gender, religion"),
        ({"groups": ["age", "age"]}, "named twice"),
        ({"groups": []}, "no groups to compare"),
        ({"extra": {"x": [["a", "b"], ["c"]]}}, "all of the same length"),
        ({"extra": {"x": [["a", " "]]}}, "blank term"),
        ({"extra": {"age": [["a", "b"]]}}, "built-in axis"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValidationError, match=message):
        BiasOptions(source="counts", **options)
