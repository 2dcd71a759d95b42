"""The devices of a rollout as rows: filtered and sorted on an index of our own, whatever their number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from edgeyard.desktop.rollouts_page.picture import DeviceRow, RolloutPicture
from edgeyard.desktop.rollouts_page.rollout_words import KIND_WORD, evidence_text, execution_word
from edgeyard.desktop.widget import words

Index = QModelIndex | QPersistentModelIndex
COLUMNS = ("Device", "Wave", "State", "Since", "Evidence", "Reason")
DEVICE, WAVE, STATE, SINCE, EVIDENCE, REASON = range(len(COLUMNS))
ROW_ROLE = int(Qt.ItemDataRole.UserRole)

_KEYS: tuple[Callable[[DeviceRow], Any], ...] = (
    lambda row: row.order,
    lambda row: (row.wave, row.order),
    lambda row: (row.kind, row.latest.state.value, row.order),
    lambda row: -row.latest.state_since,
    lambda row: row.told.evidence.accuracy if row.told.evidence and row.told.evidence.accuracy is not None else 2.0,
    lambda row: (not row.told.reason, row.told.reason),
)


class ExecutionTableModel(QAbstractTableModel):
    """Rows are devices; the order changes only when the person sorts, filters, or devices come."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.now = 0.0
        self._all: tuple[DeviceRow, ...] = ()
        self._order: list[int] = []
        self._wanted: list[str] = []
        self._column, self._descending = WAVE, False

    def show_picture(self, picture: RolloutPicture) -> None:
        """Take over a reading."""
        self.now = picture.at
        same = [row.device_id for row in self._all] == [row.device_id for row in picture.rows]
        self._all = picture.rows
        if same and not self._wanted:
            # Figures changed, rows stay under the pointer; sorting again is the person's wish, not ours.
            if self._order:
                last = self.index(len(self._order) - 1, len(COLUMNS) - 1)
                self.dataChanged.emit(self.index(0, 0), last)
            return
        self._rearrange()

    def set_now(self, now: float) -> None:
        """Time has passed: the ages are others."""
        self.now = now
        if self._order:
            self.dataChanged.emit(self.index(0, SINCE), self.index(len(self._order) - 1, SINCE))

    def set_filter(self, text: str) -> None:
        """Keep devices in which every word occurs: in the name, `wave 2`, the state, or the reason."""
        self._wanted = text.lower().replace("wave ", "wave-").replace("wave:", "wave-").split()
        self._rearrange()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._column, self._descending = column, order == Qt.SortOrder.DescendingOrder
        self._rearrange()

    def row_at(self, index: Index) -> DeviceRow | None:
        """The device behind an index."""
        if not index.isValid() or index.row() >= len(self._order):
            return None
        return self._all[self._order[index.row()]]

    def place_of(self, device_id: str) -> int:
        """The table row of a device, or -1 when it is filtered out."""
        places = (place for place, row in enumerate(self._order) if self._all[row].device_id == device_id)
        return next(places, -1)

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._order)

    def columnCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        if role == Qt.ItemDataRole.ToolTipRole and section == EVIDENCE:
            return "Measured on the device itself; in brackets what its previous model reached there"
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.row_at(index)
        if row is None:
            return None
        if role == ROW_ROLE:
            return row
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return self._text(row, index.column())
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._why(row, index.column())
        return None

    def _text(self, row: DeviceRow, column: int) -> str:
        match column:
            case 0:
                return row.device_id
            case 1:
                return str(row.wave + 1)
            case 2:
                return execution_word(row.latest)
            case 3:
                return words.ago(self.now - row.latest.state_since)
            case 4:
                return evidence_text(row.told)
            case _:
                return row.told.reason

    @staticmethod
    def _why(row: DeviceRow, column: int) -> str | None:
        if column == SINCE:
            return words.both_clocks(row.latest.state_since)
        if column == STATE:
            return KIND_WORD[row.kind].capitalize()
        return row.told.reason or None if column == REASON else None

    def _matches(self, row: DeviceRow) -> bool:
        parts = (
            row.device_id,
            f"wave-{row.wave + 1}",
            execution_word(row.latest),
            KIND_WORD[row.kind],
            row.told.reason,
        )
        text = " ".join(parts).lower()
        return all(word in text for word in self._wanted)

    def _rearrange(self) -> None:
        self.beginResetModel()
        kept = [number for number, row in enumerate(self._all) if not self._wanted or self._matches(row)]
        key = _KEYS[self._column]
        kept.sort(key=lambda number: key(self._all[number]), reverse=self._descending)
        self._order = kept
        self.endResetModel()
