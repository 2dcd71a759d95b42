"""Dragging a model version onto a group: what travels, and how groups learn whether they can take it.

Answers need the database, so they cannot be had while the pointer moves: when a drag begins, whoever is installed
answers for every group at once from a worker, and groups read what has arrived.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

import msgspec
from PySide6.QtCore import QMimeData, QObject, Signal
from PySide6.QtGui import QGuiApplication
from shiboken6 import Shiboken

VERSION_MIME = "application/x-edgeyard-version"
_MAX_BYTES = 1000


class DraggedVersion(msgspec.Struct, frozen=True):
    """The version under the pointer (or on the clipboard). `label` is what people call it: `yard-vision 2`."""

    version_id: int
    label: str


@dataclass(frozen=True, slots=True)
class DropAnswer:
    """What a group says to a version. `words`: `12 of 15 · 3 excluded`, or why it cannot take it."""

    accepts: bool
    words: str


Answers = Mapping[int, DropAnswer]
"""By group id."""
Consider = Callable[[DraggedVersion, Callable[[Answers], None]], None]
"""Work out the answers of all groups in the background, then call back on the window's thread."""
Drop = Callable[[DraggedVersion, int], None]
"""Open the plan of this version for the group with this id."""

UNDECIDED = DropAnswer(accepts=False, words="Checking…")


def version_mime(version: DraggedVersion) -> QMimeData:
    """What a drag or the clipboard carries."""
    mime = QMimeData()
    mime.setData(VERSION_MIME, msgspec.json.encode(version))
    mime.setText(version.label)
    return mime


def read_version(mime: QMimeData | None) -> DraggedVersion | None:
    """The version in `mime`, or `None` for anything else; other programs' data is not trusted.

    An empty clipboard has no `QMimeData`, whatever Qt's type hints say.
    """
    if mime is None or not mime.hasFormat(VERSION_MIME):
        return None
    data = bytes(mime.data(VERSION_MIME).data())
    if len(data) > _MAX_BYTES:
        return None
    try:
        return msgspec.json.decode(data, type=DraggedVersion)
    except msgspec.DecodeError:
        return None


def leave_label_on_clipboard() -> None:
    """At the end: of a version that was copied here keep its label, which other programs can paste too.

    Some of Qt's clipboards outlive the interpreter, and deleting an object of Python then crashes.
    """
    clipboard = QGuiApplication.clipboard()
    data = cast(QMimeData | None, clipboard.mimeData())
    if data is not None and Shiboken.createdByPython(data):
        clipboard.setText(clipboard.text())


class DropPlace(QObject):
    """What all groups of a window share during a drag."""

    answers_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.version: DraggedVersion | None = None
        self._answers: Answers = {}
        self._consider: Consider | None = None
        self._drop: Drop | None = None

    def install(self, consider: Consider, drop: Drop) -> None:
        """Say who answers and who takes a drop."""
        self._consider, self._drop = consider, drop

    @property
    def ready(self) -> bool:
        """Whether anything can be dropped at all."""
        return self._consider is not None

    def begin(self, version: DraggedVersion) -> None:
        """A version is in the air; calling it again for the same one changes nothing."""
        if version == self.version or self._consider is None:
            return
        self.version, self._answers = version, {}
        self.answers_changed.emit()
        self._consider(version, lambda answers: self._on_answers(version, answers))

    def end(self) -> None:
        """The drag ended, with or without a drop."""
        self.version, self._answers = None, {}
        self.answers_changed.emit()

    def answer(self, group_id: int) -> DropAnswer:
        """What the group says to the version in the air."""
        return self._answers.get(group_id, UNDECIDED)

    def drop(self, version: DraggedVersion, group_id: int) -> None:
        """Open the plan; nothing starts by this alone."""
        if self._drop is not None:
            self._drop(version, group_id)

    def _on_answers(self, version: DraggedVersion, answers: Answers) -> None:
        if version == self.version:
            self._answers = answers
            self.answers_changed.emit()
