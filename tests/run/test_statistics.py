"""Intervals against hand-computed numbers, a slow reference, and simulated truth."""

import math
import time

import numpy as np
import pytest
from dressage.run.statistics import Estimate, change, estimate, wilson
from dressage.spec.types import Statistic, Values


def rates(*values):
    return Values(values, rate=True)


def test_wilson_of_half_of_ten():
    assert wilson(5, 10) == pytest.approx((0.236593, 0.763407), abs=1e-6)


def test_wilson_of_none_of_ten_starts_at_zero():
    low, high = wilson(0, 10)
    assert low == 0.0
    assert high == pytest.approx(3.841459 / 13.841459, abs=1e-6)  # z^2 / (n + z^2)


def test_wilson_without_trials_says_nothing():
    assert wilson(0, 0) == (0.0, 1.0)


def test_rate_with_one_reply_a_prompt_is_wilsons():
    assert estimate(rates(1, 0, 1, 0, 1, 0, 1, 0, 1, 0), range(10)) == Estimate(0.5, *wilson(5, 10), 10)


def test_none_leaves_the_mean_and_the_count():
    found = estimate(Values([2.0, None, 4.0, None]), [0, 0, 1, 2])
    assert (found.value, found.n) == (3.0, 2)


def test_measure_that_applies_nowhere_has_no_estimate():
    assert estimate(Values([None, None]), [0, 1]) is None
    assert estimate(Values([]), []) is None
    assert estimate(Statistic(lambda indices: None), [0, 1]) is None


def test_interval_equals_a_slow_bootstrap():
    rng = np.random.default_rng(3)
    clusters = [0, 0, 0, 1, 2, 2, 3, 4, 4, 5, 5, 5, 6, 7, 8, 9, 9]
    values = rng.normal(size=len(clusters)).tolist()
    means = []
    for _ in range(20000):
        drawn = rng.integers(10, size=10)
        rows = [v for d in drawn for v, c in zip(values, clusters) if c == d]
        means.append(sum(rows) / len(rows))
    level = 0.0086  # Phi(-sqrt(10 / 9) * 2.2622), Student's 97.5 % point at 9 degrees of freedom
    found = estimate(Values(values), clusters, resamples=20000)
    assert found.low == pytest.approx(np.quantile(means, level), abs=0.03)
    assert found.high == pytest.approx(np.quantile(means, 1 - level), abs=0.03)


def test_statistic_and_values_of_the_same_mean_agree():
    values = np.random.default_rng(4).normal(size=120)
    clusters = np.arange(120) // 4
    mean = Statistic(lambda indices: float(values[list(indices)].mean()))
    slow, fast = estimate(mean, clusters), estimate(Values(values.tolist()), clusters)
    assert slow.value == pytest.approx(fast.value)
    assert slow.low == pytest.approx(fast.low, abs=0.06)
    assert slow.high == pytest.approx(fast.high, abs=0.06)


def test_statistic_sees_whole_clusters_with_repeats():
    seen = []
    estimate(Statistic(lambda indices: seen.append(list(indices)) or 0.0), [7, 7, 3], resamples=50)
    assert seen[0] == [0, 1, 2]
    assert {tuple(sorted(rows)) for rows in seen[1:]} == {(0, 0, 1, 1), (0, 1, 2), (2, 2)}


def test_statistic_is_recomputed_at_most_200_times():
    calls = []
    estimate(Statistic(lambda indices: calls.append(1) or 0.0), [0, 1], resamples=1000)
    assert len(calls) == 201


def test_resamples_where_a_statistic_is_undefined_are_left_out():
    found = estimate(Statistic(lambda rows: float(max(rows)) if 0 in rows else None), [0, 1, 2, 3])
    assert (found.value, found.high) == (3.0, 3.0)


