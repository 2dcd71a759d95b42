"""The Fleet page on a real site."""

from __future__ import annotations

import time
from dataclasses import replace

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from edgeyard.desktop.drag import Answers, DraggedVersion, DropAnswer, version_mime
from edgeyard.desktop.fleet_page.group_dialog import GroupDialog
from edgeyard.desktop.fleet_page.label_dialog import LabelDialog
from edgeyard.desktop.fleet_page.need_panel import NeedButton
from edgeyard.desktop.fleet_page.table_model import DEVICES_MIME
from edgeyard.desktop.page import Place
from edgeyard.desktop.shell.main_window import MainWindow
from edgeyard.domain.device import DeviceStatus
from edgeyard.store.device import LiveUpdate, set_problem, update_live
from edgeyard.store.group import Group
from tests.unit.desktop.conftest import OpenDesktop, wait_for_fleet

VERSION = DraggedVersion(1, "yard-vision 1")


def shown_ids(window: MainWindow) -> list[str]:
    model = window.page("fleet").devices.model
    return [model.device_id(row) for row in range(model.rowCount())]


def group_id(window: MainWindow, name: str) -> int:
    views = window.session.feeds.groups.latest.views
    return next(view.group.id for view in views if view.group.name == name)


def test_an_empty_site_explains_itself_and_offers_the_first_step(qtbot: QtBot, open_desktop: OpenDesktop) -> None:
    window = open_desktop(0).open_window()
    wait_for_fleet(qtbot, window)
    page = window.page("fleet")
    qtbot.waitUntil(lambda: page._stack.currentIndex() == 1)
    dialog = page.add_devices()
    qtbot.waitUntil(lambda: "not joined" in dialog._verdict.text(), timeout=5000)
    assert not dialog.make.isEnabled()
    dialog.close()


def test_one_device_is_a_fleet_too(qtbot: QtBot, open_desktop: OpenDesktop) -> None:
    window = open_desktop(1).open_window()
    wait_for_fleet(qtbot, window)
    assert len(shown_ids(window)) == 1
    assert window.page("fleet").devices.map.layout_now.tiles


def test_what_devices_report_arrives_in_table_map_and_figures(qtbot: QtBot, window: MainWindow) -> None:
    page, workspace = window.page("fleet"), window.session.bridge.workspace
    assert workspace is not None
    device_id = shown_ids(window)[-1]
    wrong = window.session.feeds.fleet.latest.count(DeviceStatus.ALARM)
    with workspace.database.write() as connection:
        update_live(connection, [LiveUpdate(device_id, time.time(), online=True, latency_p95_ms=123.0)])
        set_problem(connection, device_id, "The camera is dark.", "alarm", time.time())
    qtbot.waitUntil(lambda: window.session.feeds.fleet.latest.count(DeviceStatus.ALARM) == wrong + 1, timeout=5000)

    def told() -> list[str]:
        return [button.accessibleName() for button in page.needs.findChildren(NeedButton) if button.isVisible()]

    # Qt shows what was put into a layout at its next turn.
    qtbot.waitUntil(lambda: any("The camera is dark." in words for words in told()))
    frame = page.devices.map.frame
    assert frame.status_of(frame.row_of[device_id]) is DeviceStatus.ALARM


def test_choosing_a_group_shows_its_devices_and_goes_into_the_history(qtbot: QtBot, window: MainWindow) -> None:
    page = window.page("fleet")
    everyone = len(shown_ids(window))
    view = next(v for v in window.session.feeds.groups.latest.views if 0 < v.devices < everyone)
    page.tree.setCurrentItem(page.tree._items[view.group.id])
    assert len(shown_ids(window)) == view.devices
    assert window.place == Place("fleet", f"group:{view.group.id}")
    window.travel(-1)
    assert len(shown_ids(window)) == everyone


def test_selecting_a_row_opens_its_panel_and_the_map_shows_it(qtbot: QtBot, window: MainWindow) -> None:
    page = window.page("fleet")
    device_id = shown_ids(window)[3]
    qtbot.mouseClick(page.devices.table.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(160, 3 * 28 + 10))
    assert page.panel.isVisible()
    assert page.panel.title.text() == device_id
    assert page.devices.map._selected == {device_id}
    qtbot.waitUntil(lambda: page.panel._view._detail is not None, timeout=5000)
    page.panel.closed.emit()
    assert not page.panel.isVisible()
    assert page.devices.selected_ids() == []


