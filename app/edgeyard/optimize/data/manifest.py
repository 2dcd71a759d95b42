"""A CSV file that lists samples: a column `file`, and a column `label` with class numbers or names."""

from __future__ import annotations

import csv
import io
from pathlib import Path, PurePosixPath, PureWindowsPath

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Preprocessing
from edgeyard.optimize.data.class_names import number_classes
from edgeyard.optimize.data.collect import MAX_FILES, Entry
from edgeyard.optimize.summary import ModelSummary

MAX_BYTES = 32 << 20
_EXAMPLE = "Its first line is file,label; each line after it names an image below its folder and its class."


def list_manifest(
    path: Path, preprocessing: Preprocessing, summary: ModelSummary | None, title: str
) -> tuple[list[Entry], Preprocessing, tuple[str, ...]]:
    """Its samples in their order, the preprocessing with the classes named, and notes.

    Raises:
        UserError: too large, no CSV in UTF-8, a path that leads out of its folder, or labels in some lines only.
    """
    rows = _read_rows(path, title)
    for line, name, _ in rows:
        _refuse_path(name, line, title)
    words = [label for _, _, label in rows]
    if not any(words):
        return [Entry(path.parent / name, name, None) for _, name, _ in rows], preprocessing, ()
    bare = next((line for line, _, label in rows if not label), None)
    if bare is not None:
        raise UserError(f"Line {bare} of the {title} {path.name} has no label.", "Label every line, or none.")
    labels, preprocessing, notes = number_classes(words, preprocessing, summary, title)
    return [Entry(path.parent / name, name, labels[word]) for _, name, word in rows], preprocessing, notes


def _read_rows(path: Path, title: str) -> list[tuple[int, str, str]]:
    """Line number, file and label (empty where there is none)."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UserError(f"The {title} {path.name} is over {MAX_BYTES >> 20} MiB.", "List fewer files.")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"The {title} {path} cannot be read ({error.strerror}).", "Check the path.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"The {title} {path.name} is not text in UTF-8.", _EXAMPLE) from error
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    rows: list[tuple[int, str, str]] = []
    try:
        columns = [(name or "").strip().casefold() for name in reader.fieldnames or ()]
        if "file" not in columns or len(set(columns)) != len(columns):
            raise UserError(f"The {title} {path.name} has no column file.", _EXAMPLE)
        reader.fieldnames = columns
        for row in reader:
            if None in row or row.get("file") is None:
                raise UserError(f"Line {reader.line_num} of the {title} {path.name} has other columns.", _EXAMPLE)
            rows.append((reader.line_num, row["file"].strip(), (row.get("label") or "").strip()))
            if len(rows) > MAX_FILES:
                raise UserError(f"The {title} lists more than {MAX_FILES:,} files.", "List fewer.")
    except csv.Error as error:
        raise UserError(f"Line {reader.line_num} of the {title} {path.name} is no CSV ({error}).", _EXAMPLE) from error
    return rows


def _refuse_path(name: str, line: int, title: str) -> None:
    """Relative, and below the manifest's folder, in the words of any system."""
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    leads_out = posix.is_absolute() or windows.drive or windows.root or ".." in (*posix.parts, *windows.parts)
    if not name or leads_out or "\0" in name:
        raise UserError(
            f"Line {line} of the {title} names the file {name[:80]!r}, which is not below its folder.",
            "Use paths relative to the manifest, inside its folder.",
        )
