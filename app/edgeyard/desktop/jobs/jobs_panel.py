"""The jobs at the foot of the window: rows on the left, the log of the chosen one on the right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtWidgets import QPlainTextEdit, QSplitter, QStackedWidget, QWidget

from edgeyard.desktop.desk import Desk
from edgeyard.desktop.feed import Feed
from edgeyard.desktop.jobs.job_list import LIVE, JobListModel, JobRows
from edgeyard.desktop.jobs.job_runner import JobRunner
from edgeyard.desktop.look.font import BASE, SMALL, font
from edgeyard.desktop.widget import words
from edgeyard.desktop.widget.basic import button, caption, column, label, panel, row, tool_button
from edgeyard.desktop.widget.row_list import RowList
from edgeyard.store.database import Connection
from edgeyard.store.job import Job, LogLine, job_log

_MAX_LINES = 5000


_LEAST_HEIGHT, _EMPTY_HEIGHT = 140, 92
_QT_MOST = (1 << 24) - 1
"""Qt's QWIDGETSIZE_MAX: no bound."""


class JobsPanel(QWidget):
    """Progress, cancel, run again, log. Jobs of other desktops are shown too; only their own can cancel them."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._runner = JobRunner.of(desk.bridge)
        self._log_feed: Feed | None = None
        self._id = 0
        self._last_line = 0
        self._newest = 0
        self.model = JobListModel(self)
        self.list = RowList(self.model, "Jobs", JobRows())
        self.log = QPlainTextEdit()
        self.log.setReadOnly(True)
        self.log.setFont(font(SMALL))
        self.log.setMaximumBlockCount(_MAX_LINES)
        self.log.setAccessibleName("Log of the job")
        self.log.setFrameShape(QPlainTextEdit.Shape.NoFrame)
        self.cancel = button("Cancel the job", self._on_cancel)
        self.again = button("Run again", self._on_again)
        self._stack = QStackedWidget()
        self._arrange()
        self.list.selectionModel().currentChanged.connect(self._on_current_changed)
        desk.feeds.jobs.arrived.connect(self._on_read)
        self._on_read(desk.feeds.jobs.latest)

    def _arrange(self) -> None:
        close = tool_button("x", "Hide the jobs (Ctrl+J)", self._desk.show_jobs)
        head = row(caption("Jobs"), None, self.again, self.cancel, close, spacing=8, margins=(16, 6, 8, 6))
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.setHandleWidth(8)
        split.addWidget(self.list)
        split.addWidget(self.log)
        split.setSizes([480, 520])
        # The foot of the window is low: one quiet line, not the picture and title of an empty page.
        text = "Optimizing a model goes on here while you do other things. What was interrupted can be run again."
        empty = QWidget()
        empty.setLayout(column(label(f"No jobs. {text}", BASE, "quiet", wrap=True), None, margins=(16, 4, 16, 12)))
        self._stack.addWidget(split)
        self._stack.addWidget(empty)
        layout = column(head, self._stack, margins=(1, 1, 1, 1))
        layout.setStretch(1, 1)
        self.setLayout(column(panel(layout), margins=(12, 0, 12, 8)))

    def _on_read(self, jobs: Sequence[Job] | None) -> None:
        if jobs is None:
            return
        self._stack.setCurrentIndex(0 if jobs else 1)
        self.setMinimumHeight(_LEAST_HEIGHT if jobs else _EMPTY_HEIGHT)
        self.setMaximumHeight(_QT_MOST if jobs else _EMPTY_HEIGHT)
        self.model.show_jobs(jobs, self._desk.bridge.now())
        place = self.model.row_of(self._id)
        if jobs and (place < 0 or jobs[0].id > self._newest):
            # One that was just started is the one to look at.
            place, self._newest = 0, jobs[0].id
        if place >= 0 and self.list.currentIndex().row() != place:
            self.list.setCurrentIndex(self.model.index(place))
        self._show_buttons()

    def _job(self) -> Job | None:
        return self.model.job(self.list.currentIndex())

    def _show_buttons(self) -> None:
        job = self._job()
        live = job is not None and job.state in LIVE
        mine = job is not None and self._runner.is_mine(job)
        self.cancel.setVisible(live)
        self.cancel.setEnabled(mine)
        self.cancel.setToolTip("" if mine else "It runs in another window's program; cancel it there.")
        self.again.setVisible(job is not None and not live)
        self.again.setEnabled(job is not None and self._runner.can_run(job))

    def _on_current_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        job = self.model.job(current)
        if job is None or job.id == self._id:
            return
        self._id, self._last_line = job.id, 0
        self.log.clear()
        self._open_log(job.id)
        self._show_buttons()

    def _open_log(self, job_id: int) -> None:
        self._close_log()

        def read(connection: Connection, _now: float) -> tuple[int, list[LogLine]]:
            # Only what is new crosses the threads; the window remembers how far it has come.
            return job_id, job_log(connection, job_id, self._last_line)

        self._log_feed = self._desk.bridge.feed(f"log of job {job_id}", read, {"jobs"})
        self._log_feed.arrived.connect(self._on_log)

    def _close_log(self) -> None:
        if self._log_feed is not None:
            self._log_feed.close()
            self._log_feed = None

    def _on_log(self, reading: Any) -> None:
        job_id, lines = reading
        if job_id != self._id:
            return
        for line in lines:
            if line.id > self._last_line:
                self._last_line = line.id
                self.log.appendPlainText(f"{words.clock(line.at)}  {line.line}")

    def _on_cancel(self) -> None:
        if self._id:
            self._runner.cancel(self._id)

    def _on_again(self) -> None:
        job = self._job()
        if job is not None:
            self._id = 0
            self._runner.again(job)
