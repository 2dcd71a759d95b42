"""The filter box says what is wrong and never takes a broken filter."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from edgeyard.desktop.fleet_page.filter_box import FilterBox
from edgeyard.desktop.look.theme import Theme
from edgeyard.domain.filter import Filter


@pytest.fixture
def box(qtbot: QtBot, theme: Theme) -> FilterBox:
    made = FilterBox()
    qtbot.addWidget(made)
    made.show()
    return made


def test_a_filter_is_told_a_moment_after_the_last_key(qtbot: QtBot, box: FilterBox) -> None:
    with qtbot.waitSignal(box.changed, timeout=1000) as told:
        qtbot.keyClicks(box.field, "hw:pi5")
    assert isinstance(told.args[0], Filter)
    assert told.args[0].text == "hw:pi5"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("status:purple", "There is no status “purple”"),
        ("colour:red", "The filter knows no “colour:”"),
        ("(hw:pi5", "parenthesis"),
        ("hw:pi5 |", "ends where a term is expected"),
        ('"open', "quotation mark"),
    ],
)
def test_a_broken_filter_is_explained_in_place(qtbot: QtBot, box: FilterBox, text: str, words: str) -> None:
    told: list[Filter] = []
    box.changed.connect(told.append)
    box.set_text(text)
    assert words in box.error()
    assert box.field.accessibleDescription() == box.error()
    assert not told


def test_the_complaint_goes_when_the_filter_is_whole_again(box: FilterBox) -> None:
    box.set_text("status:")
    assert box.error()
    box.set_text("status:alarm")
    assert not box.error()


def test_escape_empties_the_field(qtbot: QtBot, box: FilterBox) -> None:
    box.set_text("hw:pi5")
    qtbot.keyClick(box.field, Qt.Key.Key_Escape)
    assert box.text() == ""
