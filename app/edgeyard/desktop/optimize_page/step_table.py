"""The steps of a recipe as rows: what each does, where it stands, how long it takes."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, QSize, Qt

from edgeyard.desktop.look.shape import StatusShape
from edgeyard.desktop.optimize_page.study_state import (
    CACHED,
    DONE,
    FAILED,
    PROVES,
    RUNS,
    SPARED,
    WAITS,
    StepRow,
    StudyState,
)
from edgeyard.desktop.plan.evidence_words import duration
from edgeyard.domain.device import DeviceStatus

Index = QModelIndex | QPersistentModelIndex
COLUMNS = ("Step", "State", "Time", "What happened")
STEP, STATE, TIME, TEXT = range(len(COLUMNS))
_WORDS = {
    WAITS: ("Waits", DeviceStatus.OFFLINE),
    RUNS: ("Runs", DeviceStatus.UPDATING),
    PROVES: ("Is proven", DeviceStatus.UPDATING),
    DONE: ("Done", DeviceStatus.HEALTHY),
    CACHED: ("Done before", DeviceStatus.HEALTHY),
    FAILED: ("Not made", DeviceStatus.UNKNOWN),
    SPARED: ("Not needed", DeviceStatus.OFFLINE),
}
_MARK = 16


class StepTableModel(QAbstractTableModel):
    """In the order in which the steps run."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[StepRow] = []

    def show_state(self, state: StudyState) -> None:
        """Take over what is known now."""
        rows = list(state.steps.values())
        if [row.id for row in rows] == [row.id for row in self._rows]:
            before, self._rows = self._rows, rows
            for place, (old, new) in enumerate(zip(before, rows, strict=True)):
                if old != new:
                    self.dataChanged.emit(self.index(place, 0), self.index(place, len(COLUMNS) - 1))
            return
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignTrailing if section == TIME else Qt.AlignmentFlag.AlignLeading
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        row = self._rows[index.row()]
        word, status = _WORDS[row.state]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            percent = f", {row.done:.0%}" if row.state == RUNS and 0 < row.done < 1 else ""
            return (f"{row.id}: {row.title}", f"{word}{percent}", _time(row), row.text)[index.column()]
        if role == Qt.ItemDataRole.DecorationRole and index.column() == STATE:
            return StatusShape.pixmap(status, _MARK, 2.0)
        if role == Qt.ItemDataRole.SizeHintRole and index.column() == STATE:
            return QSize(140, 28)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignTrailing if index.column() == TIME else Qt.AlignmentFlag.AlignLeading
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.ToolTipRole and index.column() == TEXT:
            return row.text or None
        return None


def _time(row: StepRow) -> str:
    if row.took_s is not None and row.state != CACHED:
        return f"{row.took_s:.1f} s" if row.took_s < 60 else duration(row.took_s)
    return f"about {duration(max(1.0, row.cost_s))}" if row.state == WAITS and row.cost_s else ""
