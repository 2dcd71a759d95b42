"""The Models page on a real database: tree, details, undoable deletion, note, live counts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QModelIndex, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from edgeyard.commands.site_folder import SiteFolder
from edgeyard.desktop.drag import read_version
from edgeyard.desktop.models_page.import_dialog import ImportDialog
from edgeyard.desktop.models_page.model_tree import ModelTreeModel
from edgeyard.desktop.models_page.page import ModelsPage
from edgeyard.desktop.page import Place
from edgeyard.desktop.shell.main_window import MainWindow
from edgeyard.store import model
from edgeyard.store.database import Connection
from tests.unit.desktop import plan_world
from tests.unit.desktop.plan_desk import database_of, make_site, open_window


@pytest.fixture
def folder(tmp_path: Path) -> SiteFolder:
    return make_site(tmp_path)


@pytest.fixture
def window(qtbot: QtBot, folder: SiteFolder) -> Iterator[MainWindow]:
    with open_window(qtbot, folder) as opened:
        yield opened


@pytest.fixture
def page(qtbot: QtBot, window: MainWindow) -> ModelsPage:
    found = window.page("models")
    assert isinstance(found, ModelsPage)
    qtbot.waitUntil(lambda: "v:3" in found.model.all_keys() and bool(found._running), timeout=5_000)
    return found


def cells(page: ModelsPage, key: str) -> list[str]:
    row = page.model.row_of(page.model.index_of(key))
    assert row is not None
    return [f"{cell.text} {cell.quiet}".strip() for cell in row.cells]


def texts(widget: QWidget) -> str:
    return "\n".join(label.text() for label in widget.findChildren(QLabel))


def act(page: ModelsPage, action_id: str) -> None:
    action = next(action for action in page.actions_here() if action.id == action_id)
    assert action.refusal() == ""
    action.run()


def test_the_tree_shows_versions_with_evidence_and_where_they_run(page: ModelsPage) -> None:
    assert cells(page, "m:yard-vision") == ["yard-vision 3 versions", "", "", "", "", "", "12 devices"]
    assert cells(page, "v:2") == [
        "Version 2",
        "Signed release 2",
        "319 kB",
        "84.8 % 81.5–87.7",
        "",
        "3 of 9 kinds",
        "12 devices",
    ]
    assert cells(page, "v:3")[1] == "Optimized"


def test_variants_show_speed_hardware_and_count(page: ModelsPage) -> None:
    variant = next(v for v in page.desk.feeds.models.latest[0].versions[1].variants if v.name == "int8-s8s8")
    assert cells(page, f"a:{variant.id}") == [
        "int8-s8s8 int8",
        "",
        "98.4 kB",
        "84.8 % 81.5–87.7",
        "1.6 × faster",
        "pi4, pi5",
        "8 devices",
    ]


def test_the_tree_model_keeps_qts_rules_over_readings(qtbot: QtBot, page: ModelsPage) -> None:
    tree = ModelTreeModel()
    tester = QAbstractItemModelTester(tree, QAbstractItemModelTester.FailureReportingMode.Fatal)
    models = page.desk.feeds.models.latest
    for reading in (models, models, [], models):
        tree.show_models(reading, page._running)
    assert tree.rowCount(QModelIndex()) == 1
    tester.deleteLater()


def test_the_newest_version_shows_its_variants_until_a_person_closes_it(
    qtbot: QtBot, window: MainWindow, page: ModelsPage
) -> None:
    window.go(Place("models"))
    assert page.tree.open_keys() == {"m:yard-vision", "v:3"}
    page.tree.collapse(page.model.index_of("v:3"))
    workspace = window.session.bridge.workspace
    assert workspace is not None
    with workspace.database.write() as c:
        model.add_version(c, model="yard-vision", source_digest="9" * 64, source_size_bytes=1, now=time.time())
    qtbot.waitUntil(lambda: "v:4" in page.tree.open_keys(), timeout=5_000)
    assert page.tree.open_keys() == {"m:yard-vision", "v:4"}


def test_only_versions_can_be_dragged_and_only_copied(page: ModelsPage) -> None:
    assert not page.model.flags(page.model.index_of("m:yard-vision")) & Qt.ItemFlag.ItemIsDragEnabled
    assert page.model.supportedDragActions() == Qt.DropAction.CopyAction
    carried = read_version(page.model.mimeData([page.model.index_of("v:3")]))
    assert carried is not None
    assert (carried.version_id, carried.label) == (3, "yard-vision 3")


def test_details_say_why_for_each_hardware_and_where_it_runs(page: ModelsPage) -> None:
    page.tree.choose("v:2")
    shown = texts(page.details)
    assert "yard-vision 2" in shown
    assert "Raspberry Pi 5\nint8-s8s8\nInt8-s8s8 is the fastest that fits pi5." in shown
    assert "8 devices" in shown
    assert "image: float32, N × 3 × 32 × 32" in shown
    assert "÷ 255" in shown


def test_a_chosen_row_stays_chosen_and_open_when_figures_change(
    qtbot: QtBot, page: ModelsPage, folder: SiteFolder
) -> None:
    page.tree.expand(page.model.index_of("v:1"))
    page.tree.choose("v:1")
    with database_of(folder) as database, database.write() as c:
        plan_world.seed_versions_again(c, time.time())
    qtbot.waitUntil(lambda: "v:4" in page.model.all_keys(), timeout=5_000)
    assert page.tree.current_key() == "v:1"
    assert page.tree.isExpanded(page.model.index_of("v:1"))


def test_going_to_a_version_chooses_it(qtbot: QtBot, window: MainWindow, page: ModelsPage) -> None:
    window.go(Place("models", "yard-vision/1"))
    assert page.tree.current_key() == "v:1"
    assert page.heading() == "Version 1"


def test_an_unsigned_version_is_deleted_at_once_and_undo_brings_it_back_whole(
    qtbot: QtBot, window: MainWindow, page: ModelsPage, folder: SiteFolder
) -> None:
    before = next(v for v in page.desk.feeds.models.latest[0].versions if v.version == 3)
    page.tree.choose("v:3")
    act(page, "delete-version")
    qtbot.waitUntil(lambda: "v:3" not in page.model.all_keys(), timeout=5_000)
    window.session.edits.undo()
    qtbot.waitUntil(lambda: len(page.desk.feeds.models.latest[0].versions) == 3, timeout=5_000)
    with database_of(folder) as database, database.read() as c:
        restored = model.find_version(c, "yard-vision", 3)
    assert restored is not None
    assert restored.stage == "optimized"
    assert restored.note == before.note
    assert [v.evidence for v in restored.variants] == [v.evidence for v in before.variants]
    assert [v.lineage for v in restored.variants] == [v.lineage for v in before.variants]
    window.session.edits.redo()
    qtbot.waitUntil(lambda: len(page.desk.feeds.models.latest[0].versions) == 2, timeout=5_000)


def test_a_variant_is_chosen_by_hand_for_hardware_that_runs_it_and_undo_brings_the_choice_back(
    qtbot: QtBot, page: ModelsPage, folder: SiteFolder
) -> None:
    def chosen_for(profile: str) -> list[str]:
        with database_of(folder) as database, database.read() as c:
            found = model.get_version(c, 3)
        assert found is not None
        return [variant.name for variant in found.variants if profile in variant.profiles]

    page.tree.choose("v:3")
    refusal = next(action for action in page.actions_here() if action.id == "use-variant").refusal()
    assert refusal == "Choose a variant first."
    versions = page.desk.feeds.models.latest[0].versions
    variant = next(v for version in versions for v in version.variants if version.id == 3 and v.name == "fp32")
    page.tree.choose(f"a:{variant.id}")
    menu = page.use_variant()
    assert menu is not None
    entries = {entry.text(): entry for entry in menu.actions()}
    assert not any(entry.isChecked() for entry in entries.values())
    entries["Raspberry Pi 5"].trigger()
    menu.close()
    qtbot.waitUntil(lambda: chosen_for("pi5") == ["fp32"], timeout=5_000)
    with database_of(folder) as database, database.read() as c:
        found = model.get_version(c, 3)
    assert found is not None
    reasons = {each.name: each.reasons["pi5"] for each in found.variants}
    assert reasons["fp32"].endswith("instead of int8-s8s8.")
    assert reasons["int8-s8s8"].endswith("chose fp32.")
    page.desk.edits.undo()
    qtbot.waitUntil(lambda: chosen_for("pi5") == ["int8-s8s8"], timeout=5_000)


def test_a_signed_version_says_why_it_cannot_be_deleted_or_optimized(page: ModelsPage) -> None:
    page.tree.choose("v:2")
    refusals = {action.id: action.refusal() for action in page.actions_here()}
    assert refusals["delete-version"] == "yard-vision 2 is signed; devices may run it."
    assert refusals["optimize"] == "yard-vision 2 is signed; its variants can no longer change."
    assert refusals["sign"] == "yard-vision 2 is signed already."
    assert refusals["roll-out"] == ""


def test_the_release_note_is_kept_when_it_is_left_and_can_be_undone(
    qtbot: QtBot, window: MainWindow, page: ModelsPage
) -> None:
    page.tree.choose("v:3")
    page.details.note.setPlainText("Do not use: wrong input pipeline.")
    page.details.note_written.emit("Do not use: wrong input pipeline.")
    versions = page.desk.feeds.models
    qtbot.waitUntil(lambda: versions.latest[0].versions[0].note.startswith("Do not use"), timeout=5_000)
    window.session.edits.undo()
    qtbot.waitUntil(lambda: versions.latest[0].versions[0].note == "Training run 3.", timeout=5_000)


def test_dropping_an_onnx_file_opens_the_import_with_name_and_version_prefilled(
    qtbot: QtBot, window: MainWindow, page: ModelsPage, tmp_path: Path
) -> None:
    path = tmp_path / "Yard_Vision-v4.onnx"
    path.write_bytes(b"")
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    page.dropEvent(QDropEvent(QPointF(40, 40), Qt.DropAction.CopyAction, mime, buttons, keys))
    (dialog,) = window.findChildren(ImportDialog)
    qtbot.waitUntil(lambda: dialog.name.text() == "yard-vision", timeout=5_000)
    assert dialog.version.value() == 4
    dialog.reject()


def test_an_empty_site_offers_the_first_step(qtbot: QtBot, tmp_path: Path) -> None:
    def seed(c: Connection, now: float) -> None:
        plan_world.seed_site(c, now)

    with open_window(qtbot, make_site(tmp_path / "empty", seed)) as opened:
        found = opened.page("models")
        assert "No models yet" in texts(found)
