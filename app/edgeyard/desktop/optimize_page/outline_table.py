"""A plan as rows, before anything runs: each step, on what it works, and about what it takes."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from edgeyard.desktop.plan.evidence_words import amount, duration
from edgeyard.desktop.widget import words
from edgeyard.optimize.engine.task import JobOutline
from edgeyard.optimize.recipe.plan import PlannedStep

Index = QModelIndex | QPersistentModelIndex
COLUMNS = ("Step", "Works on", "About", "")


class OutlineTableModel(QAbstractTableModel):
    """In the order in which the steps would run."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._steps: tuple[PlannedStep, ...] = ()

    def show_outline(self, outline: JobOutline) -> None:
        """Take over a plan."""
        self.beginResetModel()
        self._steps = outline.plan.steps
        self.endResetModel()

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._steps)

    def columnCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return None
        step = self._steps[index.row()]
        remark = step.obstacle or ("Done before" if step.cached else f"Unless {step.unless}" if step.unless else "")
        cost = "" if step.obstacle or step.cached else duration(max(1.0, step.cost_s))
        return (f"{step.id}: {step.title}", step.source, cost, remark)[index.column()]


def outline_words(outline: JobOutline) -> str:
    """`About 25 s. 41.0 M multiply-adds, 270 k parameters; 3,500 samples to judge by, 1,500 to calibrate.`"""
    summary, samples = outline.summary, outline.samples
    judged = words.count(samples.get("evaluation", 0), "sample")
    tuned = words.count(samples.get("calibration", 0), "sample")
    return (
        f"About {duration(max(1.0, outline.plan.cost_s))}. {amount(summary.multiply_adds)} multiply-adds,"
        f" {amount(summary.parameters)} parameters; {judged} to judge by, {tuned} to calibrate with."
    )
