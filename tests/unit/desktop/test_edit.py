"""Labels and groups: every edit can be taken back and done again, on the real database."""

from __future__ import annotations

from dataclasses import replace

from pytestqt.qtbot import QtBot

from edgeyard.desktop.edit import Edit, EditHistory
from edgeyard.desktop.fleet_page.group_edit import (
    add_members_edit,
    delete_group_edit,
    labels_edit,
    production_edit,
    save_group_edit,
)
from edgeyard.desktop.shell.main_window import MainWindow
from edgeyard.domain.error import UserError
from edgeyard.store.device import get_device
from edgeyard.store.group import Group, list_groups


def do(qtbot: QtBot, window: MainWindow, edit: Edit) -> None:
    with qtbot.waitSignal(window.session.edits.done, timeout=5000):
        window.session.edits.apply(edit)


def undo(qtbot: QtBot, edits: EditHistory) -> None:
    with qtbot.waitSignal(edits.undone, timeout=5000):
        edits.undo()


def redo(qtbot: QtBot, edits: EditHistory) -> None:
    with qtbot.waitSignal(edits.done, timeout=5000):
        edits.redo()


def groups(window: MainWindow) -> dict[str, Group]:
    workspace = window.session.bridge.workspace
    assert workspace is not None
    with workspace.database.read() as connection:
        return {group.name: group for group in list_groups(connection)}


def labels(window: MainWindow, device_id: str) -> dict[str, str]:
    workspace = window.session.bridge.workspace
    assert workspace is not None
    with workspace.database.read() as connection:
        found = get_device(connection, device_id)
    assert found is not None
    return found.labels


def some_ids(window: MainWindow, number: int) -> list[str]:
    return [device.id for device in window.session.feeds.fleet.latest.devices[:number]]


def test_labels_are_set_taken_back_and_set_again(qtbot: QtBot, window: MainWindow) -> None:
    ids, edits = some_ids(window, 3), window.session.edits
    before = {device_id: labels(window, device_id) for device_id in ids}
    key = next(iter(before[ids[0]]))
    do(qtbot, window, labels_edit(ids, {"shift": "night", key: ""}))
    assert all(labels(window, device_id)["shift"] == "night" for device_id in ids)
    assert key not in labels(window, ids[0])
    undo(qtbot, edits)
    assert {device_id: labels(window, device_id) for device_id in ids} == before
    redo(qtbot, edits)
    assert labels(window, ids[2])["shift"] == "night"


def test_a_new_group_goes_with_undo(qtbot: QtBot, window: MainWindow) -> None:
    do(qtbot, window, save_group_edit(Group(0, "night-shift", "dynamic", "shift=night")))
    assert "night-shift" in groups(window)
    undo(qtbot, window.session.edits)
    assert "night-shift" not in groups(window)


def test_a_deleted_group_comes_back_with_its_children_under_it(qtbot: QtBot, window: MainWindow) -> None:
    before = groups(window)
    parent = next(group for group in before.values() if any(g.parent_id == group.id for g in before.values()))
    do(qtbot, window, delete_group_edit(parent.name))
    assert parent.name not in groups(window)
    undo(qtbot, window.session.edits)
    assert groups(window) == before


def test_a_group_cannot_take_the_name_of_another(qtbot: QtBot, window: MainWindow) -> None:
    first, second = list(groups(window).values())[:2]
    with qtbot.waitSignal(window.session.edits.failed) as failed:
        window.session.edits.apply(save_group_edit(replace(first, name=second.name)))
    assert isinstance(failed.args[0], UserError)
    assert not window.session.edits.undo_title()


def test_the_production_flag_and_members_are_edits_too(qtbot: QtBot, window: MainWindow) -> None:
    group = next(iter(groups(window).values()))
    do(qtbot, window, production_edit(group))
    assert groups(window)[group.name].production is not group.production
    ids = some_ids(window, 2)
    do(qtbot, window, save_group_edit(Group(0, "picked", "static", members=(ids[0],))))
    do(qtbot, window, add_members_edit(groups(window)["picked"], ids))
    assert groups(window)["picked"].members == tuple(sorted(ids))
    undo(qtbot, window.session.edits)
    assert groups(window)["picked"].members == (ids[0],)


def test_a_new_edit_forgets_what_was_undone(qtbot: QtBot, window: MainWindow) -> None:
    edits, ids = window.session.edits, some_ids(window, 1)
    do(qtbot, window, labels_edit(ids, {"a": "1"}))
    undo(qtbot, edits)
    assert edits.redo_title()
    do(qtbot, window, labels_edit(ids, {"b": "1"}))
    assert not edits.redo_title()


def test_edits_asked_for_in_a_row_happen_in_their_order(qtbot: QtBot, window: MainWindow) -> None:
    edits, device_id = window.session.edits, some_ids(window, 1)[0]
    for number in range(5):
        edits.apply(labels_edit([device_id], {"n": str(number)}))
    edits.undo()
    qtbot.waitUntil(lambda: labels(window, device_id).get("n") == "3", timeout=5000)


def test_ctrl_z_works_in_the_window_and_the_notice_offers_it(qtbot: QtBot, window: MainWindow) -> None:
    device_id = some_ids(window, 1)[0]
    do(qtbot, window, labels_edit([device_id], {"shift": "night"}))
    assert window.notices.isVisible()
    with qtbot.waitSignal(window.session.edits.undone):
        window.notices.findChildren(type(window.notices._button))[0].click()
    assert "shift" not in labels(window, device_id)
