"""The Rollouts page on rollouts in every condition, read from a real database and updated live."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from edgeyard.commands.site_folder import SiteFolder
from edgeyard.desktop.page import Place
from edgeyard.desktop.rollouts_page.execution_table import ExecutionTableModel
from edgeyard.desktop.rollouts_page.finding_list import ShapedLine
from edgeyard.desktop.rollouts_page.page import RolloutsPage
from edgeyard.desktop.rollouts_page.picture import CellKind, RolloutPicture
from edgeyard.desktop.rollouts_page.rollout_list import row_sentence
from edgeyard.desktop.shell.main_window import MainWindow
from edgeyard.domain.execution import Execution, ExecutionState
from edgeyard.domain.rollout import RolloutAct, RolloutState
from edgeyard.store import rollout
from edgeyard.store.database import Connection
from tests.unit.desktop import plan_world as world
from tests.unit.desktop.plan_desk import database_of, make_site, open_window

DONE, FAILED, WAITING, RUNNING = 1, 2, 3, 4
WHY = "Self-test accuracy 55.3 % is below 80.7 % (the previous model reaches 82.7 %)."


def seed(c: Connection, now: float) -> None:
    world.seed_site(c, now)
    versions = world.seed_versions(c, now)
    world.seed_devices(c, now, versions[2])
    world.seed_groups(c, now)
    good = world.evidence_of(0.827, 0.683)
    done = world.add_rollout(c, versions[2], versions[1], now - 4000)
    for index in range(3):
        world.pass_wave(c, done, index, now - 3900 + 300 * index, good)
    rollout.set_rollout_state(c, done, RolloutState.SUCCEEDED, "", now - 3000)
    world.fail_wave(c, world.add_rollout(c, versions[3], versions[2], now - 2000), 0, now - 1990, WHY)
    waiting = world.add_rollout(c, versions[2], versions[1], now - 900, group="hall-a")
    world.pass_wave(c, waiting, 0, now - 890, good)
    world.stall_wave(c, waiting, 1, now - 700)
    running = world.add_rollout(c, versions[2], versions[1], now - 200)
    world.pass_wave(c, running, 0, now - 190, good)
    states = [ExecutionState.SUCCEEDED, ExecutionState.TRIAL, ExecutionState.DOWNLOADING, ExecutionState.NOTIFIED]
    world.advance_wave(c, running, 1, now - 60, states)


@pytest.fixture
def folder(tmp_path: Path) -> SiteFolder:
    return make_site(tmp_path, seed)


@pytest.fixture
def window(qtbot: QtBot, folder: SiteFolder) -> Iterator[MainWindow]:
    with open_window(qtbot, folder, "rollouts") as opened:
        yield opened


@pytest.fixture
def page(window: MainWindow) -> RolloutsPage:
    found = window.page("rollouts")
    assert isinstance(found, RolloutsPage)
    return found


def show(qtbot: QtBot, window: MainWindow, page: RolloutsPage, rollout_id: int) -> None:
    window.go(Place("rollouts", str(rollout_id)))
    qtbot.waitUntil(lambda: page.picture is not None and page.picture.rollout.id == rollout_id, timeout=5_000)


def texts(widget: QWidget) -> str:
    return "\n".join(label.text() for label in widget.findChildren(QLabel))


def enabled(page: RolloutsPage) -> dict[str, bool]:
    return {made.text(): made.isEnabled() for made in page.subject.acts.buttons.values() if not made.isHidden()}


def test_the_newest_rollout_is_shown_first_and_rows_say_all(
    qtbot: QtBot, window: MainWindow, page: RolloutsPage
) -> None:
    show(qtbot, window, page, RUNNING)
    said = [row_sentence(summary, time.time()) for summary in window.desk.feeds.rollouts.latest]
    assert said[0].startswith("Rollout 4: yard-vision 2 to plant, Running, 3 of 12 devices succeeded, 3 min ago")
    assert said[2].startswith("Rollout 2: yard-vision 3 to plant, Failed, 0 of 12 devices succeeded")


def test_waves_are_a_picture_of_cells(qtbot: QtBot, window: MainWindow, page: RolloutsPage) -> None:
    show(qtbot, window, page, RUNNING)
    said = page.subject.waves.accessibleDescription()
    assert said == ("Wave 1 passed: 2 succeeded. Wave 2 in progress: 3 in work · 1 succeeded. Wave 3 waits: 6 waiting.")


def test_clicking_a_cell_chooses_the_device_and_shows_its_evidence(
    qtbot: QtBot, window: MainWindow, page: RolloutsPage
) -> None:
    show(qtbot, window, page, FAILED)
    bad = next(row for row in page.picture.rows if row.kind is CellKind.BAD)
    cell = page.subject.waves.cell_rect(bad.device_id)
    qtbot.mouseClick(page.subject.waves, Qt.MouseButton.LeftButton, pos=cell.center())
    shown = texts(page._details)
    assert bad.device_id in shown
    assert WHY in shown
    assert "82.7 % by its previous model" in shown
    assert page.close_details()
    assert page._details.isHidden()


def test_devices_are_filtered_and_sorted(qtbot: QtBot, window: MainWindow, page: RolloutsPage) -> None:
    show(qtbot, window, page, RUNNING)
    table = page.subject.devices
    assert table.model.rowCount() == 12
    table.filter.setText("wave 2 trial")
    assert table.model.rowCount() == 1
    table.filter.setText("")
    table.table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    names = [table.model.index(place, 0).data() for place in range(3)]
    assert names == ["press-14", "press-13", "press-12"]


def test_the_table_model_keeps_qts_rules(qtbot: QtBot, window: MainWindow, page: RolloutsPage) -> None:
    show(qtbot, window, page, RUNNING)
    model = ExecutionTableModel()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.show_picture(page.picture)
    model.set_filter("wave 3")
    model.show_picture(page.picture)
    model.sort(2)
    model.set_filter("nothing of that name")
    assert model.rowCount() == 0
    tester.deleteLater()


def test_gates_show_each_finding_with_its_verdict(qtbot: QtBot, window: MainWindow, page: RolloutsPage) -> None:
    show(qtbot, window, page, WAITING)
    lines = [line.accessibleName() for line in page.subject.gates.findChildren(ShapedLine)]
    assert any(line.startswith("Passed: Self-test accuracy is 14.4 points higher") for line in lines)
    assert any(line.startswith("Not decided: 16 inferences are too few to judge errors") for line in lines)


def test_the_story_has_the_newest_entry_first(qtbot: QtBot, window: MainWindow, page: RolloutsPage) -> None:
    show(qtbot, window, page, FAILED)
    told = texts(page.subject.story)
    assert told.index("Failed") < told.index("Wave 1 in progress") < told.index("Scheduled")


@pytest.mark.parametrize(
    ("rollout_id", "buttons"),
    [
        (RUNNING, {"Pause": True, "Undo": True, "Abort…": True}),
        (WAITING, {"Accept and go on": True, "Undo": True, "Abort…": True}),
        (DONE, {"Undo": True}),
        # Nothing of it runs anywhere any more.
        (FAILED, {"Undo": False}),
    ],
)
def test_acts_are_offered_by_state(
    qtbot: QtBot, window: MainWindow, page: RolloutsPage, rollout_id: int, buttons: dict[str, bool]
) -> None:
    show(qtbot, window, page, rollout_id)
    assert enabled(page) == buttons


def test_each_act_says_in_one_line_what_it_would_do(qtbot: QtBot, window: MainWindow, page: RolloutsPage) -> None:
    show(qtbot, window, page, RUNNING)
    tips = {act: made.toolTip() for act, made in page.subject.acts.buttons.items()}
    assert tips[RolloutAct.PAUSE] == "3 devices in work finish; 6 that wait do not start until you resume."
    assert tips[RolloutAct.UNDO] == "3 devices go back to the model each ran before, wave by wave."
    assert "3 that finished keep yard-vision 2" in tips[RolloutAct.ABORT]
    show(qtbot, window, page, WAITING)
    assert page.subject.acts.effect.text() == (
        "Accept and go on: Takes wave 2 as passed on your word; the next wave starts."
    )


def with_first_models(picture: RolloutPicture, devices: int) -> RolloutPicture:
    """The same rollout, had so many of its devices run nothing before."""
    names = {row.device_id for row in picture.rows[:devices]}

    def changed(execution: Execution) -> Execution:
        return replace(execution, previous_digest="") if execution.device_id in names else execution

    rows = tuple(replace(row, latest=changed(row.latest)) for row in picture.rows)
    executions = tuple(changed(execution) for execution in picture.rollout.executions)
    return replace(picture, rows=rows, rollout=replace(picture.rollout, executions=executions))


def test_undo_says_which_devices_have_nothing_to_go_back_to(
    qtbot: QtBot, window: MainWindow, page: RolloutsPage
) -> None:
    show(qtbot, window, page, DONE)
    acts, undo = page.subject.acts, page.subject.acts.buttons[RolloutAct.UNDO]
    acts.show_picture(with_first_models(page.picture, 11))
    assert undo.isEnabled()
    assert undo.toolTip() == (
        "1 device goes back to the model it ran before, wave by wave. "
        "11 devices had no model before and keep yard-vision 2."
    )
    acts.show_picture(with_first_models(page.picture, 12))
    assert not undo.isEnabled()
    assert undo.toolTip() == "Its devices had no model before this rollout, so there is nothing to go back to."


def test_undo_is_a_click_and_becomes_a_command_row(
    qtbot: QtBot, window: MainWindow, page: RolloutsPage, folder: SiteFolder
) -> None:
    show(qtbot, window, page, DONE)
    page.subject.acts.buttons[RolloutAct.UNDO].click()
    qtbot.waitUntil(lambda: bool(page.picture.asked), timeout=5_000)
    assert page.subject.acts.effect.text() == "Asked for: undo. The hub carries it out."
    assert enabled(page) == {"Undo": False}
    with database_of(folder) as database, database.read() as c:
        assert [(command.rollout_id, command.act) for command in rollout.open_commands(c)] == [(1, RolloutAct.UNDO)]


def test_abort_names_what_is_lost_before_it_happens(
    qtbot: QtBot, window: MainWindow, page: RolloutsPage, folder: SiteFolder
) -> None:
    show(qtbot, window, page, RUNNING)
    acts = page.subject.acts
    acts.buttons[RolloutAct.ABORT].click()
    assert "Ends it for good: 3 in work go back, 6 that wait get nothing" in texts(acts._popover)
    with database_of(folder) as database, database.read() as c:
        assert rollout.open_commands(c) == []
    confirm = next(b for b in acts._popover.findChildren(QPushButton) if b.text() == "Abort the rollout")
    confirm.click()
    qtbot.waitUntil(lambda: page.picture.asked == (RolloutAct.ABORT,), timeout=5_000)


def test_what_devices_report_appears_by_itself_and_the_choice_stays(
    qtbot: QtBot, window: MainWindow, page: RolloutsPage, folder: SiteFolder
) -> None:
    show(qtbot, window, page, RUNNING)
    waiting = page.picture.by_wave[2][0]
    page.subject.devices.choose(waiting.device_id)
    page.subject.devices.table.setFocus()
    with database_of(folder) as database, database.write() as c:
        rollout.set_execution_state(c, waiting.latest.id, ExecutionState.FAILED, "The disk is full.", None, time.time())
    qtbot.waitUntil(lambda: page.picture.by_wave[2][0].kind is CellKind.BAD, timeout=5_000)
    current = page.subject.devices.table.currentIndex()
    assert page.subject.devices.model.row_at(current).device_id == waiting.device_id
    assert "1 ended badly" in page.subject.waves.accessibleDescription()


def test_a_site_without_rollouts_says_how_to_begin(qtbot: QtBot, tmp_path: Path) -> None:
    with open_window(qtbot, make_site(tmp_path / "new"), "rollouts") as opened:
        found = opened.page("rollouts")
        assert "No rollouts yet" in texts(found)
        assert all(action.refusal() for action in found.actions_here())
