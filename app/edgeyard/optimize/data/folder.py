"""A folder with one folder per class, images or .npy files in each; or files without classes, as unlabelled samples."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Preprocessing
from edgeyard.optimize.data import image
from edgeyard.optimize.data.class_names import number_classes
from edgeyard.optimize.data.collect import ARRAY_SUFFIX, MAX_FILES, Entry
from edgeyard.optimize.summary import ModelSummary

MAX_DEPTH = 4
"""Folders below a class."""
MAX_CLASSES = 10_000
_SUFFIXES = (*image.SUFFIXES, ARRAY_SUFFIX)
_PARTS = frozenset({"train", "training", "test", "testing", "val", "valid", "validation"})


def list_folder(
    folder: Path, preprocessing: Preprocessing, summary: ModelSummary | None, title: str
) -> tuple[list[Entry], Preprocessing, tuple[str, ...]]:
    """Its samples sorted by class and name, the preprocessing with the classes named, and notes.

    Hidden files and folders are ignored, and so are files of other kinds.

    Raises:
        UserError: it cannot be read, holds too much, or the classes cannot be told.
    """
    try:
        inside = sorted(os.scandir(folder), key=lambda item: item.name)
        classes = [item.name for item in inside if item.is_dir() and _is_shown(item.name)]
        loose = [item.name for item in inside if _is_sample(item.name) and item.is_file()]
    except OSError as error:
        raise UserError(f"The {title} {folder} cannot be read ({error.strerror}).", "Check its permissions.") from error
    if not classes:
        return [Entry(folder / name, name, None) for name in loose], preprocessing, ()
    if {name.casefold() for name in classes} <= _PARTS:
        raise UserError(
            f"The {title} {folder.name} holds {' and '.join(classes)}, which are data sets themselves.",
            f"Choose one of them: {folder / classes[0]}.",
        )
    if len(classes) > MAX_CLASSES:
        raise UserError(f"The {title} holds {len(classes):,} folders.", f"At most {MAX_CLASSES:,} classes are read.")
    files = {name: sorted(_below(folder / name, name, 0)) for name in classes}
    files = {name: found for name, found in files.items() if found}
    if not files:
        return [], preprocessing, ()
    labels, preprocessing, notes = number_classes(files, preprocessing, summary, title)
    if loose:
        notes += (f"{len(loose)} files lie in no class folder and were left out.",)
    empty = len(classes) - len(files)
    if empty:
        notes += (f"{empty} folders hold no samples.",)
    entries = [Entry(folder / name, name, labels[word]) for word, found in files.items() for name in found]
    return entries, preprocessing, notes


def _below(folder: Path, prefix: str, depth: int) -> Iterator[str]:
    """Names of samples relative to the data set. Links to folders are not followed: they can go in circles."""
    if depth > MAX_DEPTH:
        return
    count = 0
    with os.scandir(folder) as items:
        for item in items:
            name = f"{prefix}/{item.name}"
            if not _is_shown(item.name):
                continue
            if item.is_dir(follow_symlinks=False):
                yield from _below(folder / item.name, name, depth + 1)
            elif _is_sample(item.name):
                count += 1
                if count > MAX_FILES:
                    return  # `collect` refuses that many
                yield name


def _is_shown(name: str) -> bool:
    return not name.startswith((".", "__MACOSX"))


def _is_sample(name: str) -> bool:
    return _is_shown(name) and name.lower().endswith(_SUFFIXES)
