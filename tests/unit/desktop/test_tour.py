"""The tour ticks its steps by what happens on the site, and remembers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from edgeyard.commands.site_folder import SiteFolder
from edgeyard.desktop.page import Place
from edgeyard.desktop.shell.main_window import MainWindow
from edgeyard.desktop.tour.tour_panel import TourPanel
from edgeyard.domain.rollout import RolloutState
from edgeyard.store import model, rollout
from tests.unit.desktop import plan_world as world
from tests.unit.desktop.plan_desk import database_of, make_site, open_window


@pytest.fixture
def folder(tmp_path: Path) -> SiteFolder:
    return make_site(tmp_path)


@pytest.fixture
def window(qtbot: QtBot, folder: SiteFolder) -> Iterator[MainWindow]:
    with open_window(qtbot, folder) as opened:
        yield opened


@pytest.fixture
def tour(window: MainWindow) -> TourPanel:
    window.show_tour()
    found = window.findChild(TourPanel)
    assert isinstance(found, TourPanel)
    return found


def test_nothing_is_ticked_at_first_and_the_first_step_says_what_to_do(tour: TourPanel) -> None:
    assert tour.done() == []
    assert not tour.rows["fleet"]._text.isHidden()
    assert tour.rows["drag"]._text.isHidden()


def test_seeing_the_fleet_ticks_the_first_step(qtbot: QtBot, window: MainWindow, tour: TourPanel) -> None:
    tour.rows["fleet"]._go.click()
    assert window.place == Place("fleet")
    qtbot.waitUntil(lambda: tour.done() == ["fleet"], timeout=5_000)


def test_a_whole_story_ticks_all_other_steps(
    qtbot: QtBot, window: MainWindow, tour: TourPanel, folder: SiteFolder
) -> None:
    with database_of(folder) as database, database.write() as c:
        now = time.time() + 1
        versions = {v.version: v for found in model.list_models(c) for v in found.versions}
        good = world.add_rollout(c, versions[2], versions[1], now)
        world.pass_wave(c, good, 0, now, world.evidence_of(0.827, 0.683))
    qtbot.waitUntil(lambda: tour.done() == ["drag", "waves"], timeout=5_000)
    with database_of(folder) as database, database.write() as c:
        world.fail_wave(c, world.add_rollout(c, versions[3], versions[2], now), 0, now, "It is worse.")
        rollout.set_rollout_state(c, good, RolloutState.UNDOING, "Each device goes back.", now)
    qtbot.waitUntil(lambda: tour.done() == ["drag", "waves", "broken", "undo"], timeout=5_000)
    assert tour.rows["undo"].is_done


def test_what_was_done_and_that_it_was_closed_is_remembered(qtbot: QtBot, window: MainWindow, tour: TourPanel) -> None:
    window.go(Place("fleet"))
    qtbot.waitUntil(lambda: tour.done() == ["fleet"], timeout=5_000)
    memory = window.session.memory
    assert TourPanel.wanted(memory)
    with qtbot.waitSignal(tour.closed):
        tour.dismiss()
    assert not TourPanel.wanted(memory)
    again = TourPanel(window.desk)
    qtbot.addWidget(again)
    assert again.done() == ["fleet"]
