"""One study: where it stands, its candidates over speed and accuracy, its steps, layers, graph and recipe."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QPlainTextEdit,
    QProgressBar,
    QSplitter,
    QTableView,
    QTabWidget,
    QWidget,
)

from edgeyard.commands.study import Study
from edgeyard.desktop.jobs.job_list import LIVE, state_words
from edgeyard.desktop.look.font import LARGE, SEMIBOLD
from edgeyard.desktop.optimize_page.advice_list import AdviceList
from edgeyard.desktop.optimize_page.candidate_table import PICKED, CandidateTableModel
from edgeyard.desktop.optimize_page.candidate_words import one_line, picked_words
from edgeyard.desktop.optimize_page.graph_picture import GraphPicture
from edgeyard.desktop.optimize_page.layer_table import BarDelegate, LayerTableModel, layer_errors
from edgeyard.desktop.optimize_page.pareto_chart import Mark, ParetoChart
from edgeyard.desktop.optimize_page.step_table import StepTableModel
from edgeyard.desktop.optimize_page.study_state import StudyState
from edgeyard.desktop.plan.evidence_words import duration
from edgeyard.desktop.widget.basic import ElidedLabel, button, column, panel, row
from edgeyard.optimize.advice.advisory import Advice
from edgeyard.optimize.engine.result import Candidate
from edgeyard.optimize.graph_layout import GraphLayout
from edgeyard.optimize.summary import LayerRow
from edgeyard.store.job import Job

_STEPS = 1000
_PERCENT = 100
_COLUMN_GAP = 8


@dataclass(frozen=True, slots=True)
class StudyPicture:
    """Everything the page shows of one study, read and folded away from the window's thread."""

    study: Study
    job: Job | None
    state: StudyState
    layers: tuple[LayerRow, ...] = ()
    layout: GraphLayout | None = None
    recipe: str = ""
    advice: tuple[Advice, ...] = ()


class StudyView(QWidget):
    """The middle of the page. What the person wants comes out as signals."""

    chosen = Signal(tuple)
    """Names of the chosen candidate, and of one to compare it with."""
    cancel_wanted = Signal()
    again_wanted = Signal()
    report_wanted = Signal()
    import_wanted = Signal()
    change_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._picture: StudyPicture | None = None
        self._names: tuple[str, ...] = ()
        self._graph_of = ""
        self._fitted: object = None
        self.title = ElidedLabel("", LARGE, weight=SEMIBOLD)
        self.standing = ElidedLabel("", role="quiet")
        self.bar = QProgressBar()
        self.bar.setRange(0, _STEPS)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(4)
        self.bar.setAccessibleName("Progress")
        self.cancel = button("Cancel", self.cancel_wanted.emit)
        self.again = button("Resume", self.again_wanted.emit)
        self.change = button("Change and run…", self.change_wanted.emit)
        self.report = button("Report…", self.report_wanted.emit)
        self.taken = button("Import…", self.import_wanted.emit, name="Import the model into the site")
        self.chart = ParetoChart()
        self.candidates = CandidateTableModel(self)
        self.table = _table(self.candidates, "Variants")
        self.steps = StepTableModel(self)
        self.step_table = _table(self.steps, "Steps")
        self.layers = LayerTableModel(self)
        self.layer_table = _table(self.layers, "Layers")
        self.layer_table.setItemDelegate(BarDelegate(self.layer_table))
        self.graph = GraphPicture()
        self.recipe = QPlainTextEdit()
        self.recipe.setReadOnly(True)
        self.recipe.setAccessibleName("Recipe")
        self.advice = AdviceList()
        self.tabs = QTabWidget()
        self._arrange()
        self.chart.chosen.connect(self._on_chart)
        self.table.selectionModel().currentRowChanged.connect(self._on_row)

    def _arrange(self) -> None:
        self.tabs.setDocumentMode(True)
        found = QSplitter(Qt.Orientation.Vertical)
        found.setChildrenCollapsible(False)
        found.addWidget(self.chart)
        found.addWidget(self.table)
        found.setSizes([280, 220])
        self.step_table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        for widget, title in (
            (found, "Variants"),
            (self.step_table, "Steps"),
            (self.layer_table, "Layers"),
            (self.graph, "Graph"),
            (self.advice, "Advice"),
            (self.recipe, "Recipe"),
        ):
            self.tabs.addTab(widget, title)
        buttons = row(self.cancel, self.again, self.change, self.report, self.taken, spacing=8)
        head = row(self.title, 12, buttons)
        head.setStretch(0, 1)
        layout = column(head, 2, self.standing, 8, self.bar, 4, self.tabs, margins=(16, 12, 16, 12))
        layout.setStretch(6, 1)
        self.setLayout(column(panel(layout)))

    def show_picture(self, picture: StudyPicture) -> None:
        """Take over a reading."""
        state, job = picture.state, picture.job
        first = self._picture is None or self._picture.study.id != picture.study.id
        self._picture = picture
        if first:
            self._names = ()
            self._graph_of = ""
        live = job is not None and job.state in LIVE
        self.title.setText(picture.study.request.title)
        self.standing.setText(standing_words(picture))
        self.bar.setVisible(live)
        self.bar.setValue(round(state.fraction * _STEPS))
        self.cancel.setVisible(live)
        self.again.setVisible(not live)
        self.again.setText("Resume" if job is not None and job.state in ("interrupted", "cancelled") else "Run again")
        self.change.setVisible(not live)
        self.report.setEnabled(state.ended)
        self.taken.setEnabled(state.ended)
        self.candidates.show_state(state)
        self.steps.show_state(state)
        shape = (picture.study.id, frozenset(state.candidates), state.ended)
        if shape != self._fitted:
            self._fitted = shape
            self.table.resizeColumnsToContents()
            for place in range(self.candidates.columnCount()):
                self.table.setColumnWidth(place, self.table.columnWidth(place) + _COLUMN_GAP)
            self.step_table.resizeColumnsToContents()
        self._show_chosen()
        self.advice.show_advice(picture.advice)
        if self.recipe.toPlainText() != picture.recipe:
            self.recipe.setPlainText(picture.recipe)
        if picture.layout is not None and self._graph_of != picture.study.id:
            self._graph_of = picture.study.id
            self.graph.show_graph(picture.layout, picture.layers)

    @property
    def names(self) -> tuple[str, ...]:
        """The chosen candidate, and one to compare it with."""
        return self._names

    def choose(self, *names: str) -> None:
        """Choose up to two candidates."""
        self._names = tuple(dict.fromkeys(names))[:2]
        self._show_chosen()
        self.chosen.emit(self._names)

    def _show_chosen(self) -> None:
        picture = self._picture
        if picture is None:
            return
        self.chart.show_marks([_mark(found, picture.state) for found in _measured(picture.state)], self._names)
        place = self.candidates.row_of(self._names[0]) if self._names else -1
        if place != self.table.currentIndex().row():
            self.table.setCurrentIndex(self.candidates.index(place, 0) if place >= 0 else QModelIndex())
        figures = picture.state.candidates[self._names[0]].figures if place >= 0 else picture.state.figures
        if self.layers.show_layers(picture.layers, layer_errors(figures)):
            self.layer_table.resizeColumnsToContents()

    def _on_chart(self, name: str, compared: bool) -> None:
        self.choose(*((self._names[0], name) if compared and self._names else (name,)))

    def _on_row(self, current: QModelIndex, _previous: QModelIndex) -> None:
        name = self.candidates.name_at(current.row())
        if name and name not in self._names:
            self.choose(name)


