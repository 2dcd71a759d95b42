"""Studies as rows, the newest first: which model, how far, how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from edgeyard.commands.study import Study
from edgeyard.desktop.jobs.job_list import LIVE, STATES, state_words
from edgeyard.desktop.look.shape import StatusShape
from edgeyard.desktop.widget import words
from edgeyard.domain.device import DeviceStatus
from edgeyard.store.job import Job

Index = QModelIndex | QPersistentModelIndex
STUDY_ROLE = int(Qt.ItemDataRole.UserRole)
JOB_KIND = "study"
_MARK = 16


def jobs_by_study(jobs: Sequence[Job]) -> dict[str, Job]:
    """The latest job of each study."""
    found: dict[str, Job] = {}
    for job in sorted(jobs, key=lambda job: job.id):
        if job.kind == JOB_KIND:
            found[job.subject] = job
    return found


class StudyListModel(QAbstractListModel):
    """Two lines a row: the title, and where it stands."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._studies: list[Study] = []
        self._jobs: Mapping[str, Job] = {}
        self._now = 0.0

    def show_studies(self, studies: Sequence[Study], jobs: Mapping[str, Job], now: float) -> None:
        """Take over a reading; rows that only moved on keep their place."""
        same = [study.id for study in studies] == [study.id for study in self._studies]
        self._jobs, self._now = jobs, now
        if same:
            if studies:
                self.dataChanged.emit(self.index(0), self.index(len(studies) - 1))
            return
        self.beginResetModel()
        self._studies = list(studies)
        self.endResetModel()

    def study(self, index: Index) -> Study | None:
        """The study behind an index."""
        return self._studies[index.row()] if index.isValid() and index.row() < len(self._studies) else None

    def row_of(self, study_id: str) -> int:
        """The row of a study, or -1."""
        return next((row for row, study in enumerate(self._studies) if study.id == study_id), -1)

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._studies)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        study = self.study(index)
        if study is None:
            return None
        job = self._jobs.get(study.id)
        if role == STUDY_ROLE:
            return study
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"{study.request.title}\n{study_words(study, job, self._now)}"
        if role == Qt.ItemDataRole.DecorationRole:
            return StatusShape.pixmap(_status(study, job), _MARK, 2.0)
        return str(study.request.model) if role == Qt.ItemDataRole.ToolTipRole else None


def _status(study: Study, job: Job | None) -> DeviceStatus:
    if job is None:
        return DeviceStatus.UNKNOWN if study.finished_at is None else STATES["done"][1]
    return STATES[job.state][1] if job.state in STATES else DeviceStatus.UNKNOWN


def study_words(study: Study, job: Job | None, now: float) -> str:
    """`Running, 45 %`, `Done · 5 min ago`. A result whose job is not known was made elsewhere, and counts."""
    if job is None and study.finished_at is not None:
        return f"{STATES['done'][0]} · {words.ago(now - study.finished_at)}"
    if job is None:
        return f"Not started · {words.ago(now - study.request.created_at)}"
    if job.state in LIVE:
        return state_words(job)
    ended = job.ended_at if job.ended_at is not None else study.request.created_at
    return f"{state_words(job)} · {words.ago(now - ended)}"
