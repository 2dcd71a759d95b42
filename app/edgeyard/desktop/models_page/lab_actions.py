"""What can be done with a version on lab devices: measure it, choose by what was measured, take the orders back."""

from __future__ import annotations

from edgeyard.commands.lab_choice import choose_from_lab
from edgeyard.commands.lab_command import cancel_run
from edgeyard.commands.variant_choice import restore_choice
from edgeyard.commands.workspace import Workspace
from edgeyard.desktop.action import Action
from edgeyard.desktop.desk import Desk, Notice
from edgeyard.desktop.edit import Edit
from edgeyard.desktop.models_page.lab_dialog import LabDialog
from edgeyard.desktop.models_page.lab_facts import LabPicture
from edgeyard.desktop.widget import words
from edgeyard.domain.error import UserError
from edgeyard.domain.model import ModelVersion, Variant
from edgeyard.store.model import get_version

_NONE = "Choose a version first."


def lab_actions(desk: Desk, version: ModelVersion | None, lab: LabPicture) -> list[Action]:
    """For this version; each says why it cannot be done when it cannot."""
    return [
        Action(
            "lab-run",
            "Measure on lab devices…",
            lambda: measure(desk, version),
            "gauge",
            "Ctrl+L",
            lambda: _run_refusal(version),
            "bench hardware latency energy",
        ),
        Action(
            "lab-choose",
            "Choose variants by lab figures",
            lambda: choose_by_lab(desk, version),
            "list-checks",
            "",
            lambda: _choose_refusal(version, lab),
            "lab device pick",
        ),
        Action(
            "lab-cancel",
            "Cancel the lab runs",
            lambda: cancel_runs(desk, version, lab),
            "circle-stop",
            "",
            lambda: _cancel_refusal(version, lab),
        ),
    ]


def measure(desk: Desk, version: ModelVersion | None) -> None:
    """Ask which lab devices are to measure the version."""
    if version is not None:
        LabDialog(desk, version).open()


def choose_by_lab(desk: Desk, version: ModelVersion | None) -> None:
    """Choose again, by what lab devices measured; undo brings the choice back that was there before."""
    if version is None:
        return
    version_id = version.id

    def do(workspace: Workspace) -> tuple[Variant, ...]:
        with workspace.database.read() as connection:
            now_there = get_version(connection, version_id)
        if now_there is None:
            raise UserError("This version does not exist any more.", "Choose another one.")
        choose_from_lab(workspace, now_there)
        return now_there.variants

    label = version.label
    title = f"Choose variants of {label} by lab figures"
    desk.edits.apply(Edit(title, do, lambda workspace, before: restore_choice(workspace, label, before)))


def cancel_runs(desk: Desk, version: ModelVersion | None, lab: LabPicture) -> None:
    """Take back what lab devices have not finished."""
    if version is None:
        return
    runs = [run.id for run in lab.open_runs(version)]

    def work(workspace: Workspace) -> None:
        for run in runs:
            cancel_run(workspace, run)

    said = Notice(f"{words.count(len(runs), 'lab run')} of {version.label} cancelled.")
    desk.bridge.run(work, lambda _: desk.say(said), desk.complain)


def _run_refusal(version: ModelVersion | None) -> str:
    if version is None:
        return _NONE
    return "" if len(version.variants) > 1 else f"{version.label} has no variants yet. Optimize it first."


def _choose_refusal(version: ModelVersion | None, lab: LabPicture) -> str:
    if version is None:
        return _NONE
    if version.stage == "released":
        return f"{version.label} is signed; its choice can no longer change."
    measured = any(result.figures for made in version.variants for result in lab.newest(made))
    return "" if measured else f"No lab device has measured {version.label} yet."


def _cancel_refusal(version: ModelVersion | None, lab: LabPicture) -> str:
    if version is None:
        return _NONE
    return "" if lab.open_runs(version) else f"No lab device is to measure {version.label}."
