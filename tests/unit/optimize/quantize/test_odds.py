"""How sure one can be of an accuracy that was seen on few samples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeyard.optimize.quantize.odds import Flips, flips_of

COUNTS = st.integers(0, 200)


@given(COUNTS, COUNTS, st.floats(0, 0.1))
def test_more_losses_make_it_less_likely_and_more_gains_more(losses: int, gains: int, max_drop: float) -> None:
    flips = Flips(1000, losses, gains)
    probability = flips.probability_within(max_drop)
    assert 0 <= probability <= 1
    assert Flips(1000, losses + 5, gains).expected_drop > flips.expected_drop
    assert Flips(1000, losses, gains + 5).expected_drop < flips.expected_drop
    assert flips.probability_within(max_drop + 0.01) >= probability


def test_few_flips_are_not_taken_at_their_word() -> None:
    assert Flips(1000, losses=2).expected_drop < 0.002 / 4
    assert Flips(1000, losses=200).expected_drop == pytest.approx(0.2, rel=0.06)


def test_the_odds_are_those_of_the_posterior_distribution() -> None:
    flips = Flips(1000, 12, 6)
    draws = np.random.default_rng(1).beta(5 + 12, 5 + 6, 200_000)
    drops = 18 / 1000 * (2 * draws - 1)
    assert flips.expected_drop == pytest.approx(drops.mean(), abs=1e-4)
    for bound in (0.0, 0.002, 0.005, 0.01):
        assert flips.probability_within(bound) == pytest.approx((drops <= bound).mean(), abs=0.02)


def test_without_labels_few_changes_may_go_either_way_and_many_are_losses() -> None:
    assert 0 < Flips(1000, unknown=10).expected_drop < 0.0002
    assert Flips(1000, unknown=500).expected_drop > 0.45
    assert Flips(1000, unknown=100).probability_within(0.001) < Flips(1000, unknown=2).probability_within(0.001)


def test_flips_are_counted_against_labels() -> None:
    original = np.eye(4, dtype=np.float32)
    scores = original[[0, 2, 2, 3]]
    labels = np.array([0, 1, 3, 3])
    assert flips_of(scores, original, labels) == Flips(4, losses=1, gains=0, agreement=0.75)
    assert flips_of(scores, original, None) == Flips(4, unknown=1, agreement=0.75)
