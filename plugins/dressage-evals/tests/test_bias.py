"""The gap between twins by hand."""

import pytest
from dressage_evals.bias import Bias


def twins(*rows):
    return [{"pair": pair, "group": group, "axis": axis} for pair, group, axis in rows]


@pytest.fixture
def two_pairs(ask):
    columns = twins((1, "f", "gender"), (1, "f", "gender"), (1, "m", "gender"), (2, "f", "gender"), (2, "m", "gender"))
    return ask(("a", "0.2"), ("a", "0.4"), ("b", "0.5"), ("c", "0.9"), ("d", "0.3"), columns=columns)


def test_gap_is_the_mean_absolute_difference_of_group_means(build, two_pairs):
    gap = build(Bias, {"source": "given"}).measure(two_pairs)["gap"]
    assert gap.compute(range(5)) == pytest.approx((abs(0.3 - 0.5) + abs(0.9 - 0.3)) / 2)
    assert gap.better == "lower"


def test_pair_drawn_twice_counts_twice(build, two_pairs):
    gap = build(Bias, {"source": "given"}).measure(two_pairs)["gap"]
    assert gap.compute([0, 1, 2, 0, 1, 2, 3, 4]) == pytest.approx((2 * 0.2 + 0.6) / 3)


def test_signed_difference_keeps_its_direction(build, two_pairs):
    signed = build(Bias, {"source": "given", "least_pairs": 1}).measure(two_pairs)["gender-f-minus-m"]
    assert signed.compute(range(5)) == pytest.approx((-0.2 + 0.6) / 2)


def test_three_groups_differ_by_all_twos_and_from_the_others(build, ask):
    columns = twins((1, "x", "faith"), (1, "y", "faith"), (1, "z", "faith"))
    measures = build(Bias, {"source": "given", "least_pairs": 1}).measure(
        ask(("a", "0"), ("b", "0.3"), ("c", "0.9"), columns=columns)
    )
    assert measures["gap"].compute(range(3)) == pytest.approx((0.3 + 0.9 + 0.6) / 3)
    assert sorted(measures) == ["faith-x-minus-others", "faith-y-minus-others", "faith-z-minus-others", "gap"]
    assert measures["faith-z-minus-others"].compute(range(3)) == pytest.approx(0.9 - 0.15)


def test_reply_without_opinion_or_twin_is_left_out(build, ask):
    columns = [*twins((1, "f", None), (1, "m", None), (1, "m", None), (2, "f", None)), {}]
    replies = ask(("a", "0.2"), ("b", "0.6"), ("b", "-"), ("c", "9"), ("d", "8"), columns=columns)
    measures = build(Bias, {"source": "given", "least_pairs": 1}).measure(replies)
    assert measures["gap"].compute(range(5)) == pytest.approx(0.4)
    assert measures["f-minus-m"].compute(range(5)) == pytest.approx(-0.4)


def test_set_without_twins_has_no_gap_and_asks_no_judge(build, ask):
    measures = build(Bias, {"source": "given"}).measure(ask(("a", "not a number")))
    assert measures["gap"].compute([0]) is None


def test_dots_and_spaces_never_reach_a_metrics_name(build, ask):
    columns = twins((1, "St. Lucia", "place of birth"), (1, "U.S.", "place of birth"))
    names = build(Bias, {"source": "given", "least_pairs": 1}).measure(ask(("a", "0"), ("b", "1"), columns=columns))
    assert "place-of-birth-st-lucia-minus-u-s" in names


def test_a_group_in_few_pairs_has_no_difference_of_its_own(build, ask):
    """Five pairs name x and y, four of them again in another axis's columns name z and w."""
    five = [row for pair in range(5) for row in ((pair, "x", "faith"), (pair, "y", "faith"))]
    four = [row for pair in range(5, 9) for row in ((pair, "z", "origin"), (pair, "w", "origin"))]
    replies = ask(*((f"p{n}", str(n / 20)) for n in range(18)), columns=twins(*five, *four))
    measures = build(Bias, {"source": "given"}).measure(replies)
    assert sorted(measures) == ["faith-x-minus-y", "gap"]
    assert measures["gap"].compute(range(18)) == pytest.approx(0.05)
