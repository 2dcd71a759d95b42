"""Statistics against published figures, and properties that hold for every table."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeyard.domain.statistic import mcnemar_p, paired_difference_interval, wilson_interval

counts = st.integers(0, 400)


def test_the_paired_interval_is_the_published_one() -> None:
    # Newcombe 1998, Statistics in Medicine 17:2635, table II, method 10.
    assert paired_difference_interval(36, 12, 2, 0) == pytest.approx((0.2, 0.0569, 0.3404), abs=5e-5)


@given(counts, counts, counts, counts)
def test_the_paired_interval_holds_the_difference_and_turns_with_it(
    both: int, gained: int, lost: int, neither: int
) -> None:
    difference, low, high = paired_difference_interval(both, gained, lost, neither)
    assert -1 <= low <= difference <= high <= 1 or (low == -1 and high == 1)
    turned = paired_difference_interval(both, lost, gained, neither)
    assert turned == pytest.approx((-difference, -high, -low))


def test_the_paired_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng, chances, covered = np.random.default_rng(0), [0.75, 0.04, 0.06, 0.15], 0
    for both, gained, lost, neither in rng.multinomial(500, chances, size=2000):
        _, low, high = paired_difference_interval(int(both), int(gained), int(lost), int(neither))
        covered += low <= -0.02 <= high
    assert 0.94 <= covered / 2000 <= 0.985


@pytest.mark.parametrize(
    ("gained", "lost", "p"),
    [(0, 0, 1.0), (5, 5, 1.0), (0, 1, 1.0), (2, 12, 2 * (1 + 14 + 91) / 2**14), (0, 6, 2 / 2**6)],
)
def test_the_exact_test_is_the_binomial_one(gained: int, lost: int, p: float) -> None:
    assert mcnemar_p(gained, lost) == pytest.approx(p)
    assert mcnemar_p(lost, gained) == pytest.approx(p)


def test_the_exact_test_does_not_overflow() -> None:
    assert 0 <= mcnemar_p(40_000, 60_000) < 1e-100
    assert mcnemar_p(50_000, 50_010) > 0.9


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_the_wilson_interval_holds_the_share(hits: int, more: int) -> None:
    low, high = wilson_interval(hits, hits + more)
    assert 0 <= low <= high <= 1
    if hits + more:
        assert low <= hits / (hits + more) <= high
