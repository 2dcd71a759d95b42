"""Names of classes and their numbers: which folder or word is which label."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Preprocessing
from edgeyard.optimize.summary import ModelSummary

_SHOWN = 5


def number_classes(
    words: Iterable[str], preprocessing: Preprocessing, summary: ModelSummary | None, title: str
) -> tuple[dict[str, int], Preprocessing, tuple[str, ...]]:
    """The label of each word; the preprocessing with the classes named; and what was assumed.

    Declared classes decide. Without them words that are all whole numbers are the labels themselves, and others are
    numbered in the order of their letters, when there are as many as the model has classes.

    Raises:
        UserError: a word is no declared class, or the order cannot be known.
    """
    found = sorted(set(words))
    if preprocessing.classes:
        return _declared(found, preprocessing.classes, title), preprocessing, ()
    if all(word.isascii() and word.isdecimal() and len(word) < 10 for word in found):
        return {word: int(word) for word in found}, preprocessing, ()
    classes = summary.classes if summary is not None else None
    if classes is not None and classes != len(found):
        raise UserError(
            f"The {title} has {len(found)} classes ({_some(found)}), but the model tells {classes} apart; which is"
            " which is not declared.",
            'Name all of the model\'s classes in its order in preprocessing.json: "classes": […].',
        )
    note = f"No classes are declared, so they are numbered by name: {_some(found)}."
    numbers = {word: index for index, word in enumerate(found)}
    return numbers, replace(preprocessing, classes=tuple(found)), (note,)


def _declared(found: list[str], classes: tuple[str, ...], title: str) -> dict[str, int]:
    exact = {name: index for index, name in enumerate(classes)}
    folded = {name.casefold(): index for index, name in enumerate(classes)}
    if len(folded) != len(classes):
        folded = {}  # names that differ in case only: no guessing
    labels = {word: exact.get(word, folded.get(word.casefold(), -1)) for word in found}
    unknown = [word for word, label in labels.items() if label < 0]
    if unknown and all(word.isdecimal() and int(word[:9]) < len(classes) for word in found):
        return {word: int(word) for word in found}
    if unknown:
        raise UserError(
            f"The {title} has classes that the preprocessing does not name: {_some(unknown)}.",
            f"Correct the names; declared are: {_some(list(classes))}.",
        )
    return labels


def _some(words: list[str]) -> str:
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return ", ".join(word[:40] for word in words[:_SHOWN]) + more
