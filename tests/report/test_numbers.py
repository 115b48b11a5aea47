import math

import pytest
from dressage.run.report.numbers import difference, duration, interval, number, quantity, size


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (134515008, "134,515,008"), (-3, "−3"), (0.0370, "0.037"), (2.0, "2"), (40.0, "40"), (100.0, "100"),
     (1234.5, "1,234"), (0.8604, "0.86"), (-0.5256, "−0.526"), (0.00441, "0.00441"), (3.2e-7, "3.2e−7"),
     (None, "–"), (math.nan, "–"), (math.inf, "–"), (True, "–"), ("x", "–")],
)  # fmt: skip
def test_numbers_of_labels(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "rate", "text"),
    [(0.312, True, "31.2%"), (0.0, True, "0.0%"), (1.0, True, "100.0%"), (-0.00001, True, "0.0%"),
     (21.42, False, "21.4"), (0.0610, False, "0.061"), (0.513, False, "0.513"), (0.0, False, "0.00")],
)  # fmt: skip
def test_values_of_figures(value, rate, text):
    assert quantity(value, rate=rate) == text


def test_a_change_of_a_rate_is_in_points_with_a_sign():
    assert [difference(v, rate=True) for v in (0.0894, -0.228, 0.0)] == ["+8.9", "−22.8", "0.0"]


def test_an_interval_has_the_precision_of_its_value():
    assert interval(20.624, 22.2, like=21.42) == "20.6 to 22.2"


def test_an_interval_of_a_rate_names_the_unit_once():
    assert interval(0.272, 0.352, rate=True) == "27.2 to 35.2%"


def test_an_interval_of_a_change_has_signs():
    assert interval(-0.276, 0.02, rate=True, signed=True) == "−27.6 to +2.0"


def test_an_unbounded_interval_is_none():
    assert interval(-math.inf, math.inf) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.42, "0.4 s"),
        (9.97, "10 s"),
        (59.6, "1 min 0 s"),
        (185, "3 min 5 s"),
        (7500, "2 h 5 min"),
        (3599.9, "1 h 0 min"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(512, "512 bytes"), (3 << 20, "3.0 MiB"), (3650722201, "3.4 GiB")])
def test_sizes(count, text):
    assert size(count) == text
