"""Importing through the dialog with real files and the real worker: what is wrong is said inline, in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from edgeyard.commands.site_folder import SiteFolder
from edgeyard.desktop.models_page.import_dialog import ImportDialog
from edgeyard.desktop.models_page.import_guess import guess_name
from edgeyard.desktop.models_page.page import ModelsPage
from edgeyard.desktop.shell.main_window import MainWindow
from edgeyard.resource import resource_path
from tests.unit.desktop import plan_world
from tests.unit.desktop.plan_desk import make_site, open_window

DEMO = resource_path("demo")
MODEL = DEMO / "yard-vision-1.onnx"


@pytest.fixture
def folder(tmp_path: Path) -> SiteFolder:
    return make_site(tmp_path / "site", plan_world.seed_site)


@pytest.fixture
def window(qtbot: QtBot, folder: SiteFolder) -> Iterator[MainWindow]:
    with open_window(qtbot, folder) as opened:
        yield opened


@pytest.fixture
def dialog(qtbot: QtBot, window: MainWindow) -> ImportDialog:
    page = window.page("models")
    assert isinstance(page, ModelsPage)
    opened = page.import_model(str(MODEL))
    qtbot.waitUntil(lambda: opened.data.text() == str(DEMO), timeout=5_000)
    return opened


def complaint(qtbot: QtBot, dialog: ImportDialog) -> str:
    dialog.go.click()
    qtbot.waitUntil(lambda: bool(dialog.trouble.text()), timeout=30_000)
    assert dialog.go.isEnabled()
    return dialog.trouble.text()


def nothing_was_kept(folder: SiteFolder) -> bool:
    return [path.name for path in folder.library.iterdir() if path.name != "files"] == []


def test_name_version_and_data_are_prefilled_from_the_file(dialog: ImportDialog) -> None:
    assert (dialog.name.text(), dialog.version.value()) == ("yard-vision", 1)
    assert dialog.data.text() == str(DEMO)


def test_a_file_that_is_no_onnx_is_refused_in_words(
    qtbot: QtBot, dialog: ImportDialog, folder: SiteFolder, tmp_path: Path
) -> None:
    path = tmp_path / "holiday.onnx"
    path.write_bytes(b"\xff\xd8\xff\xe0 a picture, renamed" * 20)
    dialog.file.setText(str(path))
    assert "ONNX" in complaint(qtbot, dialog)
    assert nothing_was_kept(folder)


def test_a_file_that_is_not_there_is_named(qtbot: QtBot, dialog: ImportDialog, tmp_path: Path) -> None:
    dialog.file.setText(str(tmp_path / "gone.onnx"))
    assert "gone.onnx" in complaint(qtbot, dialog)


def test_data_with_pickles_is_refused(qtbot: QtBot, dialog: ImportDialog, folder: SiteFolder, tmp_path: Path) -> None:
    path = tmp_path / "objects.npz"
    np.savez(path, x=np.array([{"a": 1}] * 40, dtype=object), y=np.zeros(40, np.int64))
    dialog.data.setText(str(path))
    said = complaint(qtbot, dialog).lower()
    assert "pickle" in said or "object" in said
    assert nothing_was_kept(folder)


def test_samples_of_the_wrong_shape_say_both_shapes(
    qtbot: QtBot, dialog: ImportDialog, folder: SiteFolder, tmp_path: Path
) -> None:
    path = tmp_path / "grey.npz"
    np.savez(path, x=np.zeros((60, 28, 28, 1), np.uint8), y=np.arange(60) % 10)
    dialog.data.setText(str(path))
    said = complaint(qtbot, dialog)
    assert "28" in said
    assert "32" in said or "3" in said
    assert nothing_was_kept(folder)


def test_too_few_samples_say_how_many_are_needed(qtbot: QtBot, dialog: ImportDialog, tmp_path: Path) -> None:
    path = tmp_path / "few.npz"
    np.savez(path, x=np.zeros((8, 32, 32, 3), np.uint8), y=np.zeros(8, np.int64))
    dialog.data.setText(str(path))
    assert "30" in complaint(qtbot, dialog)


def test_a_name_that_cannot_be_used_is_said_before_anything_is_read(qtbot: QtBot, dialog: ImportDialog) -> None:
    dialog.name.setText("Yard Vision!")
    assert "lower-case letters" in complaint(qtbot, dialog)


def test_without_data_the_dialog_says_what_is_missing(qtbot: QtBot, dialog: ImportDialog) -> None:
    dialog.data.setText("")
    assert "No data is chosen" in complaint(qtbot, dialog)


def test_a_good_import_is_shown_and_optimized_and_the_same_file_is_refused_after(
    qtbot: QtBot, window: MainWindow, dialog: ImportDialog
) -> None:
    with qtbot.waitSignal(dialog.imported, timeout=60_000):
        dialog.go.click()
    page = window.page("models")
    assert isinstance(page, ModelsPage)
    feeds = window.desk.feeds
    qtbot.waitUntil(lambda: page.tree.current_key() == "v:1", timeout=10_000)
    qtbot.waitUntil(lambda: bool(feeds.jobs.latest) and feeds.jobs.latest[0].state == "done", timeout=90_000)
    qtbot.waitUntil(lambda: bool(feeds.models.latest[0].versions[0].variants), timeout=10_000)
    again = page.import_model(str(MODEL))
    qtbot.waitUntil(lambda: again.data.text() == str(DEMO), timeout=5_000)
    assert "already here as yard-vision 1" in complaint(qtbot, again)


def test_closing_the_dialog_gives_the_import_up(
    qtbot: QtBot, window: MainWindow, dialog: ImportDialog, folder: SiteFolder
) -> None:
    dialog.go.click()
    dialog.reject()
    qtbot.waitUntil(lambda: nothing_was_kept(folder), timeout=20_000)
    assert window.desk.feeds.models.latest == []


@pytest.mark.parametrize(
    ("stem", "guess"),
    [
        ("yard-vision-2", ("yard-vision", 2)),
        ("Yard_Vision-v12", ("yard-vision", 12)),
        ("resnet", ("resnet", 0)),
        ("2024", ("model", 2024)),
        ("Löwe 3", ("l-we", 3)),
    ],
)
def test_names_are_guessed_from_files(stem: str, guess: tuple[str, int]) -> None:
    assert guess_name(stem) == guess
