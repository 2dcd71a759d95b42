"""The item model of the models tree. A new reading replaces all rows; the view keeps what was open by key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QMimeData, QModelIndex, QObject, QPersistentModelIndex, Qt

from edgeyard.desktop.drag import VERSION_MIME, DraggedVersion, version_mime
from edgeyard.desktop.models_page.model_rows import COLUMNS, NAME, SIZE, Cell, Row, make_rows
from edgeyard.store.model import ModelSummary

Index = QModelIndex | QPersistentModelIndex
CELL_ROLE = int(Qt.ItemDataRole.UserRole)
"""The whole `Cell`, for the painter."""

_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)


class ModelTreeModel(QAbstractItemModel):
    """Models, versions, variants."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._roots: list[Row] = []
        self._by_key: dict[str, Row] = {}

    def show_models(self, models: Sequence[ModelSummary], running: Mapping[str, int]) -> None:
        """Take over a reading. Rows that only changed their figures stay where they are."""
        roots = make_rows(models, running)
        by_key = {row.key: row for root in roots for row in _walk(root)}
        if list(by_key) == list(self._by_key):
            self._replace_figures(by_key)
            return
        self.beginResetModel()
        self._roots, self._by_key = roots, by_key
        self.endResetModel()

    def row_of(self, index: Index) -> Row | None:
        """The row behind an index."""
        row = index.internalPointer() if index.isValid() else None
        return row if isinstance(row, Row) else None

    def index_of(self, key: str) -> QModelIndex:
        """The first cell of the row with this key; invalid when it is gone."""
        row = self._by_key.get(key)
        return self.createIndex(row.position, 0, row) if row else QModelIndex()

    def all_keys(self) -> Sequence[str]:
        """The keys of all rows, from the top."""
        return list(self._by_key)

    # --- what Qt asks ------------------------------------------------------------------------------------------------

    def index(self, row: int, column: int, parent: Index | None = None) -> QModelIndex:
        rows = self._children(parent or QModelIndex())
        if 0 <= row < len(rows) and 0 <= column < len(COLUMNS):
            return self.createIndex(row, column, rows[row])
        return QModelIndex()

    def parent(self, index: Index | None = None) -> Any:
        if index is None:
            return super().parent()
        row = self.row_of(index)
        if row is None or row.parent is None:
            return QModelIndex()
        return self.createIndex(row.parent.position, 0, row.parent)

    def rowCount(self, parent: Index | None = None) -> int:
        parent = parent or QModelIndex()
        return 0 if parent.column() > 0 else len(self._children(parent))

    def columnCount(self, parent: Index | None = None) -> int:
        del parent
        return len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if section == SIZE else _LEFT
        if role == Qt.ItemDataRole.ToolTipRole:
            return _HEADER_WHY[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.row_of(index)
        if row is None:
            return None
        cell: Cell = row.cells[index.column()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return cell.text
            case Qt.ItemDataRole.ToolTipRole:
                return cell.why or None
            case Qt.ItemDataRole.TextAlignmentRole:
                return _RIGHT if index.column() == SIZE else _LEFT
            case Qt.ItemDataRole.AccessibleTextRole:
                return row.sentence if index.column() == NAME else f"{COLUMNS[index.column()]} {cell.text}"
            case _:
                return cell if role == CELL_ROLE else None

    def flags(self, index: Index) -> Qt.ItemFlag:
        row = self.row_of(index)
        if row is None:
            return Qt.ItemFlag.NoItemFlags
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsDragEnabled if row.version else flags

    def mimeTypes(self) -> list[str]:
        return [VERSION_MIME]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        dragged = self.dragged(indexes[0]) if indexes else None
        return version_mime(dragged) if dragged else QMimeData()

    def supportedDragActions(self) -> Qt.DropAction:
        # A move would delete the row at its source.
        return Qt.DropAction.CopyAction

    def dragged(self, index: Index) -> DraggedVersion | None:
        """The version that a drag from this row carries; a variant stands for its version."""
        row = self.row_of(index)
        return DraggedVersion(row.version.id, row.version.label) if row and row.version else None

    def _children(self, parent: Index) -> Sequence[Row]:
        row = self.row_of(parent)
        return row.children if row else self._roots

    def _replace_figures(self, by_key: Mapping[str, Row]) -> None:
        for key, row in self._by_key.items():
            new = by_key[key]
            changed = row.cells != new.cells
            row.cells, row.model, row.version, row.variant = new.cells, new.model, new.version, new.variant
            if changed:
                first = self.createIndex(row.position, 0, row)
                self.dataChanged.emit(first, self.createIndex(row.position, len(COLUMNS) - 1, row))


_HEADER_WHY = (
    "Models, their versions (the newest first), and the variants made of each",
    "How far a version has come: imported, optimized, signed",
    "Size of the file",
    "Share of labelled samples that it gets right, with the 95 % interval in points",
    "Latency of a variant against the original, measured in one run",
    "Kinds of hardware that a variant was chosen for",
    "Devices that run it now, by their own signed reports",
)


def _walk(row: Row) -> list[Row]:
    return [row, *(below for child in row.children for below in _walk(child))]
