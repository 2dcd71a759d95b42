"""When a figure from a lab device may be believed."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from edgeyard.domain.lab import STEADY_OVER_S, STEADY_WITHIN_C, LabFigures, is_steady
from edgeyard.domain.statistic import median, median_interval


def test_a_temperature_that_stands_still_long_enough_is_steady() -> None:
    warming = [(float(second), 40.0 + second) for second in range(30)]
    still = [(30.0 + second, 70.0 + 0.3 * (second % 2)) for second in range(int(STEADY_OVER_S) + 1)]
    assert not is_steady([])
    assert not is_steady(warming)
    assert is_steady(warming + still)


def test_a_short_look_is_never_steady() -> None:
    assert not is_steady([(0.0, 70.0), (STEADY_OVER_S - 1, 70.0)])


@given(st.lists(st.floats(20, 90), min_size=30, max_size=60))
def test_steady_means_that_the_last_seconds_moved_little(values: list[float]) -> None:
    temperatures = [(float(second), value) for second, value in enumerate(values)]
    last = values[-int(STEADY_OVER_S) - 1 :]
    assert is_steady(temperatures) == (max(last) - min(last) <= STEADY_WITHIN_C)


def test_the_interval_of_a_median_needs_six_values() -> None:
    assert median_interval([1.0, 2.0, 3.0, 4.0, 5.0]) is None
    assert median_interval([3.0, 1.0, 2.0, 6.0, 5.0, 4.0]) == (1.0, 6.0)
    # Conover 1999: of 20 ordered values the 6th and the 15th.
    assert median_interval([float(value) for value in range(1, 21)]) == (6.0, 15.0)


def test_the_interval_of_a_median_holds_it_as_often_as_it_says() -> None:
    draw = random.Random(5)
    held = 0
    for _ in range(2000):
        interval = median_interval([draw.expovariate(1.0) for _ in range(11)])
        assert interval is not None
        held += interval[0] <= 0.6931471805599453 <= interval[1]
    assert held / 2000 >= 0.95


@given(st.lists(st.floats(-1e6, 1e6), min_size=6, max_size=60))
def test_the_interval_of_a_median_holds_the_median_of_the_sample(values: list[float]) -> None:
    interval = median_interval(values)
    assert interval is not None
    assert interval[0] <= median(values) <= interval[1]


def test_figures_say_in_a_sentence_what_matters() -> None:
    figures = LabFigures(7, 0.1, 0.2, 0.162, 1.62, temperature_end_c=71.2, steady=True, energy_mj=0.5)
    assert figures.sentence == "1.62× faster, 71 °C steady, 0.50 mJ, 7 repetitions"
    assert LabFigures(1, 0.2, 0.2, 0.1, 0.5).sentence == "2.00× slower, 1 repetition"
