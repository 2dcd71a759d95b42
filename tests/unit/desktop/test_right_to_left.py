"""Widgets that are painted by hand lie the other way round for people who read from the right."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from edgeyard.desktop.device_page.problem import Problem
from edgeyard.desktop.device_page.section import Chips, ProblemBox
from edgeyard.desktop.fleet_page.key_figure import KeyFigure
from edgeyard.desktop.fleet_page.legend import StatusLegend
from edgeyard.desktop.fleet_page.need import Need
from edgeyard.desktop.fleet_page.need_panel import NeedButton
from edgeyard.desktop.look.theme import Theme
from edgeyard.desktop.rollouts_page.finding_list import ShapedLine
from edgeyard.desktop.shell.header import FindButton
from edgeyard.desktop.shell.site_state import CellState
from edgeyard.desktop.shell.status_bar import StatusCell
from edgeyard.desktop.trend import EMPTY_TREND
from edgeyard.domain.device import DeviceStatus
from tests.unit.desktop.fleet_world import frame_of, mixed_fleet

SIZE = (320, 72)
NEAR = 6
"""Letters differ in the room they leave on either side."""


@pytest.fixture
def application(qapp: QApplication, theme: Theme) -> Iterator[QApplication]:
    yield qapp
    qapp.setLayoutDirection(Qt.LayoutDirection.LeftToRight)


def words(text: str) -> str:
    """Qt's labels lie as their text reads, whatever the window does: make it a text of the window's direction."""
    return f"\u200f{text}" if QApplication.layoutDirection() == Qt.LayoutDirection.RightToLeft else text


def find_button() -> QWidget:
    return FindButton(lambda: None)


def key_figure() -> QWidget:
    made = KeyFigure("Online", 0)
    made.show_value(EMPTY_TREND, of="of 300")
    return made


def status_cell() -> QWidget:
    made = StatusCell("Hub")
    made.show_state(CellState("running", DeviceStatus.HEALTHY, "Running."))
    return made


def need_button() -> QWidget:
    return NeedButton(Need("press-hall", "3 of 12 devices", DeviceStatus.UPDATING, fraction=0.25))


def legend() -> QWidget:
    made = StatusLegend()
    made.show_frame(frame_of(mixed_fleet()))
    return made


def chips() -> QWidget:
    made = Chips()
    made.show_texts(["hall=a"])
    return made


def problem() -> QWidget:
    return ProblemBox(Problem(DeviceStatus.ALARM, words("Dark camera."), words("Clean its lens.")))


def finding() -> QWidget:
    return ShapedLine(DeviceStatus.ALARM, words("Too slow."))


def ink(widget: QWidget) -> np.ndarray:
    """Which columns of the widget's inside differ from its ground."""
    image = widget.grab().toImage()
    image = image.convertToFormat(image.Format.Format_RGB32)
    pixels = np.array(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)[..., :3]
    inner = pixels[4:-4, 4:-4].astype(int)
    ground = inner[-2, inner.shape[1] // 2]
    return (np.abs(inner - ground).max(axis=2) > 24).any(axis=0)


def extent(columns: np.ndarray) -> tuple[int, int]:
    """Empty columns before the first ink, and behind the last."""
    found = np.flatnonzero(columns)
    return int(found[0]), int(len(columns) - 1 - found[-1])


@pytest.mark.parametrize("make", [find_button, key_figure, status_cell, need_button, legend, chips, problem, finding])
def test_what_stands_on_the_left_stands_on_the_right(
    qtbot: QtBot, application: QApplication, make: Callable[[], QWidget]
) -> None:
    seen = []
    for direction in (Qt.LayoutDirection.LeftToRight, Qt.LayoutDirection.RightToLeft):
        application.setLayoutDirection(direction)
        widget = make()
        qtbot.addWidget(widget)
        widget.resize(*SIZE)
        seen.append(ink(widget))
    (before, behind), (before_mirrored, behind_mirrored) = map(extent, seen)
    assert abs(before - behind_mirrored) <= NEAR
    assert abs(behind - before_mirrored) <= NEAR
    width = [np.count_nonzero(columns) for columns in seen]
    assert abs(width[0] - width[1]) <= 0.15 * width[0], "nothing lies over another"
