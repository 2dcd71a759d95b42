"""The map: every device has a place, from one to ten thousand."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from edgeyard.desktop.fleet_frame import FleetFrame
from edgeyard.desktop.fleet_page.heat_layout import SHAPE_FROM, height_for, lay_out
from edgeyard.desktop.fleet_page.heat_map import HeatMap
from edgeyard.desktop.look.palette import LIGHT
from edgeyard.desktop.look.theme import Theme
from tests.unit.desktop.fleet_world import device, frame_of, mixed_fleet

WIDTH = 640


@pytest.mark.parametrize("count", [1, 12, 40, 41, 300, 2000, 10_000, 12_345])
def test_every_device_has_its_own_cell_inside_the_map(count: int) -> None:
    height = height_for(count, WIDTH, 120)
    layout = lay_out(count, WIDTH, height, 120)
    assert layout.count == count
    assert layout.height <= height
    for number in (0, count // 2, count - 1):
        x, y = layout.corner(number)
        assert layout.at(x, y) == number
        assert 0 <= x <= WIDTH - layout.cell_width
    assert layout.at(-1, 0) == -1
    assert layout.at(0, layout.height + 1) == -1


def test_few_devices_are_named_and_many_are_cells() -> None:
    assert lay_out(12, WIDTH, height_for(12, WIDTH, 120), 120).tiles
    cells = lay_out(300, WIDTH, height_for(300, WIDTH, 120), 120)
    assert not cells.tiles
    assert cells.cell_width >= SHAPE_FROM, "three hundred devices still show their shapes"
    assert lay_out(0, WIDTH, 100, 120).count == 0


@pytest.fixture
def map_(qtbot: QtBot, theme: Theme) -> HeatMap:
    made = HeatMap()
    qtbot.addWidget(made)
    made.resize(WIDTH, 260)
    made.show()
    return made


def many(number: int, alarm: int) -> FleetFrame:
    base = device("x")
    devices = [replace(base, id=f"d-{n:05}") for n in range(number)]
    devices[alarm] = replace(devices[alarm], problem="Dark.", problem_severity="alarm")
    return frame_of(devices)


def colour_count(map_: HeatMap, colour: str) -> int:
    image = map_.grab().toImage().convertToFormat(map_.grab().toImage().Format.Format_RGB32)
    pixels = np.array(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)
    wanted = [int(colour[at : at + 2], 16) for at in (5, 3, 1)]
    return int(np.count_nonzero((pixels[..., :3] == wanted).all(axis=2)))


def test_one_alarm_among_ten_thousand_can_be_seen(map_: HeatMap) -> None:
    map_.show_frame(many(10_000, 4321))
    assert colour_count(map_, LIGHT.alarm) >= 20
    map_.show_frame(frame_of([device(f"d-{n:05}") for n in range(10_000)]))
    assert colour_count(map_, LIGHT.alarm) == 0


def test_ten_thousand_cells_are_drawn_within_a_frame(map_: HeatMap) -> None:
    map_.show_frame(many(10_000, 1))
    map_.grab()
    times = []
    for alarm in range(2, 7):
        started = time.thread_time()
        map_.show_frame(many_again(map_, alarm))
        map_.repaint()
        times.append(time.thread_time() - started)
    assert min(times) < 0.05


def many_again(map_: HeatMap, alarm: int) -> FleetFrame:
    status = np.full(10_000, 5, np.uint8)
    status[alarm] = 0
    return replace(map_.frame, status=status)


def test_a_click_chooses_and_a_double_click_opens(qtbot: QtBot, map_: HeatMap) -> None:
    map_.show_frame(frame_of(mixed_fleet()))
    with qtbot.waitSignal(map_.chosen) as chosen:
        qtbot.mouseClick(map_, Qt.MouseButton.LeftButton, pos=QPoint(20, 10))
    assert chosen.args == ["a-alarm"]
    with qtbot.waitSignal(map_.opened) as opened:
        qtbot.mouseDClick(map_, Qt.MouseButton.LeftButton, pos=QPoint(20, 10))
    assert opened.args == ["a-alarm"]


def test_a_click_beside_the_cells_chooses_nothing(qtbot: QtBot, map_: HeatMap) -> None:
    map_.show_frame(frame_of(mixed_fleet()))
    with qtbot.waitSignal(map_.chosen) as chosen:
        qtbot.mouseClick(map_, Qt.MouseButton.LeftButton, pos=QPoint(20, 250))
    assert chosen.args == [""]


def test_arrows_walk_over_the_map(qtbot: QtBot, map_: HeatMap) -> None:
    map_.show_frame(frame_of(mixed_fleet()))
    told: list[str] = []
    map_.chosen.connect(told.append)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_End, Qt.Key.Key_Home):
        qtbot.keyClick(map_, key)
    assert told == ["a-alarm", "b-attention", "a-alarm", "g-updating", "a-alarm"]


def test_a_mask_of_another_fleet_does_no_harm(map_: HeatMap) -> None:
    map_.show_frame(frame_of(mixed_fleet()))
    map_.show_only(np.ones(3, np.bool_))
    map_.grab()
    map_.show_only(np.array([True] + [False] * 6))
    map_.grab()


def test_the_tooltip_names_the_problem(map_: HeatMap) -> None:
    map_.show_frame(frame_of(mixed_fleet()))
    text = map_.describe(0)
    assert text.startswith("a-alarm\nAlarm\nThe camera is dark.")
    assert "Raspberry Pi 5" in text
    assert "last seen never" in map_.describe(5)
