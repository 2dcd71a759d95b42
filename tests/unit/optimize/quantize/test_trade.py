"""Noise against time, for every price of time."""

from itertools import combinations, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from edgeyard.optimize.quantize.trade import LayerTrade, float_sets

POSITIVE = st.floats(0.01, 100)
LAYERS = st.lists(st.tuples(POSITIVE, POSITIVE, st.floats(0, 10)), min_size=1, max_size=6).map(
    lambda rows: [LayerTrade(f"layer{i}", *row) for i, row in enumerate(rows)]
)


def noise(layers: list[LayerTrade], kept: frozenset[str]) -> float:
    return sum(layer.noise for layer in layers if layer.name not in kept)


def time_us(layers: list[LayerTrade], kept: frozenset[str]) -> float:
    total, before = 0.0, None
    for layer in layers:
        now = layer.name in kept
        total += layer.cost_us * now + (layer.convert_us if before is not None and now != before else 0)
        before = now
    return total


@given(LAYERS)
def test_sets_go_from_all_integers_to_all_floats_with_less_noise_for_more_time(layers: list[LayerTrade]) -> None:
    sets = float_sets(layers)
    assert sets[0] == frozenset()
    assert len(sets[-1]) == len(layers)
    noises = [noise(layers, kept) for kept in sets]
    times = [time_us(layers, kept) for kept in sets]
    # All floats at the end may be cheaper than what is nearly that: nothing is converted there.
    assert noises == sorted(noises, reverse=True)
    assert all(one <= other + 1e-6 for one, other in pairwise(times[:-1]))


@settings(max_examples=50)
@given(LAYERS)
def test_no_other_set_is_better_in_both(layers: list[LayerTrade]) -> None:
    names = [layer.name for layer in layers]
    every = [frozenset(some) for size in range(len(names) + 1) for some in combinations(names, size)]
    for kept in float_sets(layers)[1:-1]:
        own_noise, own_time = noise(layers, kept), time_us(layers, kept)
        assert not any(
            noise(layers, other) < own_noise * 0.999 and time_us(layers, other) < own_time * 0.999 for other in every
        )


def test_fixed_layers_are_in_every_set_and_cost_nothing() -> None:
    layers = [LayerTrade("a", 1, 100, 1, fixed=True), LayerTrade("b", 5, 1, 1), LayerTrade("c", 1, 50, 1)]
    sets = float_sets(layers)
    assert sets[0] == {"a"}
    assert sets[1] == {"a", "b"}
    assert sets[-1] == {"a", "b", "c"}
