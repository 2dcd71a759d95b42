"""Layer by layer: what each costs, and how far each is from the original in the candidate that is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, QRectF, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from edgeyard.desktop.look import theme
from edgeyard.desktop.look.font import BASE, font
from edgeyard.desktop.plan.evidence_words import amount
from edgeyard.desktop.widget import words
from edgeyard.optimize.summary import LayerRow

Index = QModelIndex | QPersistentModelIndex
COLUMNS = ("Layer", "Operator", "Multiply-adds", "Parameters", "Output", "Error")
LAYER, OPERATOR, WORK, PARAMETERS, OUTPUT, ERROR = range(len(COLUMNS))
SHARE_ROLE = int(Qt.ItemDataRole.UserRole)
_TIPS = {
    WORK: "Multiplications with addition for one sample",
    OUTPUT: "Bytes of the layer's output for one sample",
    ERROR: "Noise against the original in this layer alone, in dB: the longer the bar, the more harm",
}
_CLEAN_DB = 60.0
"""Above this the noise of a layer is nothing; the bar is empty."""


class LayerTableModel(QAbstractTableModel):
    """In the order of the graph; `sqnr_db` by layer name where a step measured it."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: Sequence[LayerRow] = ()
        self._sqnr_db: Mapping[str, float] = {}

    def show_layers(self, layers: Sequence[LayerRow], sqnr_db: Mapping[str, float]) -> bool:
        """Take over the layers that hold parameters or do work; whether anything is new."""
        rows = [row for row in layers if row.parameters or row.multiply_adds]
        if rows == self._rows and sqnr_db == self._sqnr_db:
            return False
        self.beginResetModel()
        self._rows, self._sqnr_db = rows, sqnr_db
        self.endResetModel()
        return True

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        if role == Qt.ItemDataRole.ToolTipRole:
            return _TIPS.get(section)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        row, column = self._rows[index.row()], index.column()
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return self._text(row, column)
        if role == SHARE_ROLE:
            return self._share(row, column)
        return row.name if role == Qt.ItemDataRole.ToolTipRole and column == LAYER else None

    def _text(self, row: LayerRow, column: int) -> str:
        error = self._sqnr_db.get(row.name)
        return (
            row.name,
            row.operator,
            amount(row.multiply_adds) if row.multiply_adds else "",
            amount(row.parameters) if row.parameters else "",
            words.size(row.output_bytes) if row.output_bytes else "",
            "" if error is None else f"{error:.1f} dB",
        )[column]

    def _share(self, row: LayerRow, column: int) -> float | None:
        if column == ERROR:
            error = self._sqnr_db.get(row.name)
            return None if error is None else max(0.0, min(1.0, 1 - error / _CLEAN_DB))
        figure = {WORK: "multiply_adds", PARAMETERS: "parameters", OUTPUT: "output_bytes"}.get(column)
        if figure is None:
            return None
        most = max((getattr(other, figure) or 0 for other in self._rows), default=0)
        return (getattr(row, figure) or 0) / most if most else None


class BarDelegate(QStyledItemDelegate):
    """A figure with a bar behind it, as long as its share of the largest one."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        share = index.data(SHARE_ROLE)
        if share is None:
            super().paint(painter, option, index)
            return
        area = QRectF(option.rect).adjusted(4, 5, -4, -5)
        width = area.width() * share
        left = area.right() - width if option.direction == Qt.LayoutDirection.RightToLeft else area.left()
        painter.fillRect(QRectF(left, area.top(), width, area.height()), theme.colour("selected"))
        painter.setPen(theme.colour("text"))
        painter.setFont(font(BASE))
        flags = int(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter)
        painter.drawText(area.adjusted(4, 0, -4, 0), flags, str(index.data()))


def layer_errors(figures: Mapping[str, Any]) -> dict[str, float]:
    """SQNR in dB by layer, from the figures of a candidate's steps: the last step that measured it counts."""
    found: dict[str, float] = {}
    for step in figures.values():
        layers = step.get("layers") if isinstance(step, Mapping) else None
        for layer in layers if isinstance(layers, list) else ():
            name, sqnr_db = layer.get("name"), layer.get("sqnr_db")
            if isinstance(name, str) and isinstance(sqnr_db, int | float):
                found[name] = float(sqnr_db)
    return found
