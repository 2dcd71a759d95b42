"""Divide a data set so that nothing is judged on what it was made of.

Samples with equal bytes stay together, so that no copy of a calibration sample is judged; classes are spread over the
parts by their shares; and the result depends on the seed and the content only, not on the order of the files.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeyard.domain.error import UserError
from edgeyard.optimize.dataset import Dataset

_NO_LABEL = -1
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Split:
    """The parts by name, and what there is to know about them, a sentence each."""

    parts: dict[str, Dataset]
    notes: tuple[str, ...] = ()


def split_data(dataset: Dataset, shares: Mapping[str, float], seed: int) -> Split:
    """Divide `dataset` into parts by `shares` (each above 0, together at most 1; what is left over goes nowhere).

    The samples of a part are in random order, so that the first of them are a sample of all classes.

    Raises:
        UserError: a part would be empty.
    """
    if any(share <= 0 for share in shares.values()) or sum(shares.values()) > 1 + 1e-9:
        raise ValueError(f"shares must be above 0 and at most 1 together: {dict(shares)}")
    groups = _groups(dataset)
    rng = np.random.default_rng(seed)
    chosen: dict[str, list[int]] = {name: [] for name in shares}
    by_class: dict[int, list[list[int]]] = defaultdict(list)
    for group in groups:
        by_class[_NO_LABEL if dataset.y is None else int(dataset.y[group[0]])].append(group)
    # What is not dealt is a part without a name, so that the others keep to their shares.
    weights = {**shares, "": 1 - sum(shares.values())}
    weights = {name: share for name, share in weights.items() if share > 1e-9}
    dealt = dict.fromkeys(weights, 0)
    for label in sorted(by_class):
        members = by_class[label]
        for name, given in _deal([members[index] for index in rng.permutation(len(members))], weights, dealt):
            if name:
                chosen[name].extend(given)
    parts = {}
    for name, positions in chosen.items():
        if not positions:
            raise UserError(
                f"The {dataset.title} has {len(dataset)} samples ({len(groups)} different ones): too few for {name}.",
                "Use more samples.",
            )
        order = rng.permutation(len(positions))
        parts[name] = dataset.take(np.array(positions, np.int64)[order], f"{name} set")
    return Split(parts, _notes(dataset, groups, parts))


def _groups(dataset: Dataset) -> list[list[int]]:
    """Positions of equal samples, ordered by what they hold."""
    equal: dict[bytes, list[int]] = defaultdict(list)
    for position in range(len(dataset)):
        sample = np.ascontiguousarray(dataset.x[position])
        equal[hashlib.blake2b(sample.tobytes(), digest_size=16).digest()].append(position)
    return [equal[key] for key in sorted(equal)]


def _deal(
    groups: Sequence[Sequence[int]], weights: Mapping[str, float], dealt: dict[str, int]
) -> Iterator[tuple[str, Sequence[int]]]:
    """Deal the groups of one class: each to the part that lacks most of its share of this class so far.

    Of parts that lack alike, the one that lacks most over all classes (`dealt`, which is brought up to date).
    """
    here = dict.fromkeys(weights, 0)
    total = 0
    for group in groups:
        total += len(group)
        everything = sum(dealt.values()) + len(group)

        def lack(name: str, total: int = total, everything: int = everything) -> tuple[float, float, str]:
            # By the root of the weight: with few samples, small parts get one before large ones get a second.
            scale = weights[name] ** 0.5
            of_class = (weights[name] * total - here[name]) / scale
            return round(of_class, 9), (weights[name] * everything - dealt[name]) / scale, name

        name = max(weights, key=lack)
        here[name] += len(group)
        dealt[name] += len(group)
        yield name, group


def _notes(dataset: Dataset, groups: Sequence[Sequence[int]], parts: Mapping[str, Dataset]) -> tuple[str, ...]:
    notes = []
    copies = len(dataset) - len(groups)
    if copies:
        notes.append(f"{copies} samples are copies of others; copies stay in one part.")
    if dataset.y is None:
        return tuple(notes)
    torn = sum(len({int(label) for label in dataset.y[list(group)]}) > 1 for group in groups if len(group) > 1)
    if torn:
        notes.append(f"{torn} samples occur with different labels: some labels are wrong.")
    for name, part in parts.items():
        missing = missing_classes(dataset.y, part.y)
        if missing:
            named = ", ".join(_class_name(dataset, label) for label in missing[:_NAMED])
            more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
            notes.append(f"Classes without a sample in {name}: {named}{more}.")
    return tuple(notes)


def missing_classes(labels: NDArray[np.int64], part: NDArray[np.int64] | None) -> list[int]:
    """Labels that occur in the whole, but not in the part."""
    return sorted(set(labels.tolist()) - set(() if part is None else part.tolist()))


def _class_name(dataset: Dataset, label: int) -> str:
    names = dataset.preprocessing.classes
    return names[label] if label < len(names) else str(label)
