"""Jobs as rows: what, how far, what it does now or how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QObject, QRect, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyle

from edgeyard.desktop.look import theme
from edgeyard.desktop.widget import words
from edgeyard.desktop.widget.row_list import Index, RowPainter, paint_head
from edgeyard.domain.device import DeviceStatus
from edgeyard.store.job import Job

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


def state_words(job: Job) -> str:
    """`Running, 45 %`, `Done`."""
    word, _ = STATES.get(job.state, (job.state, DeviceStatus.UNKNOWN))
    return f"{word}, {job.progress:.0%}" if job.state == "running" else word


class JobRows(RowPainter):
    """Rows of a `JobListModel`, with a bar while they run."""

    def paint_row(self, painter: QPainter, area: QRect, index: Index) -> None:
        job, model = index.data(JOB_ROLE), index.model()
        if not isinstance(job, Job) or not isinstance(model, JobListModel):
            return
        _, status = STATES.get(job.state, ("", DeviceStatus.UNKNOWN))
        ended = words.ago(model.now - job.ended_at) if job.ended_at is not None else ""
        state = f"{state_words(job)} · {ended}" if ended else state_words(job)
        line = paint_head(painter, area, status, job.title, state, job.text)
        if job.state in LIVE:
            bar = QRect(line.left(), area.bottom() - 3, line.width(), 3)
            painter.fillRect(bar, theme.colour("band"))
            done = QRect(bar.left(), bar.top(), round(bar.width() * job.progress), 3)
            painter.fillRect(QStyle.visualRect(painter.layoutDirection(), bar, done), theme.colour("accent"))
