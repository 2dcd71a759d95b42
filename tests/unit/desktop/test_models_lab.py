"""Lab devices on the Models page: what they measured, choosing by it, and who may be asked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from edgeyard.commands.site_folder import SiteFolder
from edgeyard.desktop.models_page.lab_dialog import LabDialog
from edgeyard.desktop.models_page.page import ModelsPage
from edgeyard.desktop.page import Place
from edgeyard.desktop.shell.main_window import MainWindow
from edgeyard.domain.lab import LabFigures, LabState
from edgeyard.domain.model import ModelVersion
from edgeyard.store.database import Connection
from edgeyard.store.device import set_labels
from edgeyard.store.lab import add_lab_report, add_lab_run, end_lab_run, list_lab_runs, next_serial
from edgeyard.store.model import get_version
from edgeyard.wire.lab import LabFile, LabReport, SignedLabOrder, encode_order, encode_signed_order
from tests.unit.desktop.plan_desk import database_of, make_site, open_window
from tests.unit.trust.test_lab_order import ORDER

BENCH = "press-3"
"""A Raspberry Pi 4 of the seeded site."""
FIGURES = LabFigures(7, 4.1, 4.6, 6.7, 1.63, 1.6, 1.66, accuracy=0.84, samples=300, temperature_end_c=61.2, steady=True)


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
    window.go(Place("models", "yard-vision/3"))
    qtbot.waitUntil(lambda: found._version() is not None, timeout=15_000)
    return found


def shown(page: ModelsPage) -> str:
    return "\n".join(label.text() for label in page.details.findChildren(QLabel))


def refusal(page: ModelsPage, action_id: str) -> str:
    return next(action for action in page.actions_here() if action.id == action_id).refusal()


def act(page: ModelsPage, action_id: str) -> None:
    next(action for action in page.actions_here() if action.id == action_id).run()


def version_of(c: Connection) -> ModelVersion:
    found = get_version(c, 3)
    assert found is not None
    return found


def order(c: Connection) -> int:
    """Order the bench to measure version 3; returns the serial."""
    version, now = version_of(c), time.time()
    files = {made.name: LabFile(made.name, made.digest, made.size_bytes) for made in version.variants}
    wanted = msgspec.structs.replace(
        ORDER, device=BENCH, serial=next_serial(c, BENCH, now), expires_at=now + 60, hardware_profile="pi4",
        original=files.pop("fp32"), candidates=list(files.values()),
    )  # fmt: skip
    signed = encode_signed_order(SignedLabOrder(encode_order(wanted), {}))
    add_lab_run(c, wanted, signed, version.id, "anna", now)
    return wanted.serial


def test_runs_and_results_appear_while_they_come(qtbot: QtBot, page: ModelsPage, folder: SiteFolder) -> None:
    assert "no lab device is to measure" in refusal(page, "lab-cancel").lower()
    with database_of(folder) as database:
        with database.write() as c:
            serial = order(c)
        qtbot.waitUntil(lambda: f"{BENCH}\nwaits for the device" in shown(page), timeout=15_000)
        digests = {made.name: made.digest for made in page._version().variants}  # type: ignore[union-attr]
        with database.write() as c:
            now = time.time()
            add_lab_report(c, BENCH, LabReport(serial, digests["int8-s8s8"], FIGURES), now)
            add_lab_report(c, BENCH, LabReport(serial, digests["int8-u8s8"], None, "It crashed while loading."), now)
            end_lab_run(c, BENCH, serial, LabState.DONE, "", now)
    qtbot.waitUntil(lambda: "1.63 × faster" in shown(page), timeout=15_000)
    said = shown(page)
    assert "waits for the device" not in said
    assert "p50 4.10 ms, p95 4.60 ms; the original 6.70 ms; accuracy 84.0 % of 300; 61 °C. Raspberry Pi 4" in said
    assert "not measured\nIt crashed while loading." in said


def test_choosing_by_lab_figures_is_undone_by_undo(qtbot: QtBot, page: ModelsPage, folder: SiteFolder) -> None:
    assert "has measured yard-vision 3 yet" in refusal(page, "lab-choose")
    with database_of(folder) as database, database.write() as c:
        serial, version = order(c), version_of(c)
        digests = {made.name: made.digest for made in version.variants}
        add_lab_report(c, BENCH, LabReport(serial, digests["int8-u8s8"], FIGURES), time.time())
    qtbot.waitUntil(lambda: not refusal(page, "lab-choose"), timeout=15_000)
    before = {made.name: made.profiles for made in version.variants}
    act(page, "lab-choose")

    def profiles() -> dict[str, tuple[str, ...]]:
        with database_of(folder) as database, database.read() as c:
            return {made.name: made.profiles for made in version_of(c).variants}

    qtbot.waitUntil(lambda: "pi4" in profiles()["int8-u8s8"], timeout=10_000)
    assert "pi4" not in profiles()["int8-s8s8"]
    page.desk.edits.undo()
    qtbot.waitUntil(lambda: profiles() == before, timeout=10_000)


def test_cancelling_takes_back_what_is_not_finished(qtbot: QtBot, page: ModelsPage, folder: SiteFolder) -> None:
    with database_of(folder) as database:
        with database.write() as c:
            order(c)
        qtbot.waitUntil(lambda: not refusal(page, "lab-cancel"), timeout=15_000)
        act(page, "lab-cancel")

        def states() -> list[LabState]:
            with database.read() as c:
                return [run.state for run in list_lab_runs(c)]

        qtbot.waitUntil(lambda: states() == [LabState.CANCELLED], timeout=15_000)


def dialog_of(qtbot: QtBot, page: ModelsPage) -> LabDialog:
    act(page, "lab-run")
    dialog = page.desk.window.findChild(LabDialog)
    assert dialog is not None
    qtbot.waitUntil(lambda: dialog._key_state is not None, timeout=15_000)
    return dialog


def test_the_dialog_says_how_to_get_a_lab_device_when_there_is_none(qtbot: QtBot, page: ModelsPage) -> None:
    dialog = dialog_of(qtbot, page)
    assert not dialog.proceed.isEnabled()
    assert any("label lab=yes" in label.text() for label in dialog.findChildren(QLabel))
    dialog.reject()


def test_only_marked_devices_are_offered_and_one_must_be_ticked(
    qtbot: QtBot, page: ModelsPage, folder: SiteFolder
) -> None:
    with database_of(folder) as database, database.write() as c:
        set_labels(c, BENCH, {"lab": "yes"}, time.time())
    dialog = dialog_of(qtbot, page)
    assert list(dialog.boxes) == [BENCH]
    assert dialog.proceed.isEnabled()
    dialog.boxes[BENCH].setChecked(False)
    assert not dialog.proceed.isEnabled()
    dialog.reject()
