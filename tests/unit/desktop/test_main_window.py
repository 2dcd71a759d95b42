"""The window: places, keys, names for everything, what is remembered."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)
from pytestqt.qtbot import QtBot

from edgeyard.desktop.desk import Notice
from edgeyard.desktop.fleet_page.group_edit import labels_edit
from edgeyard.desktop.look.palette import ThemeName
from edgeyard.desktop.page import Place
from edgeyard.desktop.shell.main_window import MainWindow
from tests.unit.desktop.conftest import OpenDesktop, wait_for_fleet

INTERACTIVE = (QAbstractButton, QAbstractItemView, QComboBox, QLineEdit, QPlainTextEdit)


def first_device(window: MainWindow) -> str:
    return str(window.session.feeds.fleet.latest.devices[0].id)


def nameless(root: QWidget) -> list[QWidget]:
    """Visible widgets a person can use or reach by keyboard that a screen reader could not name."""
    found = []
    for widget in root.findChildren(QWidget):
        inner = widget.parentWidget()
        part_of_qt = widget.objectName().startswith("qt_") or isinstance(inner, QComboBox | QLineEdit)
        uses = isinstance(widget, INTERACTIVE) or bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
        text = widget.text() if isinstance(widget, QAbstractButton) else ""
        if uses and widget.isVisible() and not part_of_qt and not widget.accessibleName() and not text:
            found.append(widget)
    return found


@pytest.mark.parametrize("place", ["fleet", "fleet-device", "device"])
def test_everything_that_can_be_used_has_a_name(qtbot: QtBot, window: MainWindow, place: str) -> None:
    device_id = first_device(window)
    places = {
        "fleet": Place("fleet"),
        "fleet-device": Place("fleet", f"device:{device_id}"),
        "device": Place("device", device_id),
    }
    window.go(places[place])
    qtbot.wait(300)
    assert [(type(w).__name__, w.objectName()) for w in nameless(window)] == []


def test_tab_reaches_every_part_and_comes_round(qtbot: QtBot, window: MainWindow) -> None:
    window.activateWindow()
    qtbot.wait(100)
    page = window.page("fleet")
    seen: list[QWidget] = []
    for _ in range(80):
        qtbot.keyClick(QApplication.focusWidget() or window, Qt.Key.Key_Tab)
        focused = QApplication.focusWidget()
        assert focused is not None
        if seen and focused is seen[0]:
            break
        seen.append(focused)
    wanted = [page.tree, page.devices.map, page.devices.filter.field, page.devices.table, window.header.find_button,
              window.header.menu, window.status_bar.hub, window.status_bar.broker, window.status_bar.jobs]  # fmt: skip
    missing = [w.accessibleName() for w in wanted if w not in seen]
    assert not missing
    buttons = [b for b in window.rail.findChildren(QAbstractButton) if b.isVisible()]
    assert any(b in seen for b in buttons)


def test_focus_can_be_seen(qtbot: QtBot, window: MainWindow) -> None:
    page = window.page("fleet")
    for widget in (
        window.header.find_button,
        page.devices.filter.field,
        window.status_bar.hub,
        page.figures.children()[1],
    ):
        if not isinstance(widget, QWidget):
            continue
        widget.clearFocus()
        qtbot.wait(20)
        before = widget.grab().toImage()
        widget.setFocus(Qt.FocusReason.TabFocusReason)
        qtbot.wait(20)
        assert widget.grab().toImage() != before, widget.accessibleName()


def test_f6_goes_from_region_to_region_and_back(qtbot: QtBot, window: MainWindow) -> None:
    window.activateWindow()
    page = window.page("fleet")
    window.rail.findChildren(QAbstractButton)[0].setFocus()
    visited = []
    for _ in range(8):
        window.next_region(1)
        visited.append(window.focusWidget())
    assert page.devices.table in visited
    assert page.tree in visited
    at_table = visited.index(page.devices.table)
    page.devices.table.setFocus()
    window.next_region(-1)
    assert window.focusWidget() is visited[at_table - 1]


def test_back_and_forward_retrace_the_way(qtbot: QtBot, window: MainWindow) -> None:
    device_id = first_device(window)
    window.go(Place("fleet", f"device:{device_id}"))
    window.go(Place("device", device_id))
    window.travel(-1)
    assert window.place == Place("fleet", f"device:{device_id}")
    assert window.page("fleet").panel.isVisible()
    window.travel(-1)
    assert window.place == Place("fleet")
    assert not window.page("fleet").panel.isVisible()
    window.travel(1)
    assert window.page("fleet").panel.isVisible()


def test_the_mouses_side_buttons_go_back_too(qtbot: QtBot, window: MainWindow) -> None:
    window.go(Place("device", first_device(window)))
    handle = window.windowHandle()
    assert handle is not None
    point = QPointF(400, 300)
    press = QMouseEvent(
        QEvent.Type.MouseButtonPress, point, point, Qt.MouseButton.BackButton, Qt.MouseButton.BackButton,
        Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    QApplication.sendEvent(handle, press)
    assert window.place == Place("fleet")


def test_an_unknown_place_is_the_first_page(window: MainWindow) -> None:
    window.go(Place("nowhere", "at all"))
    assert window.place == Place("fleet")


def test_escape_closes_the_panel_then_the_filter(qtbot: QtBot, window: MainWindow) -> None:
    page = window.page("fleet")
    window.go(Place("fleet", f"device:{first_device(window)}"))
    page.devices.set_filter_text("hw:*")
    window._on_escape()
    assert not page.panel.isVisible()
    assert page.devices.filter.text() == "hw:*"
    window._on_escape()
    assert page.devices.filter.text() == ""


def test_the_palette_finds_devices_pages_and_actions_and_goes_there(qtbot: QtBot, window: MainWindow) -> None:
    device_id = first_device(window)
    palette = window.open_palette()
    palette.type(device_id)
    assert palette._choices.choices[0].title == device_id
    qtbot.keyClick(palette._field, Qt.Key.Key_Return)
    assert window.place == Place("fleet", f"device:{device_id}")
    titles = {choice.title: choice.kind for choice in window._searcher.search("fleet")}
    assert titles["Fleet"] == "Page"
    assert window._searcher.search("new grou")[0].title == "New group…"
    assert window._searcher.search("zzqqxx") == []
    assert len(window._searcher.search("")) > 5


def test_what_cannot_be_done_now_is_shown_with_its_reason_and_does_nothing(qtbot: QtBot, window: MainWindow) -> None:
    palette = window.open_palette()
    palette.type("undo")
    choice = palette._choices.choices[0]
    assert choice.refusal == "Nothing was changed yet."
    qtbot.keyClick(palette._field, Qt.Key.Key_Return)
    assert palette.isVisible()


def test_title_and_status_bar_say_site_and_role(qtbot: QtBot, window: MainWindow) -> None:
    assert "plant" in window.windowTitle()
    assert "not joined as an operator yet" in window.windowTitle()
    assert window.windowTitle().startswith("Fleet")


def test_a_red_cell_opens_what_to_do(qtbot: QtBot, open_desktop: OpenDesktop) -> None:
    window = open_desktop(0).open_window()
    wait_for_fleet(qtbot, window)
    qtbot.waitUntil(lambda: window.status_bar.hub.state.word == "not running", timeout=5000)
    window.status_bar.hub.click()
    popups = [w for w in QApplication.topLevelWidgets() if type(w).__name__ == "Popover" and w.isVisible()]
    assert len(popups) == 1
    words = " ".join(child.text() for child in popups[0].findChildren(QWidget) if hasattr(child, "text"))
    assert "edgeyard hub run" in words
    popups[0].close()


def test_a_window_opens_where_and_how_it_was_left(qtbot: QtBot, open_desktop: OpenDesktop) -> None:
    desktop = open_desktop(12)
    window = desktop.open_window()
    wait_for_fleet(qtbot, window)
    window.go(Place("device", first_device(window)))
    window.page("fleet").devices.set_filter_text("hw:pi*")
    place, folder = window.place, desktop.session.folder
    window.close()
    desktop.session.memory.put("theme", "dark")
    desktop.close()
    again = open_desktop(folder=folder)
    window = again.open_window()
    assert window.place == place
    assert not again.session.memory.state("window/geometry").isEmpty()
    assert window.page("fleet").devices.filter.text() == "hw:pi*"


def test_the_theme_is_remembered_and_applied(qtbot: QtBot, window: MainWindow) -> None:
    from edgeyard.desktop.look import theme
    from edgeyard.desktop.shell.window_action import choose_theme

    for name in (ThemeName.DARK, ThemeName.CONTRAST, ThemeName.LIGHT):
        choose_theme(window, name)
        assert theme.current().name is name
        assert window.session.memory.text("theme") == name.value
        ground = window.grab().toImage().pixelColor(QPoint(2, window.height() // 2)).name().upper()
        assert ground == theme.current().panel


def test_two_windows_on_one_site_go_their_own_ways(qtbot: QtBot, window: MainWindow) -> None:
    second = window.session.open_window()
    assert isinstance(second, MainWindow)
    wait_for_fleet(qtbot, second)
    second.go(Place("device", first_device(window)))
    assert window.place == Place("fleet")
    qtbot.waitUntil(lambda: second.page("device")._view.device() is not None)
    second.close()
    qtbot.wait(50)
    assert window.isVisible()
    window.go(Place("device", first_device(window)))
    with qtbot.waitSignal(window.session.edits.done):
        window.session.edits.apply(labels_edit([first_device(window)], {"a": "1"}))
    with qtbot.waitSignal(window.session.edits.undone):
        window.session.edits.undo()
    qtbot.wait(1200)


def test_a_notice_of_a_problem_stays_and_an_ordinary_one_goes(qtbot: QtBot, window: MainWindow) -> None:
    window.notices.say(Notice("It did not work.", "Try again.", "attention"))
    assert window.notices.isVisible()
    assert not window.notices._timer.isActive()
    window.notices.say(Notice("Saved."))
    assert window.notices._timer.isActive()
    assert window.notices.accessibleDescription().startswith("Saved.")
    assert window.notices.parentWidget().rect().contains(window.notices.geometry())


def test_shortcuts_are_listed_with_those_of_the_page(window: MainWindow) -> None:
    from edgeyard.desktop.shell.window_action import keyboard_sections

    sections = dict(keyboard_sections(window))
    assert ("Ctrl+K", "Find anything") in sections["Anywhere"]
    assert ("Ctrl+F", "Filter devices") in sections["On this page"]
    assert ("Ctrl+1", "Fleet") in sections["Pages"]
