"""The Optimize page: studies on the left, the chosen one in the middle, a variant's evidence on the right."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QSize, Qt
from PySide6.QtWidgets import QListView, QSplitter, QStackedWidget, QWidget

from edgeyard.commands.study import StudyRequest, create_study, delete_study
from edgeyard.commands.workspace import Workspace
from edgeyard.desktop.action import Action
from edgeyard.desktop.desk import Desk, Notice
from edgeyard.desktop.feed import Feed
from edgeyard.desktop.jobs.job_runner import JobRunner
from edgeyard.desktop.optimize_page.candidate_panel import CandidatePanel
from edgeyard.desktop.optimize_page.keep import ask_for_report, ask_where, save_variant, write_report
from edgeyard.desktop.optimize_page.setup_form import SetupForm
from edgeyard.desktop.optimize_page.study_list import JOB_KIND, StudyListModel
from edgeyard.desktop.optimize_page.study_reader import StudyOverview, StudyReader, overview_reader
from edgeyard.desktop.optimize_page.study_view import StudyPicture, StudyView
from edgeyard.desktop.page import Page
from edgeyard.desktop.widget.basic import button, column, panel
from edgeyard.desktop.widget.details_panel import DetailsPanel
from edgeyard.desktop.widget.empty_state import EmptyState
from edgeyard.domain.error import UserError

NEW = "new"
_LOOK_EVERY_S = 0.5
_LIST_EVERY_S = 2.0


class OptimizePage(Page):
    """Subjects: nothing, `new`, or a study's id."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._runner = JobRunner.of(desk.bridge)
        self.model = StudyListModel(self)
        self.list = QListView()
        self.form = SetupForm(desk.bridge)
        self.view = StudyView()
        self.evidence = CandidatePanel()
        self.details = DetailsPanel(self.evidence, name="Evidence of the variant")
        self.picture: StudyPicture | None = None
        self._id = ""
        self._overview: Feed | None = None
        self._feed: Feed | None = None
        self._arrange()
        self._connect()

    def _arrange(self) -> None:
        self.list.setModel(self.model)
        self.list.setAccessibleName("Optimizations")
        self.list.setIconSize(QSize(16, 16))
        self.list.setSpacing(2)
        self.list.setUniformItemSizes(True)
        self._new = button("New optimization…", lambda: self._open(NEW), primary=True)
        left = panel(column(self.list, margins=(1, 1, 1, 1)))
        side = QWidget()
        side.setLayout(column(self._new, left, spacing=8))
        side.setMinimumWidth(200)
        empty = EmptyState(
            "gauge",
            "Nothing was optimized here yet",
            "Give a trained ONNX model and labelled data. Edgeyard makes smaller and faster variants, proves each from "
            "its file, and says which one suits which hardware, and why.",
            button("New optimization…", lambda: self._open(NEW), primary=True),
        )
        self._stack = QStackedWidget()
        for widget in (empty, panel(column(self.form, margins=(1, 1, 1, 1))), self.view):
            self._stack.addWidget(widget)
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.setChildrenCollapsible(False)
        self._split.setHandleWidth(8)
        for region in (side, self._stack, self.details):
            self._split.addWidget(region)
        self._split.setStretchFactor(1, 1)
        self._split.setSizes([232, 700, 340])
        state = self.desk.memory.state("optimize/split")
        if not state.isEmpty():
            self._split.restoreState(state)
        self.details.setMinimumWidth(300)
        self.details.hide()
        self.setLayout(column(self._split, margins=(16, 12, 16, 16)))

    def _connect(self) -> None:
        self.list.selectionModel().currentChanged.connect(self._on_current)
        self.form.wanted.connect(self._start)
        self.view.chosen.connect(self._on_chosen)
        self.view.cancel_wanted.connect(self._cancel)
        self.view.again_wanted.connect(self._again)
        self.view.change_wanted.connect(self._change)
        self.view.report_wanted.connect(self._write_report)
        self.view.import_wanted.connect(self._import)
        self.evidence.save_wanted.connect(self._save)
        self.details.closed.connect(self.close_details)

    # --- Page --------------------------------------------------------------------------------------------------------

    def activate(self, subject: str) -> None:
        if self._overview is None:
            reader = overview_reader(self.desk.folder)
            self._overview = self.desk.bridge.feed("optimizations", reader, {"jobs"}, every_s=_LIST_EVERY_S)
            self._overview.arrived.connect(self._on_listed)
        self._open(subject or self._id)

    def deactivate(self) -> None:
        self._close_feeds()

    def heading(self) -> str:
        return self.picture.study.request.title if self.picture is not None and self._id != NEW else ""

    def actions_here(self) -> Sequence[Action]:
        return [
            Action("new-optimization", "New optimization…", lambda: self._open(NEW), "zap", "Ctrl+N"),
            Action("cancel-optimization", "Cancel the optimization", self._cancel, "circle-stop", "", self._no_study),
            Action("optimization-report", "Report…", self._write_report, "file-text", "", self._no_result),
            Action("delete-optimization", "Delete the optimization", self._delete, "trash-2", "", self._no_study),
        ]

    def regions(self) -> Sequence[QWidget]:
        return (self.list, self._stack, self.details)

    def close_details(self) -> bool:
        visible = self.details.isVisible()
        self.details.hide()
        return visible

    def save(self) -> None:
        self.form.stop()
        self.desk.memory.put("optimize/split", self._split.saveState())

    # --- reading -----------------------------------------------------------------------------------------------------

    def _on_listed(self, overview: StudyOverview) -> None:
        self.model.show_studies(overview.studies, overview.jobs, self.desk.bridge.now())
        if not self._id and overview.studies:
            self._open(overview.studies[0].id)
        elif not overview.studies and self._id not in ("", NEW):
            self._open("")
        self._mark_current()

    def _open(self, subject: str) -> None:
        self._id = subject
        if self._feed is not None:
            self._feed.close()
            self._feed = None
        if subject == NEW:
            self._stack.setCurrentIndex(1)
            self.details.hide()
            self.form.model.setFocus()
        elif subject:
            reader = StudyReader(self.desk.folder, subject)
            self._feed = self.desk.bridge.feed("optimization", reader, {"jobs"}, every_s=_LOOK_EVERY_S)
            self._feed.arrived.connect(self._on_picture)
            self._feed.failed.connect(self._on_gone)
        else:
            self._stack.setCurrentIndex(0)
            self.details.hide()
        self._mark_current()
        self.moved.emit(subject)

    def _mark_current(self) -> None:
        place = self.model.row_of(self._id)
        if place != self.list.currentIndex().row():
            self.list.setCurrentIndex(self.model.index(place) if place >= 0 else QModelIndex())

    def _on_picture(self, picture: StudyPicture) -> None:
        if picture.study.id != self._id:
            return
        if self.picture is None or self.picture.study.id != self._id:
            self.details.hide()
        self.picture = picture
        self._stack.setCurrentIndex(2)
        self.view.show_picture(picture)
        if self.details.isVisible():
            self._show_evidence()

    def _on_gone(self, error: UserError) -> None:
        self.desk.complain(error)
        self._open("")

    def _close_feeds(self) -> None:
        for feed in (self._overview, self._feed):
            if feed is not None:
                feed.close()
        self._overview = self._feed = None

    # --- choosing ----------------------------------------------------------------------------------------------------

    def _on_current(self, current: QModelIndex, _previous: QModelIndex) -> None:
        study = self.model.study(current)
        if study is not None and study.id != self._id:
            self._open(study.id)

    def _on_chosen(self, names: tuple[str, ...]) -> None:
        self.details.setVisible(bool(names))
        self._show_evidence()

    def _show_evidence(self) -> None:
        names = self.view.names
        if self.picture is None or not names:
            return
        candidate = self.picture.state.candidates.get(names[0])
        self.details.mark.hide()
        self.details.title.setText(" and ".join(names))
        self.details.under.setText(candidate.title if candidate and len(names) == 1 else "Two variants side by side")
        self.evidence.show_candidates(self.picture.state, names)

    def _no_study(self) -> str:
        return "" if self.picture is not None and self._id not in ("", NEW) else "Choose an optimization first."

    def _no_result(self) -> str:
        ended = self.picture is not None and self.picture.state.ended
        return "" if ended else "There is no finished result yet."

    # --- acts --------------------------------------------------------------------------------------------------------

    def _start(self, request: StudyRequest) -> None:
        def started(study_id: str) -> None:
            self._runner.start(JOB_KIND, f"Optimize {request.title}", study_id)
            self._open(study_id)

        def work(workspace: Workspace) -> str:
            return create_study(workspace.folder, request).id

        self.desk.bridge.run(work, started, self.form.trouble.show_error)

    def _cancel(self) -> None:
        job = self.picture.job if self.picture is not None else None
        if job is None:
            return
        if not self._runner.is_mine(job):
            self.desk.say(Notice("It runs in another window's program.", "Cancel it there.", "attention"))
        self._runner.cancel(job.id)

    def _again(self) -> None:
        if self.picture is not None:
            study = self.picture.study
            self._runner.start(JOB_KIND, f"Optimize {study.request.title}", study.id)

    def _change(self) -> None:
        if self.picture is not None:
            self.form.show_request(self.picture.study.request)
            if not self.picture.study.request.recipe:
                self.form.recipe.setPlainText(self.picture.recipe)
            self._open(NEW)

    def _delete(self) -> None:
        if self.picture is None:
            return
        study = self.picture.study
        if self.picture.job is not None and self.picture.job.ended_at is None:
            self.desk.say(Notice(f"{study.request.title} is still running.", "Cancel it first.", "attention"))
            return

        def deleted(_: object) -> None:
            self.picture = None
            self._open("")
            undo = Action("again", "Ask again", lambda: self._ask_again(study.request))
            self.desk.say(Notice(f"The optimization of {study.request.title} was deleted.", action=undo))

        self.desk.bridge.run(lambda workspace: delete_study(workspace.folder, study.id), deleted, self.desk.complain)

    def _ask_again(self, request: StudyRequest) -> None:
        self.form.show_request(request)
        self._open(NEW)

    def _save(self, name: str) -> None:
        if self.picture is not None:
            path = ask_where(self, self.picture.study, self.picture.state.candidates[name])
            if path:
                self.save_variant(name, path)

    def save_variant(self, name: str, path: str) -> None:
        """Write the file of a variant of the open study to `path`."""
        if self.picture is not None:
            save_variant(self.desk, self.picture.study, name, path)

    def _write_report(self) -> None:
        if self.picture is not None:
            path = ask_for_report(self, self.picture.study)
            if path:
                self.write_report(path)

    def write_report(self, path: str) -> None:
        """Write the report of the open study: a PDF when the name says so, else HTML."""
        if self.picture is not None:
            write_report(self.desk, self.picture.study, path)

    def _import(self) -> None:
        if self.picture is None:
            return
        from edgeyard.desktop.models_page.import_dialog import ImportDialog
        from edgeyard.desktop.page import Place

        request = self.picture.study.request
        dialog = ImportDialog(self.desk.bridge, self.desk.window, str(request.model))
        dialog.data.setText(str(request.data))
        dialog.imported.connect(lambda *_: self.desk.go(Place("models")))
        dialog.open()
