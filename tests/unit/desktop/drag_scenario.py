"""Dragging a version onto a group, with real mouse events through the window system: run by `test_drag_version`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint
from pytestqt.qtbot import QtBot

from edgeyard.commands.site_folder import SiteFolder
from edgeyard.desktop.fleet_page.page import FleetPage
from edgeyard.desktop.models_page.page import ModelsPage
from edgeyard.desktop.plan.plan_dialog import PlanDialog
from edgeyard.desktop.shell.main_window import MainWindow
from edgeyard.store import rollout
from tests.unit.desktop.drag_driver import MouseDrag
from tests.unit.desktop.plan_desk import database_of, make_site, open_window

PLANT, JETSONS = 1, 3


@pytest.fixture
def folder(tmp_path: Path) -> SiteFolder:
    return make_site(tmp_path)


@pytest.fixture
def window(qtbot: QtBot, folder: SiteFolder) -> Iterator[MainWindow]:
    with open_window(qtbot, folder) as opened:
        qtbot.waitExposed(opened)
        yield opened


@pytest.fixture
def models(window: MainWindow) -> ModelsPage:
    page = window.page("models")
    assert isinstance(page, ModelsPage)
    return page


def version_place(models: ModelsPage, version_id: int) -> QPoint:
    rect = models.tree.visualRect(models.model.index_of(f"v:{version_id}"))
    return QPoint(rect.left() + 30, rect.center().y())


def target(models: ModelsPage, window: MainWindow, group_id: int) -> QPoint:
    return models.targets.mapTo(window, models.targets.target(group_id).center())


def answers(window: MainWindow, group_id: int) -> bool:
    return window.desk.drop.answer(group_id).words != "Checking…"


def plans(window: MainWindow) -> list[PlanDialog]:
    return window.findChildren(PlanDialog)


def test_a_version_dropped_on_a_group_opens_the_plan_and_starts_nothing(
    qtbot: QtBot, window: MainWindow, models: ModelsPage, folder: SiteFolder
) -> None:
    drag = MouseDrag(window).wait_for(lambda: answers(window, PLANT))
    drag.move_to(lambda: target(models, window, PLANT))
    drag.look(lambda: window.desk.drop.answer(PLANT).words)
    drag.move_to(lambda: target(models, window, PLANT) + QPoint(3, 0)).release()
    drag.start(models.tree.viewport(), version_place(models, 1))
    assert drag.looks == ["12 of 15 · 3 excluded"]
    qtbot.waitUntil(lambda: len(plans(window)) == 1, timeout=5_000)
    (plan,) = plans(window)
    qtbot.waitUntil(lambda: plan.view is not None, timeout=5_000)
    assert (plan.head.version_id(), plan.head.group_name()) == (1, "plant")
    assert models.targets.isHidden()
    with database_of(folder) as database, database.read() as c:
        assert rollout.list_rollouts(c) == []


def test_a_group_that_cannot_take_it_refuses_while_hovering_and_says_why(
    qtbot: QtBot, window: MainWindow, models: ModelsPage
) -> None:
    drag = MouseDrag(window).wait_for(lambda: answers(window, JETSONS))
    drag.move_to(lambda: target(models, window, JETSONS))
    drag.look(lambda: window.desk.drop.answer(JETSONS).words).release()
    drag.start(models.tree.viewport(), version_place(models, 1))
    assert drag.looks == ["No device can take it. 3 of them: yard-vision 1 has no variant for Jetson Orin Nano."]
    qtbot.wait(200)
    assert plans(window) == []


def test_escape_cancels(qtbot: QtBot, window: MainWindow, models: ModelsPage) -> None:
    drag = MouseDrag(window).wait_for(lambda: answers(window, PLANT))
    drag.move_to(lambda: target(models, window, PLANT)).press_escape()
    drag.look(lambda: str(window.desk.drop.version))
    drag.start(models.tree.viewport(), version_place(models, 1))
    assert drag.looks == ["None"]
    qtbot.wait(200)
    assert plans(window) == []


def test_the_rail_opens_the_fleet_under_a_dragged_version_whose_groups_take_the_drop(
    qtbot: QtBot, window: MainWindow, models: ModelsPage
) -> None:
    rail = window.rail._buttons["fleet"]
    fleet = window.page("fleet")
    assert isinstance(fleet, FleetPage)

    def group_place() -> QPoint:
        tree = fleet.tree
        return tree.viewport().mapTo(window, tree.visualItemRect(tree._items[PLANT]).center())

    drag = MouseDrag(window).wait_for(lambda: answers(window, PLANT))
    drag.move_to(lambda: rail.mapTo(window, rail.rect().center()))
    drag.move_to(lambda: rail.mapTo(window, rail.rect().center() + QPoint(2, 0)))
    drag.wait_for(lambda: window.place.page == "fleet" and fleet.isVisible())
    drag.move_to(group_place).move_to(lambda: group_place() + QPoint(4, 0)).release()
    drag.start(models.tree.viewport(), version_place(models, 1))
    qtbot.waitUntil(lambda: len(plans(window)) == 1, timeout=5_000)
    assert plans(window)[0].head.group_name() == "plant"


def test_rows_stand_still_while_a_version_is_in_the_air(qtbot: QtBot, window: MainWindow, models: ModelsPage) -> None:
    dragged = models.model.dragged(models.model.index_of("v:2"))
    assert dragged is not None
    window.desk.drop.begin(dragged)
    shown = models.model.all_keys()
    models.desk.feeds.models.latest = []
    models._show()
    assert models.model.all_keys() == shown
    window.desk.drop.end()
