"""What dragging does, by keyboard and menu."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from edgeyard.desktop.drag import read_version
from edgeyard.desktop.fleet_page.page import FleetPage
from edgeyard.desktop.models_page.page import ModelsPage
from edgeyard.desktop.page import Place
from edgeyard.desktop.plan.plan_dialog import PlanDialog
from edgeyard.desktop.shell.main_window import MainWindow
from tests.unit.desktop.plan_desk import make_site, open_window

HALL_A = 2


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    with open_window(qtbot, make_site(tmp_path)) as opened:
        yield opened


@pytest.fixture
def models(window: MainWindow) -> ModelsPage:
    page = window.page("models")
    assert isinstance(page, ModelsPage)
    return page


def plans(window: MainWindow) -> list[PlanDialog]:
    return window.findChildren(PlanDialog)


def test_copy_on_the_version_and_paste_on_the_group_do_the_same(
    qtbot: QtBot, window: MainWindow, models: ModelsPage
) -> None:
    models.tree.choose("v:2")
    models.tree.setFocus()
    qtbot.keyClick(models.tree, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    copied = read_version(QGuiApplication.clipboard().mimeData())
    assert copied is not None
    assert copied.label == "yard-vision 2"
    window.go(Place("fleet"))
    fleet = window.page("fleet")
    assert isinstance(fleet, FleetPage)
    fleet.tree.pick(HALL_A)
    qtbot.keyClick(fleet.tree, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: len(plans(window)) == 1, timeout=5_000)
    assert plans(window)[0].head.group_name() == "hall-a"


def test_roll_out_is_in_the_menu_of_the_version(qtbot: QtBot, window: MainWindow, models: ModelsPage) -> None:
    models.tree.choose("v:2")
    action = next(action for action in models.actions_here() if action.id == "roll-out")
    assert action.refusal() == ""
    action.run()
    qtbot.waitUntil(lambda: len(plans(window)) == 1, timeout=5_000)
    assert plans(window)[0].head.version_id() == 2
