"""Jobs as rows: what, how far, what it does now or how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from edgeyard.desktop.look import theme
from edgeyard.desktop.look.font import BASE, MEDIUM, SMALL, font, metrics
from edgeyard.desktop.look.shape import StatusShape
from edgeyard.desktop.widget import words
from edgeyard.domain.device import DeviceStatus
from edgeyard.store.job import Job

Index = QModelIndex | QPersistentModelIndex
JOB_ROLE = int(Qt.ItemDataRole.UserRole)
LIVE = ("queued", "running")
STATES = {
    "queued": ("Waits", DeviceStatus.OFFLINE),
    "running": ("Running", DeviceStatus.UPDATING),
    "done": ("Done", DeviceStatus.HEALTHY),
    "failed": ("Failed", DeviceStatus.ATTENTION),
    "cancelled": ("Cancelled", DeviceStatus.UNKNOWN),
    "interrupted": ("Interrupted", DeviceStatus.ATTENTION),
}
_ROW = 52
_PAD = 12


class JobListModel(QAbstractListModel):
    """The latest jobs, the newest first."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs: list[Job] = []
        self.now = 0.0

    def show_jobs(self, jobs: Sequence[Job], now: float) -> None:
        """Take over a reading; rows that only moved on keep their place."""
        self.now = now
        if [job.id for job in jobs] == [job.id for job in self._jobs]:
            self._jobs = list(jobs)
            if jobs:
                self.dataChanged.emit(self.index(0), self.index(len(jobs) - 1))
            return
        self.beginResetModel()
        self._jobs = list(jobs)
        self.endResetModel()

    def job(self, index: Index) -> Job | None:
        """The job behind an index."""
        return self._jobs[index.row()] if index.isValid() and index.row() < len(self._jobs) else None

    def row_of(self, job_id: int) -> int:
        """The row of a job, or -1."""
        return next((row for row, job in enumerate(self._jobs) if job.id == job_id), -1)

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._jobs)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        job = self.job(index)
        if job is None:
            return None
        if role == JOB_ROLE:
            return job
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"{job.title}: {state_words(job)}. {job.text}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return job.text or None
        return None


class JobList(QListView):
    """Shows a `JobListModel`."""

    def __init__(self, model: JobListModel) -> None:
        super().__init__()
        self.setModel(model)
        self.setAccessibleName("Jobs")
        self.setUniformItemSizes(True)
        self.setItemDelegate(_RowPainter(self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)


def state_words(job: Job) -> str:
    """`Running, 45 %`, `Done`."""
    word, _ = STATES.get(job.state, (job.state, DeviceStatus.UNKNOWN))
    return f"{word}, {job.progress:.0%}" if job.state == "running" else word


class _RowPainter(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        del option, index
        return QSize(220, _ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        bare = QStyleOptionViewItem(option)
        self.initStyleOption(bare, index)
        bare.text = ""
        bare.widget.style().drawControl(QStyle.ControlElement.CE_ItemViewItem, bare, painter, bare.widget)
        job, model = index.data(JOB_ROLE), index.model()
        if not isinstance(job, Job) or not isinstance(model, JobListModel):
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setLayoutDirection(bare.direction)
        if bare.state & QStyle.StateFlag.State_HasFocus:
            painter.fillRect(QRect(bare.rect.left(), bare.rect.top() + 2, 2, _ROW - 4), theme.colour("accent"))
        _paint_job(painter, bare.rect.adjusted(_PAD, 4, -_PAD, -4), job, model.now)
        painter.restore()


def _paint_job(painter: QPainter, area: QRect, job: Job, now: float) -> None:
    _, status = STATES.get(job.state, ("", DeviceStatus.UNKNOWN))
    StatusShape.paint(painter, QRectF(area.left(), area.top() + 2, 16, 16), status)
    line = QRect(area.left() + 22, area.top(), area.width() - 22, 20)
    ended = words.ago(now - job.ended_at) if job.ended_at is not None else ""
    state = f"{state_words(job)} · {ended}" if ended else state_words(job)
    width = metrics(SMALL).horizontalAdvance(state) + 4
    painter.setFont(font(BASE, MEDIUM))
    painter.setPen(theme.colour("text"))
    painter.drawText(line, _START, metrics(BASE, MEDIUM).elidedText(job.title, _ELIDE, line.width() - width - 8))
    painter.setFont(font(SMALL))
    painter.setPen(theme.colour("attention" if status is DeviceStatus.ATTENTION else "quiet"))
    painter.drawText(line, _END, state)
    painter.setPen(theme.colour("quiet"))
    below = line.translated(0, 18)
    painter.drawText(below, _START, metrics(SMALL).elidedText(job.text, _ELIDE, below.width()))
    if job.state in LIVE:
        bar = QRectF(line.left(), area.bottom() - 3, line.width(), 3)
        painter.fillRect(bar, theme.colour("band"))
        painter.fillRect(QRectF(bar.left(), bar.top(), bar.width() * job.progress, 3), theme.colour("accent"))


_START = int(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter)
_END = int(Qt.AlignmentFlag.AlignTrailing | Qt.AlignmentFlag.AlignVCenter)
_ELIDE = Qt.TextElideMode.ElideRight