def test_figures_and_legend_set_the_filter(qtbot: QtBot, window: MainWindow) -> None:
    page = window.page("fleet")
    page.devices.legend.picked.emit("status:offline")
    frame = page.devices.model.frame
    assert len(shown_ids(window)) == frame.count(DeviceStatus.OFFLINE)
    page.figures._online.picked.emit()
    assert page.devices.filter.text() == "!status:offline !status:unknown"


def test_a_filter_without_a_match_says_so_and_offers_to_clear_it(qtbot: QtBot, window: MainWindow) -> None:
    page = window.page("fleet")
    page.devices.set_filter_text("no-such-thing")
    assert page.devices._nothing.isVisible()
    assert "None of 40 devices" in page.devices._nothing.accessibleDescription()
    page.devices.set_filter_text("")
    assert page.devices.table.isVisible()


def test_copying_puts_ids_on_the_clipboard(qtbot: QtBot, window: MainWindow) -> None:
    page = window.page("fleet")
    chosen = shown_ids(window)[:2]
    page.devices.select(chosen)
    page.devices.table.setFocus()
    qtbot.keyClick(page.devices.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text().split("\n") == chosen


def test_the_label_dialog_edits_what_devices_share(qtbot: QtBot, window: MainWindow) -> None:
    page = window.page("fleet")
    dialog = page.acts.edit_labels(shown_ids(window)[:2])
    assert isinstance(dialog, LabelDialog)
    assert not dialog.save.isEnabled()
    dialog.lines.setPlainText("shift night")
    assert not dialog.save.isEnabled()
    assert "Line 1 is no label" in dialog._verdict.text()
    dialog.lines.setPlainText("shift=night")
    with qtbot.waitSignal(window.session.edits.done, timeout=5000):
        dialog.save.click()


def test_the_group_dialog_counts_while_one_types_and_refuses_with_words(qtbot: QtBot, window: MainWindow) -> None:
    page = window.page("fleet")
    dialog = page.group_acts.create(0)
    assert isinstance(dialog, GroupDialog)
    assert dialog._verdict.text() == "Give the group a name."
    dialog.name.setText("Night Shift!")
    dialog.filter.field.setText("status:purple")
    assert not dialog.save.isEnabled()
    dialog.name.setText("night-shift")
    assert "There is no status" in dialog._verdict.text()
    dialog.filter.field.setText("hw:pi*")
    assert dialog.save.isEnabled()
    assert "of 40 now" in dialog._verdict.text()
    dialog.static.setChecked(True)
    dialog.members.setPlainText("nobody")
    assert "no device named nobody" in dialog._verdict.text()
    dialog.members.setPlainText("\n".join(shown_ids(window)[:3]))
    with qtbot.waitSignal(window.session.edits.done, timeout=5000):
        dialog.save.click()
    qtbot.waitUntil(lambda: any(item.name == "night-shift" and item.devices == 3 for item in page.tree.items()))


def test_a_group_cannot_be_put_under_itself(window: MainWindow) -> None:
    groups = [view.group for view in window.session.feeds.groups.latest.views]
    parent = next(group for group in groups if any(g.parent_id == group.id for g in groups))
    dialog = window.page("fleet").group_acts.edit(parent.id)
    offered = {dialog._parent.itemData(n) for n in range(dialog._parent.count())}
    assert parent.id not in offered
    assert not offered & {g.id for g in groups if g.parent_id == parent.id}
    dialog.reject()


# --- drops -----------------------------------------------------------------------------------------------------------


def install(window: MainWindow, answers: Answers) -> list[tuple[DraggedVersion, int]]:
    dropped: list[tuple[DraggedVersion, int]] = []
    window.desk.drop.install(
        lambda version, answer: answer(answers), lambda version, group: dropped.append((version, group))
    )
    return dropped


def drag_to(window: MainWindow, mime: QMimeData, group: int) -> tuple[bool, QDropEvent]:
    """Enter, move to the group's row, drop."""
    tree = window.page("fleet").tree
    point = tree.visualItemRect(tree._items[group]).center()
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(point, copy, mime, left, none)
    QApplication.sendEvent(tree.viewport(), enter)
    if not enter.isAccepted():
        return False, enter
    move = QDragMoveEvent(point, copy, mime, left, none)
    QApplication.sendEvent(tree.viewport(), move)
    drop = QDropEvent(QPointF(point), copy, mime, left, none)
    if move.isAccepted():
        QApplication.sendEvent(tree.viewport(), drop)
    return move.isAccepted(), drop


def test_a_group_that_can_take_the_version_gets_it_as_a_copy(qtbot: QtBot, window: MainWindow) -> None:
    target = group_id(window, "pilot")
    dropped = install(window, {target: DropAnswer(accepts=True, words="3 of 4 · 1 excluded")})
    accepted, drop = drag_to(window, version_mime(VERSION), target)
    assert accepted
    assert dropped == [(VERSION, target)]
    assert drop.dropAction() == Qt.DropAction.CopyAction


def test_a_group_that_cannot_refuses_while_hovering(qtbot: QtBot, window: MainWindow) -> None:
    target = group_id(window, "pilot")
    dropped = install(window, {target: DropAnswer(accepts=False, words="No variant fits.")})
    accepted, _ = drag_to(window, version_mime(VERSION), target)
    assert not accepted
    assert dropped == []


def test_a_group_whose_answer_is_not_there_yet_waits(qtbot: QtBot, window: MainWindow) -> None:
    target = group_id(window, "pilot")
    window.desk.drop.install(lambda version, answer: None, lambda version, group: None)
    assert not drag_to(window, version_mime(VERSION), target)[0]
    assert window.desk.drop.answer(target).words == "Checking…"
    window.desk.drop.end()
    assert window.desk.drop.version is None


def test_strange_data_is_not_a_version(qtbot: QtBot, window: MainWindow) -> None:
    mime = QMimeData()
    mime.setText("yard-vision 1")
    assert not drag_to(window, mime, group_id(window, "pilot"))[0]


def test_pasting_a_copied_version_on_a_group_is_the_same_as_dropping_it(qtbot: QtBot, window: MainWindow) -> None:
    page, target = window.page("fleet"), group_id(window, "pilot")
    dropped = install(window, {})
    QGuiApplication.clipboard().setMimeData(version_mime(VERSION))
    page.tree.pick(target)
    page.tree.setFocus()
    qtbot.keyClick(page.tree, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert dropped == [(VERSION, target)]
    titles = [action.title for action in page.group_acts.actions(target) if action is not None]
    assert titles[0] == "Roll out yard-vision 1 here…"


def test_devices_dropped_on_a_list_join_it_and_a_filter_refuses_them(qtbot: QtBot, window: MainWindow) -> None:
    from edgeyard.desktop.fleet_page.group_edit import save_group_edit

    ids = shown_ids(window)[:3]
    with qtbot.waitSignal(window.session.edits.done, timeout=5000):
        window.session.edits.apply(save_group_edit(Group(0, "picked", "static", members=(ids[0],))))
    qtbot.waitUntil(lambda: any(v.group.name == "picked" for v in window.session.feeds.groups.latest.views))
    qtbot.waitUntil(lambda: group_id(window, "picked") in window.page("fleet").tree._items)
    mime = QMimeData()
    mime.setData(DEVICES_MIME, "\n".join(ids).encode())
    assert not drag_to(window, mime, group_id(window, "jetsons"))[0]
    with qtbot.waitSignal(window.session.edits.done, timeout=5000) as done:
        assert drag_to(window, mime, group_id(window, "picked"))[0]
    assert done.args == ["Add 2 devices to picked"]


def test_the_tree_says_what_is_wrong_in_words_too(window: MainWindow) -> None:
    items = window.page("fleet").tree.items()
    assert items[0].name == "All devices"
    assert items[0].devices == 40
    flagged = replace(items[1], production=True)
    assert "production" in flagged.words
