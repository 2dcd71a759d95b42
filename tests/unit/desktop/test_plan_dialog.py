"""The plan as an operator reads it: what, when, gates, key; and the start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from edgeyard.commands.site_folder import SiteFolder
from edgeyard.desktop.plan.hold_button import HOLD_MS
from edgeyard.desktop.plan.install import roll_out
from edgeyard.desktop.plan.plan_dialog import PlanDialog
from edgeyard.desktop.plan.what_panel import ComparisonLine
from edgeyard.desktop.shell.main_window import MainWindow
from edgeyard.domain.rollout import RolloutState
from edgeyard.store import rollout
from tests.unit.desktop.plan_desk import database_of, make_site, open_window

PLANT, HALL_A, JETSONS, ATTIC = 1, 2, 3, 4


@pytest.fixture
def folder(tmp_path: Path) -> SiteFolder:
    return make_site(tmp_path)


@pytest.fixture
def window(qtbot: QtBot, folder: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    monkeypatch.setenv("EDGEYARD_PASSPHRASE", "a passphrase of the demo")
    with open_window(qtbot, folder) as opened:
        yield opened


def planned(qtbot: QtBot, window: MainWindow, version_id: int, group_id: int) -> PlanDialog:
    dialog = roll_out(window.desk, version_id, group_id)
    assert dialog is not None
    qtbot.waitUntil(lambda: dialog.view is not None and dialog._key_state is not None, timeout=10_000)
    return dialog


def texts(widget: QWidget) -> str:
    return "\n".join(label.text() for label in widget.findChildren(QLabel))


def test_says_what_each_hardware_gets_and_who_is_excluded_why(qtbot: QtBot, window: MainWindow) -> None:
    dialog = planned(qtbot, window, 1, PLANT)
    shown = texts(dialog.what)
    assert "Raspberry Pi 5" in shown
    assert "int8-s8s8 · 98.4 kB · 71.6 % (68.3–74.5) · 1.6 × faster" in shown
    assert "3 devices excluded" in shown
    assert "yard-vision 1 has no variant for Jetson Orin Nano." in shown
    assert "press-5, press-10, press-15" in shown


def test_a_version_that_is_worse_than_what_runs_is_called_so_in_amber(qtbot: QtBot, window: MainWindow) -> None:
    dialog = planned(qtbot, window, 3, PLANT)
    (line,) = dialog.what.findChildren(ComparisonLine)
    assert line.accessibleName() == "Accuracy 29.8 points below yard-vision 2, which runs on 12 of these devices"
    assert line.worse


def test_waves_are_drawn_from_the_forecast_with_bytes_and_blast_radius(qtbot: QtBot, window: MainWindow) -> None:
    dialog = planned(qtbot, window, 3, PLANT)
    said = dialog.when.timeline.accessibleDescription()
    assert "Wave 1 gives the version to 2 devices" in said
    assert "12 of 12 devices (100%)" in said


def test_edited_waves_are_planned_again(qtbot: QtBot, window: MainWindow) -> None:
    dialog = planned(qtbot, window, 3, PLANT)
    dialog.when.percents.setText("50, 100")
    dialog.when.percents.editingFinished.emit()
    qtbot.waitUntil(lambda: dialog.view is not None and len(dialog.view.prepared.waves) == 2, timeout=5_000)
    assert [len(wave) for wave in dialog.view.prepared.waves] == [6, 6]


def test_waves_that_cannot_be_are_said_inline_and_stop_the_start(qtbot: QtBot, window: MainWindow) -> None:
    dialog = planned(qtbot, window, 2, PLANT)
    dialog.when.percents.setText("50, 20")
    dialog.when.percents.editingFinished.emit()
    assert "50, 20" in dialog.trouble.text()
    assert "end with 100" in dialog.trouble.text()
    assert not dialog.start.isEnabled()


def test_an_edited_gate_is_in_the_policy_that_starts(qtbot: QtBot, window: MainWindow) -> None:
    dialog = planned(qtbot, window, 1, PLANT)
    accuracy = next(gate for gate in dialog.gates if gate.rule.name == "accuracy")
    accuracy.number.setValue(3.5)
    qtbot.waitUntil(lambda: dialog.view.prepared.policy.gate.max_accuracy_drop == 0.035, timeout=5_000)
    accuracy.number.setValue(99.0)
    assert accuracy.number.value() == 20.0


def test_a_signed_version_starts_without_a_key_and_shows_the_rollout(
    qtbot: QtBot, window: MainWindow, folder: SiteFolder
) -> None:
    dialog = planned(qtbot, window, 1, PLANT)
    assert dialog.start.text() == "Start on 12 devices"
    qtbot.mouseClick(dialog.start, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.place.page == "rollouts", timeout=10_000)
    with database_of(folder) as database, database.read() as c:
        started = rollout.get_rollout(c, int(window.place.subject))
    assert started.state is RolloutState.SCHEDULED
    assert len(started.executions) == 12


def test_a_production_group_must_be_held_for_a_second(qtbot: QtBot, window: MainWindow) -> None:
    dialog = planned(qtbot, window, 1, HALL_A)
    assert "Hold to start on" in dialog.start.text()
    qtbot.mouseClick(dialog.start, Qt.MouseButton.LeftButton)
    assert dialog.hint.text() == "Hold it for one second"
    assert window.place.page == "models"
    qtbot.mousePress(dialog.start, Qt.MouseButton.LeftButton)
    qtbot.wait(HOLD_MS // 2)
    assert 0.3 < dialog.start.progress() < 0.8
    qtbot.waitUntil(lambda: window.place.page == "rollouts", timeout=10_000)


def test_holding_works_by_keyboard_too(qtbot: QtBot, window: MainWindow) -> None:
    dialog = planned(qtbot, window, 1, HALL_A)
    dialog.start.setFocus()
    qtbot.keyPress(dialog.start, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: window.place.page == "rollouts", timeout=10_000)


def test_a_group_nobody_of_which_can_take_it_says_why(qtbot: QtBot, window: MainWindow) -> None:
    dialog = planned(qtbot, window, 1, JETSONS)
    assert "has no variant for Jetson Orin Nano" in dialog.trouble.text()
    assert not dialog.start.isEnabled()


def test_an_empty_group_says_so(qtbot: QtBot, window: MainWindow) -> None:
    dialog = planned(qtbot, window, 1, ATTIC)
    assert dialog.trouble.text() == "The group has no devices."


def test_an_unsigned_version_names_the_key_and_a_failed_signing_is_said_inline(
    qtbot: QtBot, window: MainWindow, folder: SiteFolder
) -> None:
    dialog = planned(qtbot, window, 3, PLANT)
    assert "“approver”" in texts(dialog.key)
    assert "unlocked for this session" in texts(dialog.key)
    assert dialog.start.text() == "Sign and start on 12 devices"
    qtbot.mouseClick(dialog.start, Qt.MouseButton.LeftButton)
    # No hub has ever run in this folder, so nothing can be signed.
    qtbot.waitUntil(lambda: "not joined the site" in dialog.trouble.text(), timeout=10_000)
    assert dialog.start.isEnabled()
    with database_of(folder) as database, database.read() as c:
        assert rollout.list_rollouts(c) == []


def test_without_a_passphrase_in_the_environment_it_is_asked_for_twice_at_first_use(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDGEYARD_PASSPHRASE")
    monkeypatch.setattr("edgeyard.desktop.plan.signing_key.keyring_available", lambda: None)
    dialog = planned(qtbot, window, 3, PLANT)
    qtbot.mouseClick(dialog.start, Qt.MouseButton.LeftButton)
    assert dialog.trouble.text() == "Choose a passphrase for the new key."
    qtbot.keyClicks(dialog.key.passphrase_field, "short")
    qtbot.mouseClick(dialog.start, Qt.MouseButton.LeftButton)
    assert dialog.trouble.text() == "Use at least 8 characters."
    qtbot.keyClicks(dialog.key.passphrase_field, " no longer")
    qtbot.mouseClick(dialog.start, Qt.MouseButton.LeftButton)
    assert dialog.trouble.text() == "Both passphrases must be the same."


def test_the_version_can_be_changed_in_the_plan(qtbot: QtBot, window: MainWindow) -> None:
    dialog = planned(qtbot, window, 3, PLANT)
    dialog.head.version.setCurrentIndex(dialog.head.version.findData(1))
    qtbot.waitUntil(lambda: dialog.view.prepared.plan.version.version == 1, timeout=5_000)
    assert dialog.start.text() == "Start on 12 devices"
