"""The Optimize page on a real site: a model and data are dropped, planned, run, looked at, reported, run again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from PySide6.QtCore import QModelIndex, QPointF, Qt
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from edgeyard.commands.site_folder import SiteFolder
from edgeyard.commands.study import list_studies
from edgeyard.desktop.app import Desktop
from edgeyard.desktop.optimize_page.candidate_table import CandidateTableModel
from edgeyard.desktop.optimize_page.layer_table import LayerTableModel, layer_errors
from edgeyard.desktop.optimize_page.page import OptimizePage
from edgeyard.desktop.optimize_page.pareto_chart import ticks
from edgeyard.desktop.optimize_page.step_table import StepTableModel
from edgeyard.desktop.optimize_page.study_state import CACHED, DONE, FAILED, PROVES, RUNS, WAITS, fold
from edgeyard.desktop.page import Place
from edgeyard.desktop.shell.main_window import MainWindow
from edgeyard.domain.model import Evidence
from edgeyard.optimize.engine.event import (
    CandidateProven,
    JobPicked,
    JobPlanned,
    ParetoChanged,
    StepDone,
    StepFailed,
    StepProgress,
    StepStarted,
)
from edgeyard.optimize.engine.job import ProfileBudget
from edgeyard.optimize.engine.result import Candidate, Choice
from edgeyard.optimize.recipe.plan import Plan, PlannedStep
from edgeyard.optimize.step import Trait
from edgeyard.resource import resource_path
from edgeyard.trust.artifact_file import hash_file

MODEL = resource_path("demo", "yard-vision-1.onnx")
DATA = resource_path("demo", "evaluation.npz")
RUN_TIMEOUT_MS = 90_000


def _candidate(name: str, accuracy: float = 0.8, ratio: float = 1.0) -> Candidate:
    evidence = Evidence(accuracy=accuracy, accuracy_low=0.7, accuracy_high=0.9, samples=50, latency_ratio=ratio)
    return Candidate(name, name, Trait(), Path(f"{name}.onnx"), "a" * 64, 1000, evidence)


EVENTS = [
    JobPlanned(
        plan=Plan((PlannedStep("a", "x", "A", "fp32", True, 3.0), PlannedStep("b", "x", "B", "a", True, 1.0)), 1)
    ),
    StepStarted(step="fp32", phase="prove"),
    CandidateProven(candidate=_candidate("fp32"), fraction=0.2),
    StepStarted(step="a", text="Making a."),
    StepProgress(step="a", done=0.5, text="Half."),
    StepDone(step="a", took_s=2.0, notes=("Made.",), figures={"layers": [{"name": "conv", "sqnr_db": 31.0}]}),
    StepStarted(step="a", phase="prove"),
    CandidateProven(candidate=_candidate("a", 0.79, 1.8), fraction=0.6),
    ParetoChanged(names=("fp32", "a"), picked={"host": "a"}),
    StepStarted(step="b"),
    StepFailed(step="b", cause="crashed", reason="It crashed."),
    JobPicked(choices=(Choice("host", "a", {"a": "Chosen.", "fp32": "Not chosen."}),), fraction=1.0),
]


@pytest.mark.parametrize(
    ("seen", "states"),
    [
        (1, {"fp32": WAITS, "a": WAITS, "b": WAITS}),
        (4, {"fp32": DONE, "a": RUNS, "b": WAITS}),
        (7, {"fp32": DONE, "a": PROVES, "b": WAITS}),
        (12, {"fp32": DONE, "a": DONE, "b": FAILED}),
    ],
)
def test_the_steps_stand_where_the_events_say(seen: int, states: dict[str, str]) -> None:
    folded = fold(EVENTS[:seen])
    assert {step.id: step.state for step in folded.steps.values()} == states


def test_a_step_that_was_computed_before_says_so() -> None:
    folded = fold([EVENTS[0], StepDone(step="a", took_s=0.0, cached=True)])
    assert folded.steps["a"].state == CACHED


def test_progress_never_falls_and_the_choice_is_kept() -> None:
    folded = fold([*EVENTS, StepStarted(step="a", fraction=0.1)])
    assert folded.fraction == 1.0
    assert folded.profiles_of("a") == ("host",)
    assert folded.names_pareto == {"fp32", "a"}
    assert folded.rejected["b"].reason == "It crashed."
    assert layer_errors(folded.figures) == {"conv": 31.0}


def test_the_item_models_keep_qts_contract(qtbot: QtBot) -> None:
    del qtbot
    candidates, steps, layers = CandidateTableModel(), StepTableModel(), LayerTableModel()
    testers = [QAbstractItemModelTester(model) for model in (candidates, steps, layers)]
    for seen in range(len(EVENTS) + 1):
        state = fold(EVENTS[:seen])
        candidates.show_state(state)
        steps.show_state(state)
    for column in range(candidates.columnCount()):
        candidates.sort(column)
    assert candidates.name_at(candidates.row_of("a")) == "a"
    assert candidates.rowCount(QModelIndex()) == 2
    assert len(testers) == 3


def test_axis_ticks_are_round_and_within() -> None:
    assert ticks(0.0, 2.0) == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert ticks(81.0, 89.4) == [82.0, 84.0, 86.0, 88.0]
    assert all(0.1 <= value <= 0.13 for value in ticks(0.1, 0.13))


@pytest.fixture
def page(qtbot: QtBot, open_desktop: Callable[..., Desktop], make_site: Callable[[int], SiteFolder]) -> OptimizePage:
    window: MainWindow = open_desktop(folder=make_site(0)).open_window()
    qtbot.waitUntil(lambda: window.session.feeds.jobs.latest is not None, timeout=10_000)
    window.go(Place("optimize"))
    found = window.findChild(OptimizePage)
    assert isinstance(found, OptimizePage)
    return found


def test_what_is_missing_is_said_beside_the_fields(qtbot: QtBot, page: OptimizePage) -> None:
    page.activate("new")
    page.form.start()
    assert "No model" in page.form.trouble.text()
    page.form.take(MODEL)
    page.form.start()
    assert "No data" in page.form.trouble.text()
    page.form.take(Path("/nowhere/data.npz"))
    page.form.start()
    qtbot.waitUntil(lambda: "There is no data" in page.form.trouble.text(), timeout=5_000)
    page.form.take(DATA)
    page.form.recipe.setPlainText("steps:\n  - id: x\n    pass: nonsense\n")
    page.form.plan()
    qtbot.waitUntil(lambda: "Line 3" in page.form.trouble.text(), timeout=10_000)
    assert list_studies(page.desk.folder) == []


def test_bounds_are_asked_for_and_begin_from_an_earlier_study(page: OptimizePage) -> None:
    page.form.take(MODEL)
    page.form.take(DATA)
    assert page.form.request().limits == ProfileBudget()
    wanted = ProfileBudget(size_bytes=250_000, latency_ms=1.5, memory_bytes=64_000_000)
    page.form.show_request(msgspec.structs.replace(page.form.request(), limits=wanted))
    assert page.form.request().limits == wanted


def test_from_a_dropped_model_to_a_report_and_back(qtbot: QtBot, page: OptimizePage, tmp_path: Path) -> None:
    page.activate("new")
    page.form.take(MODEL)
    page.form.take(DATA)
    page.form.plan()
    qtbot.waitUntil(lambda: page.form.outline.rowCount() > 0, timeout=30_000)
    page.form.start()
    qtbot.waitUntil(lambda: page.picture is not None and page.picture.state.ended, timeout=RUN_TIMEOUT_MS)
    assert page.picture is not None
    picked = page.picture.state.picked["host"]
    qtbot.waitUntil(lambda: bool(page.picture and page.picture.layers and page.picture.recipe), timeout=5_000)

    place = page.view.chart.place_of(picked)
    assert place is not None
    QTest.mouseClick(page.view.chart, Qt.MouseButton.LeftButton, pos=QPointF(place).toPoint())
    assert page.details.isVisible()
    [save] = [each for each in page.evidence.findChildren(QPushButton) if each.text() == "Save the file…"]
    assert save.isEnabled()
    page.save_variant(picked, str(tmp_path / "chosen.onnx"))
    qtbot.waitUntil((tmp_path / "chosen.onnx").exists, timeout=5_000)
    assert hash_file(tmp_path / "chosen.onnx")[0] == page.picture.state.candidates[picked].sha256
    page.view.choose(picked, "fp32")
    assert page.details.title.text() == f"{picked} and fp32"
    assert page.close_details()
    assert page.view.layers.rowCount() > 5

    for name in ("report.html", "report.pdf"):
        page.write_report(str(tmp_path / name))
        qtbot.waitUntil(lambda name=name: (tmp_path / name).exists(), timeout=5_000)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert picked in text
    assert "yard-vision-1" in text
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")

    page._again()
    qtbot.waitUntil(lambda: bool(page.picture and page.picture.job and page.picture.job.id == 2), timeout=5_000)
    qtbot.waitUntil(
        lambda: bool(page.picture and page.picture.job and page.picture.job.state == "done"), timeout=RUN_TIMEOUT_MS
    )
    assert page.picture.state.steps["int8-u8s8"].state in (CACHED, DONE)
    page._delete()
    qtbot.waitUntil(lambda: list_studies(page.desk.folder) == [], timeout=5_000)
