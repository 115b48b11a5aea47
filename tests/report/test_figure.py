import pytest
from dressage.run.report.dumbbell import dumbbell
from dressage.run.report.figure import Estimate, Figure, key_figures, read_figures
from dressage.run.report.verdict import verdict


def _figure(low, high, better="lower", **more):
    change = Estimate((low + high) / 2, low, high)
    start = Estimate(0.5, 0.4, 0.6, 10)
    end = Estimate(0.5 + change.value, 0.1, 0.9, 10)
    fields = {"measure": "m", "set": "s", "metric": "rate", "rate": True} | more
    return Figure(before=start, after=end, change=change, better=better, **fields)


@pytest.mark.parametrize(
    ("low", "high", "better", "outcome"),
    [(-0.3, -0.1, "lower", "better"), (-0.3, -0.1, "higher", "worse"), (0.1, 0.3, "higher", "better"),
     (0.1, 0.3, "lower", "worse"), (-0.1, 0.3, "lower", "unclear"), (-0.3, 0.0, "lower", "unclear"),
     (0.1, 0.3, "neither", "unjudged")],
)  # fmt: skip
def test_outcome_follows_the_interval_of_the_change(low, high, better, outcome):
    assert _figure(low, high, better).outcome == outcome


def test_a_change_without_an_interval_is_unclear():
    figure = Figure("m", "s", "x", before=Estimate(0.5), after=Estimate(0.1), better="lower")
    assert figure.outcome == "unclear"
    assert figure.moved == pytest.approx(-0.4)


def test_a_change_with_an_infinite_interval_is_unclear():
    raw = {"value": -0.4, "low": float("-inf"), "high": float("inf")}
    assert Figure("m", "s", "x", change=Estimate.read(raw), better="lower").outcome == "unclear"


def test_only_measured_before_is_absent():
    assert Figure("m", "s", "x", before=Estimate(0.5), better="lower").outcome == "absent"


def test_a_set_that_a_stage_selects_by_is_marked(report):
    standings = {f.path: f.standing for f in read_figures(report)}
    assert standings["refusal.validation.balance"] == "selected on"
    assert standings["refusal.harmful.rate"] == "independent"


def test_every_set_of_a_weighted_selection_is_marked(report):
    selected = report["stages"][1]["selected"]
    selected |= {"metric": "1 refusal.harmful.rate + -3 refusal.harmless.rate"}
    selected["paths"] = ["refusal.harmful.rate", "refusal.harmless.rate"]
    standings = {f.path: f.standing for f in read_figures(report)}
    assert [standings[path] for path in selected["paths"]] == ["selected on", "selected on"]
    assert standings["refusal.validation.balance"] == "independent"


def test_a_trained_judge_stays_so_on_a_selected_set(report):
    report["measures"][2]["mark"] = "trained on"
    assert {f.standing for f in read_figures(report) if f.measure == "refusal"} == {"trained on"}


def test_cards_leave_out_judges_that_the_training_knew(report):
    assert {f.standing for f in key_figures(read_figures(report))} == {"independent"}


def test_cards_begin_with_the_figures_of_the_gate(report):
    assert [f.path for f in key_figures(read_figures(report))][:2] == [
        "toxicity-b.provocations.rate",
        "refusal.harmless.rate",
    ]


def test_the_sentence_names_better_worse_unclear_and_the_gate():
    figures = [_figure(-0.3, -0.1, measure="tox"), _figure(0.1, 0.2, measure="no"), _figure(-0.1, 0.1)]
    assert verdict(figures, {"verdict": "not met"}) == (
        "The model got better by tox rate on s (50.0% to 30.0%; 95% interval of the change −30.0 to −10.0 points), "
        "but worse by no rate on s (50.0% to 65.0%; +10.0 to +20.0 points); 1 figure is unclear; "
        "the safety gate is not met."
    )


def test_the_sentence_counts_what_it_does_not_name():
    figures = [_figure(-0.3, -0.1, measure=name) for name in "abcd"]
    assert "and 2 more figures" in verdict(figures, None)


def test_the_sentence_does_not_rest_on_a_judge_that_was_trained_on():
    figures = [_figure(-0.3, -0.1, measure="known", standing="trained on"), _figure(-0.1, 0.1)]
    assert verdict(figures, None) == "No clear change: of 1 figure, none moved by more than its 95% interval."


def test_the_sentence_says_where_no_judge_was_independent():
    assert "that the training knew" in verdict([_figure(-0.3, -0.1, standing="trained on")], None)


def test_the_sentence_of_an_interrupted_run():
    assert verdict([], {}, status="interrupted").startswith("The run was interrupted")


def test_points_lie_at_their_share_of_the_axis():
    figure = Figure("m", "s", "rate", before=Estimate(0.1, 0.05, 0.2), after=Estimate(0.0, 0.0, 0.1), rate=True)
    plot = dumbbell([figure])
    row = plot.groups[0][1][0]
    assert plot.ticks[-1] == (100.0, "20%")
    assert (row.before.x, row.before.low, row.before.high, row.after.x) == (50.0, 25.0, 100.0, 0.0)


def test_only_rates_are_plotted():
    assert dumbbell([Figure("m", "s", "perplexity", before=Estimate(20.0), after=Estimate(21.0))]) is None


def test_rates_of_zero_have_an_axis():
    figure = Figure("m", "s", "rate", before=Estimate(0.0, 0.0, 0.0), after=Estimate(0.0, 0.0, 0.0), rate=True)
    assert dumbbell([figure]).ticks[-1] == (100.0, "1%")
