"""Changes that can be undone: labels and groups. Each is a function that returns what undoing needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from edgeyard.desktop.bridge import Bridge
from edgeyard.domain.error import UserError

if TYPE_CHECKING:
    from edgeyard.commands.workspace import Workspace

MAX_STEPS = 100


@dataclass(frozen=True, slots=True)
class Edit:
    """`title` says what it does (`Label 3 devices`). `do` returns what `undo` is then given."""

    title: str
    do: Callable[[Workspace], Any]
    undo: Callable[[Workspace, Any], object]


class EditHistory(QObject):
    """What was done, in order. Edits run one at a time on the bridge's workers, so that their order holds."""

    changed = Signal()
    done = Signal(str)
    undone = Signal(str)
    failed = Signal(object)
    """`UserError`: the edit did not happen and is not in the history."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self._bridge = bridge
        self._past: list[tuple[Edit, Any]] = []
        self._future: list[Edit] = []
        self._waiting: list[Callable[[], None]] = []
        self._busy = False

    def undo_title(self) -> str:
        """What undo would take back, or nothing."""
        return self._past[-1][0].title if self._past else ""

    def redo_title(self) -> str:
        """What redo would do again, or nothing."""
        return self._future[-1].title if self._future else ""

    def apply(self, edit: Edit, then: Callable[[], object] | None = None) -> None:
        """Do `edit`; `then` is called after it was done."""
        self._enqueue(lambda: self._do(edit, keep_future=False, then=then))

    def undo(self) -> None:
        """Take the last edit back."""
        self._enqueue(self._undo_last)

    def redo(self) -> None:
        """Do again what was taken back last."""
        self._enqueue(self._redo_last)

    def _enqueue(self, step: Callable[[], None]) -> None:
        self._waiting.append(step)
        self._next()

    def _next(self) -> None:
        while self._waiting and not self._busy:
            self._waiting.pop(0)()

    def _do(self, edit: Edit, *, keep_future: bool, then: Callable[[], object] | None = None) -> None:
        def arrived(result: Any) -> None:
            self._past = [*self._past, (edit, result)][-MAX_STEPS:]
            if not keep_future:
                self._future.clear()
            self.done.emit(edit.title)
            if then is not None:
                then()
            self._finish()

        self._run(edit.do, arrived)

    def _undo_last(self) -> None:
        if not self._past:
            return
        edit, result = self._past.pop()

        def arrived(_: Any) -> None:
            self._future.append(edit)
            self.undone.emit(edit.title)
            self._finish()

        self._run(lambda workspace: edit.undo(workspace, result), arrived)

    def _redo_last(self) -> None:
        if self._future:
            self._do(self._future.pop(), keep_future=True)

    def _run(self, work: Callable[[Workspace], Any], arrived: Callable[[Any], None]) -> None:
        self._busy = True
        self._bridge.run(work, arrived, self._on_failed)

    def _on_failed(self, error: UserError) -> None:
        self.failed.emit(error)
        self._finish()

    def _finish(self) -> None:
        self._busy = False
        self.changed.emit()
        self._next()