def standing_words(picture: StudyPicture) -> str:
    """Where it stands, and what it came to."""
    job, state = picture.job, picture.state
    if job is not None and job.state in LIVE:
        return f"{state_words(job)} · {duration(state.elapsed_s)} · {state.text}"
    if job is not None and job.state != "done":
        return f"{state_words(job)} · {job.text}"
    if not state.ended:
        return "It was not started."
    picked = ", ".join(
        f"{name or 'none'} for {'this machine' if profile == 'host' else picked_words([profile])}"
        for profile, name in state.picked.items()
    )
    return f"Done in {duration(state.elapsed_s)} · picked {picked}"


def _measured(state: StudyState) -> list[Candidate]:
    """Candidates that have a place in the chart."""
    return [
        found
        for found in state.candidates.values()
        if found.evidence.latency_ratio is not None
        and (found.evidence.accuracy is not None or found.evidence.agreement is not None)
    ]


def _mark(candidate: Candidate, state: StudyState) -> Mark:
    evidence = candidate.evidence
    worth = evidence.accuracy if evidence.accuracy is not None else evidence.agreement or 0.0
    low = evidence.accuracy_low if evidence.accuracy_low is not None else worth
    high = evidence.accuracy_high if evidence.accuracy_high is not None else worth
    return Mark(
        name=candidate.name,
        x=evidence.latency_ratio or 0.0,
        y=worth * _PERCENT,
        low=low * _PERCENT,
        high=high * _PERCENT,
        best=candidate.name in state.names_pareto,
        picked=bool(state.profiles_of(candidate.name)),
        words=one_line(candidate),
    )


def _table(model: CandidateTableModel | StepTableModel | LayerTableModel, name: str) -> QTableView:
    made = QTableView()
    made.setModel(model)
    made.setAccessibleName(name)
    made.setShowGrid(False)
    made.setWordWrap(False)
    made.verticalHeader().hide()
    made.verticalHeader().setDefaultSectionSize(28)
    # What is picked for many kinds of hardware is the only long text; figures stand together at the end.
    made.horizontalHeader().setStretchLastSection(not isinstance(model, CandidateTableModel))
    if isinstance(model, CandidateTableModel):
        made.horizontalHeader().setSectionResizeMode(PICKED, QHeaderView.ResizeMode.Stretch)
    made.horizontalHeader().setHighlightSections(False)
    made.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    made.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    made.setTabKeyNavigation(False)
    if isinstance(model, CandidateTableModel):
        made.setSortingEnabled(True)
        made.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
    return made
