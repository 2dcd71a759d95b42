"""The device table's model: a fleet frame, seen through an array of row numbers that holds filter and order.

Filter and order are worked out when asked (`arrange`), not with every change: a row keeps its place while figures in it
change, until the view says that nobody is pointing at it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QMimeData, QModelIndex, QPersistentModelIndex, Qt

from edgeyard.desktop.fleet_frame import EMPTY_FRAME, FleetFrame, Rows
from edgeyard.desktop.fleet_page.device_column import COLUMNS, LATENCY, STATUS
from edgeyard.desktop.group_frame import Mask, evaluate
from edgeyard.desktop.widget.words import both_clocks
from edgeyard.domain.filter import Filter, parse_filter

_Index = QModelIndex | QPersistentModelIndex
DEVICES_MIME = "application/x-edgeyard-devices"


class FleetTableModel(QAbstractTableModel):
    """Rows are devices that pass the filter and lie in the scope, in the chosen order."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self.frame: FleetFrame = EMPTY_FRAME
        self.order: Rows = np.empty(0, np.intp)
        """Frame rows in the order they are shown."""
        self.filter = parse_filter("")
        self.sort_column = STATUS
        self.sort_descending = False
        self.now = now
        self._scope: Mask | None = None
        self._passes: Mask | None = None

    # --- what Qt asks --------------------------------------------------------------------------------------------

    def rowCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.order)

    def columnCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid() or index.row() >= len(self.order):
            return None
        row, column = int(self.order[index.row()]), index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[column].text(self.frame, row, self.now())
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tooltip(row)
        if role == Qt.ItemDataRole.TextAlignmentRole and COLUMNS[column].right:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(COLUMNS):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section].title
        if role == Qt.ItemDataRole.ToolTipRole and section == LATENCY:
            return "p95 latency over the last six minutes. Sorts by how much it swings."
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if COLUMNS[section].right else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def flags(self, index: _Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsDragEnabled

    def mimeTypes(self) -> list[str]:
        return [DEVICES_MIME, "text/plain"]

    def mimeData(self, indexes: list[QModelIndex]) -> QMimeData:  # type: ignore[override]
        return self.mime_of([self.device_id(row) for row in sorted({index.row() for index in indexes})])

    @staticmethod
    def mime_of(ids: Sequence[str]) -> QMimeData:
        """What a drag of these devices carries."""
        mime = QMimeData()
        mime.setData(DEVICES_MIME, "\n".join(ids).encode())
        mime.setText("\n".join(ids))
        return mime

    # --- what the page does with it ------------------------------------------------------------------------------

    def device_id(self, row: int) -> str:
        """The device shown in a row of the table."""
        return self.frame.devices[int(self.order[row])].id

    def shown_rows(self, device_ids: Iterable[str]) -> dict[str, int]:
        """Device id → row of the table, for those of `device_ids` that are shown."""
        places = np.full(len(self.frame), -1, np.intp)
        places[self.order] = np.arange(len(self.order))
        known = ((device_id, self.frame.row_of.get(device_id, -1)) for device_id in device_ids)
        return {device_id: int(places[row]) for device_id, row in known if row >= 0 and places[row] >= 0}

    def show_frame(self, frame: FleetFrame) -> bool:
        """Take over newer figures. Rows stay where they are unless devices came or went: then all is arranged anew.

        Returns whether it was.
        """
        same_members = frame.members == self.frame.members
        self.frame = frame
        if not same_members:
            self._passes = None
            self.beginResetModel()
            self.order = self._arranged()
            self.endResetModel()
            return True
        if self._passes is not None:
            self._passes = evaluate(self.filter, frame, frame.changed, self._passes)
        if len(self.order):
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.order) - 1, len(COLUMNS) - 1))
        return False

    def set_filter(self, wanted: Filter) -> None:
        """Show only what passes; takes effect with `arrange`."""
        self.filter = wanted
        self._passes = None

    def set_scope(self, scope: Mask | None) -> None:
        """Show only a group's devices; takes effect with `arrange`."""
        self._scope = scope

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Order by a column from now on; takes effect at once."""
        self.sort_column, self.sort_descending = column, order == Qt.SortOrder.DescendingOrder
        self.arrange()

    def arrange(self) -> bool:
        """Work out filter and order again; whether that moved anything."""
        wanted = self._arranged()
        if np.array_equal(wanted, self.order):
            return False
        self.beginResetModel()
        self.order = wanted
        self.endResetModel()
        return True

    def is_settled(self) -> bool:
        """Whether the rows are as filter and order want them now."""
        return bool(np.array_equal(self._arranged(), self.order))

    def passing(self) -> Mask:
        """Which devices of the frame pass filter and scope."""
        if self._passes is None:
            self._passes = evaluate(self.filter, self.frame, None, None)
        if self._scope is not None and len(self._scope) == len(self.frame):
            return self._passes & self._scope
        return self._passes

    def _arranged(self) -> Rows:
        rows = np.flatnonzero(self.passing())
        keys = COLUMNS[self.sort_column].key(self.frame)[rows]
        if self.sort_descending:
            keys = -keys
        return rows[np.argsort(keys, kind="stable")]

    def _tooltip(self, row: int) -> str:
        device = self.frame.devices[row]
        lines = [device.problem] if device.problem else []
        if device.last_seen_at is not None:
            lines.append(f"Last seen {both_clocks(device.last_seen_at)}")
        return "\n".join(lines)
