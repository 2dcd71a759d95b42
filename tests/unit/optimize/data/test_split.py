"""Divided data: nothing is judged on what it was made of."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Preprocessing
from edgeyard.optimize.data.split import split_data
from edgeyard.optimize.dataset import Dataset

SHARES = {"calibration": 0.3, "evaluation": 0.7}


def labelled(count: int, classes: int = 4, seed: int = 1) -> Dataset:
    x = np.random.default_rng(seed).normal(size=(count, 6)).astype(np.float32)
    return Dataset(x, np.arange(count) % classes, Preprocessing(classes=("a", "b", "c", "d")[:classes]), "digest")


def contents(dataset: Dataset) -> set[bytes]:
    return {sample.tobytes() for sample in dataset.x}


@given(
    st.lists(st.integers(0, 12), min_size=20, max_size=80),
    st.dictionaries(st.sampled_from(["fit", "select", "judge"]), st.floats(0.2, 0.33), min_size=2, max_size=3),
    st.integers(0, 2**31),
)
def test_parts_share_no_content_and_lose_nothing_that_was_asked_for(
    values: list[int], shares: dict[str, float], seed: int
) -> None:
    x = np.array(values, np.float32)[:, None] * np.ones((1, 3), np.float32)
    dataset = Dataset(x, np.array(values, np.int64) % 3, Preprocessing(), "d")
    try:
        split = split_data(dataset, shares, seed)
    except UserError:
        return
    seen: set[bytes] = set()
    for part in split.parts.values():
        assert not seen & contents(part)
        seen |= contents(part)
        assert part.y is not None
        assert np.array_equal(part.y, part.x[:, 0].astype(np.int64) % 3)
    assert sum(len(part) for part in split.parts.values()) <= len(dataset)


def test_each_class_is_spread_by_the_shares() -> None:
    split = split_data(labelled(400), SHARES, 1)
    for name, each in (("calibration", 30), ("evaluation", 70)):
        part = split.parts[name]
        assert part.y is not None
        assert np.bincount(part.y).tolist() == [each] * 4
        assert part.title == f"{name} set"
    assert split.notes == ()


def test_the_same_seed_gives_the_same_parts_in_any_order_of_the_files() -> None:
    dataset = labelled(100)
    order = np.random.default_rng(5).permutation(100)
    first, again = split_data(dataset, SHARES, 3), split_data(dataset.take(order, "shuffled"), SHARES, 3)
    other = split_data(dataset, SHARES, 4)
    assert contents(first.parts["calibration"]) == contents(again.parts["calibration"])
    assert contents(first.parts["calibration"]) != contents(other.parts["calibration"])
    assert first.parts["calibration"].sha256 != other.parts["calibration"].sha256 != dataset.sha256


def test_the_first_samples_of_a_part_are_of_all_classes() -> None:
    part = split_data(labelled(400), SHARES, 1).parts["evaluation"]
    first = part.first(40).y
    assert first is not None
    assert len(set(first.tolist())) == 4


def test_classes_that_a_part_lacks_are_named() -> None:
    dataset = labelled(101)
    assert dataset.y is not None
    dataset.y[:] = 0
    dataset.y[7] = 3
    split = split_data(dataset, SHARES, 1)
    assert split.notes == ("Classes without a sample in calibration: d.",)


def test_copies_stay_together_and_wrong_labels_are_told() -> None:
    dataset = labelled(60)
    dataset.x[30:] = dataset.x[:30]
    assert dataset.y is not None
    dataset.y[30:] = (dataset.y[:30] + 1) % 4
    split = split_data(dataset, SHARES, 1)
    assert not contents(split.parts["calibration"]) & contents(split.parts["evaluation"])
    assert split.notes[0].startswith("30 samples are copies")
    assert split.notes[1].startswith("30 samples occur with different labels")


def test_unlabelled_samples_are_divided_too_and_a_rest_may_be_left() -> None:
    dataset = Dataset(labelled(100).x, None, Preprocessing(), "d")
    split = split_data(dataset, {"calibration": 0.2, "evaluation": 0.3}, 1)
    assert {name: len(part) for name, part in split.parts.items()} == {"calibration": 20, "evaluation": 30}
    assert split.parts["evaluation"].y is None


def test_too_few_samples_are_refused() -> None:
    dataset = labelled(4)
    dataset.x[:] = 1
    with pytest.raises(UserError, match=r"4 samples \(1 different ones\)"):
        split_data(dataset, SHARES, 1)


def test_shares_that_make_no_sense_are_our_bug() -> None:
    for shares in ({"a": 0.7, "b": 0.7}, {"a": 0.0}):
        with pytest.raises(ValueError):
            split_data(labelled(8), shares, 1)
