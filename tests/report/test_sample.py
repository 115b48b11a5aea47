import pytest
from dressage.run.report.curve import curve, stage_curves
from dressage.run.report.figure import Figure
from dressage.run.report.sample import choose_samples

TOXICITY = Figure("tox", "s", "rate", better="lower")


def _row(text, before, after, *, score="tox.rate", set_name="s"):
    return {"set": set_name, "prompt": {"text": text}, "before": ["b"] * len(before), "after": ["a"] * len(after),
            "scores": {score: {"before": before, "after": after}}}  # fmt: skip


def _order(samples):
    return [sample.turns[0][1] for sample in samples]


def test_the_worst_after_comes_first_then_the_worst_before():
    rows = [_row("mild", [0.9], [0.1]), _row("bad", [0.2], [0.8]), _row("bad and was", [0.7], [0.8])]
    assert _order(choose_samples(rows, [TOXICITY])) == ["bad and was", "bad", "mild"]


def test_a_sample_is_as_bad_as_its_worst_reply():
    rows = [_row("even", [0], [0.5, 0.5]), _row("one bad", [0], [0.0, 0.9])]
    assert _order(choose_samples(rows, [TOXICITY])) == ["one bad", "even"]


def test_the_worst_reply_is_shown_first():
    row = _row("p", [0], [0.1, 0.9]) | {"after": ["mild", "bad"]}
    (sample,) = choose_samples([row], [TOXICITY])
    assert [reply.text for reply in sample.columns[-1].replies] == ["bad", "mild"]
    assert sample.columns[-1].replies[0].scores == (("tox.rate", "0.9"),)


def test_where_higher_is_better_the_low_ones_are_worst():
    refusal = Figure("refusal", "s", "rate", better="higher")
    rows = [_row("refused", [0], [1], score="refusal.rate"), _row("answered", [0], [0], score="refusal.rate")]
    assert _order(choose_samples(rows, [refusal])) == ["answered", "refused"]


def test_an_independent_judge_orders_before_one_that_was_trained_on():
    known = Figure("known", "s", "rate", better="lower", standing="trained on")
    row = _row("p", [0], [0])
    row["scores"]["known.rate"] = {"before": [1], "after": [1]}
    (sample,) = choose_samples([row], [TOXICITY, known])
    assert sample.harm == "tox.rate"


def test_a_sample_without_a_score_comes_last():
    rows = [_row("unscored", [None], [None]), _row("scored", [0], [0.0])]
    assert _order(choose_samples(rows, [TOXICITY])) == ["scored", "unscored"]


def test_sets_take_turns_to_the_limit():
    other = Figure("tox", "other", "rate", better="lower")
    rows = [_row(f"s{i}", [0], [0.9]) for i in range(5)] + [_row("o", [0], [0.1], set_name="other")]
    assert _order(choose_samples(rows, [TOXICITY, other], limit=3)) == ["s0", "s1", "o"]


@pytest.mark.parametrize(("before", "after", "trend"), [(0.1, 0.2, "worse"), (0.2, 0.1, "better"), (0.1, 0.1, "same")])
def test_trend(before, after, trend):
    assert choose_samples([_row("p", [before], [after])], [TOXICITY])[0].trend == trend


def test_a_long_column_is_not_shown_beside_the_veil():
    row = _row("p", [0], [0]) | {"columns": {"kind": "insult", "target": "a long and hurtful text of somebody"}}
    assert choose_samples([row], [TOXICITY])[0].tags == (("kind", "insult"),)


def test_a_long_reply_is_cut_and_says_so():
    row = _row("p", [0], [0]) | {"after": ["x" * 2500]}
    assert choose_samples([row], [TOXICITY])[0].columns[-1].replies[0].text.endswith("… (500 more characters)")


def test_a_curve_spans_its_box():
    assert curve("x", [(2, 3.0), (1, 1.0)]).path == "M44 102L292 10"


def test_a_flat_curve_lies_in_the_middle():
    assert curve("x", [(1, 2.0), (2, 2.0)]).path == "M44 56L292 56"


def test_a_single_point_is_a_dot():
    assert curve("x", [(1, 2.0)]).dots == ((168.0, 56.0),)


def test_the_selected_step_is_placed_on_the_curve():
    assert curve("x", [(0, 0.0), (1, 4.0), (2, 1.0)], selected=1).selected == (168.0, 10.0)


def test_a_selected_step_that_the_curve_does_not_have_is_not_marked():
    drawn = curve("x", [(1, 4.0), (2, 1.0)], selected=0)
    assert drawn.selected is None
    assert drawn.last == "1"
    assert "selected" not in drawn.summary


def test_a_long_curve_is_averaged():
    drawn = curve("x", [(i, float(i)) for i in range(320)])
    assert (drawn.averaged, drawn.path.count("L")) == (2, 159)


def test_rewards_and_losses_are_seen_at_once_and_the_rest_is_folded():
    names = ("value_loss", "kl", "clip_fraction", "reward.tox.raw", "reward.tox.weighted", "score",
             "limit.tox.max.multiplier", "limit.tox.mean")  # fmt: skip
    rows = [{"stage": "ppo", "step": 1, "steps": 1, "metrics": dict.fromkeys(names, 1.0)}]
    (stage,) = stage_curves(rows, [])
    limited = "Limit of tox, max, multiplier"
    assert [c.title for c in stage.main] == ["Total reward", "Reward tox", limited, "KL to the reference", "Value loss"]
    assert [c.title for c in stage.more] == ["reward.tox.weighted", "Limit of tox, mean", "Share clipped"]


def test_values_that_are_not_finite_are_left_out():
    rows = [{"stage": "s", "step": i, "steps": 2, "metrics": {"loss": v}} for i, v in ((1, 1.0), (2, float("nan")))]
    assert stage_curves(rows, [])[0].main[0].last == "1"