def test_clustering_widens_the_interval():
    values = np.repeat(np.random.default_rng(5).integers(2, size=50), 4)
    alone = estimate(rates(*values), np.arange(200))
    together = estimate(rates(*values), np.arange(200) // 4)
    assert together.high - together.low > 1.8 * (alone.high - alone.low)


@pytest.mark.parametrize(("value", "ends"), [(0, wilson(0, 10)), (1, wilson(10, 10))])
def test_constant_rate_gets_wilsons_interval_on_clusters(value, ends):
    found = estimate(rates(*[value] * 40), np.arange(40) // 4)
    assert (found.low, found.high) == pytest.approx(ends)


def test_one_more_case_never_tightens_the_upper_end():
    clusters = np.arange(40) // 4
    highs = [estimate(rates(*[1] * cases, *[0] * (40 - cases)), clusters).high for cases in range(5)]
    assert highs == sorted(highs)


def test_single_prompt_bounds_a_rate_but_no_mean():
    assert estimate(rates(0, 0, 0), [0, 0, 0]).high == pytest.approx(wilson(0, 1)[1])
    assert estimate(Values([1.0, 2.0]), [0, 0]) == Estimate(1.5, -math.inf, math.inf, 2)


def test_interval_covers_the_truth_on_clustered_normals():
    rng = np.random.default_rng(6)
    hits = 0
    for trial in range(300):
        values = np.repeat(rng.normal(size=12), 3) + rng.normal(size=36)
        found = estimate(Values(values.tolist()), np.arange(36) // 3, resamples=400, seed=trial)
        hits += found.low <= 0 <= found.high
    assert 0.91 <= hits / 300 <= 0.99  # unclustered, the same data are covered .80 of the time


@pytest.mark.parametrize("truth", [0.03, 0.3])
def test_interval_covers_a_clustered_rate(truth):
    rng = np.random.default_rng(7)
    hits = 0
    for trial in range(300):
        chance = np.repeat(rng.beta(truth, 1 - truth, 40), 4)
        found = estimate(rates(*(rng.random(160) < chance)), np.arange(160) // 4, resamples=300, seed=trial)
        hits += found.low <= truth <= found.high
    assert 0.91 <= hits / 300 <= 0.99


def test_change_is_after_minus_before():
    found = change(Values([1.0, 2.0, None, 4.0]), Values([2.0, 4.0, 6.0, None]), [0, 1, 1, 2])
    assert found.value == pytest.approx(4.0 - 7 / 3)
    assert found.n == 3


def test_change_pairs_the_prompts():
    before = np.random.default_rng(8).normal(scale=10, size=40)
    found = change(Values(before.tolist()), Values((before + 1).tolist()), range(40))
    assert (found.low, found.high) == pytest.approx((1.0, 1.0))


def test_change_of_statistics_pairs_the_prompts():
    before = np.random.default_rng(8).normal(scale=10, size=40)
    first = Statistic(lambda rows: float(before[list(rows)].mean()))
    second = Statistic(lambda rows: float(before[list(rows)].mean()) + 1)
    found = change(first, second, range(40))
    assert (found.value, found.low, found.high) == pytest.approx((1.0, 1.0, 1.0))


def test_rate_that_did_not_move_keeps_an_interval():
    found = change(rates(*[0] * 10), rates(*[0] * 10), range(10))
    assert (found.low, found.value, found.high) == pytest.approx((-wilson(0, 10)[1], 0.0, wilson(0, 10)[1]))


def test_rate_that_turned_everywhere_stays_within_one():
    found = change(rates(*[1] * 10), rates(*[0] * 10), range(10))
    assert (found.low, found.value, found.high) == pytest.approx((-1.0, -1.0, -1.0 + wilson(0, 10)[1]))


def test_change_is_unknown_where_one_side_is():
    assert change(Values([None]), Values([1.0]), [0]) is None
    assert change(Statistic(lambda rows: None), Statistic(lambda rows: 1.0), [0]) is None


def test_same_seed_same_interval():
    values, clusters = Values(list(map(float, range(20)))), [i // 2 for i in range(20)]
    assert estimate(values, clusters, seed=1) == estimate(values, clusters, seed=1)
    assert estimate(values, clusters, seed=1) != estimate(values, clusters, seed=2)


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        (Values([1.0]), "1 values for 2 responses"),
        (Values([1.0, math.nan]), "response 1 is nan"),
        (Values([0.0, 0.5], rate=True), "other than 0 and 1"),
        (Statistic(lambda rows: math.inf), "not finite"),
    ],
)
def test_unusable_values_are_refused(measure, message):
    with pytest.raises(ValueError, match=message):
        estimate(measure, [0, 1])


def test_values_are_never_compared_with_a_statistic():
    with pytest.raises(ValueError, match="same measure"):
        change(Values([1.0]), Statistic(lambda rows: 1.0), [0])


def test_five_hundred_replies_take_under_a_fifth_of_a_second():
    values = Values(np.random.default_rng(9).normal(size=500).tolist())
    begin = time.process_time()
    estimate(values, range(500))
    change(values, values, range(500))
    assert time.process_time() - begin < 0.2
