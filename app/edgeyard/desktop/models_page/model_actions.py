"""What can be done with a version: the same actions for menus, buttons, keys and the palette."""

from __future__ import annotations

from edgeyard.commands.workspace import Workspace
from edgeyard.desktop.action import Action
from edgeyard.desktop.desk import Desk, Notice
from edgeyard.desktop.edit import Edit
from edgeyard.desktop.jobs.job_runner import JobRunner
from edgeyard.desktop.models_page.deletion import remove_version, restore_version
from edgeyard.desktop.models_page.sign_dialog import SignDialog
from edgeyard.desktop.plan.install import roll_out
from edgeyard.domain.model import ModelVersion
from edgeyard.store import model

RELEASED = "released"


def version_actions(desk: Desk, version: ModelVersion | None) -> list[Action]:
    """For this version, the most wanted first; without one, each says why it cannot be done."""
    return [
        Action(
            "roll-out",
            "Roll out…",
            lambda: roll_out(desk, version.id if version else None, None),
            "rocket",
            "Ctrl+R",
            lambda: _roll_out_refusal(version),
            "deploy start group plan",
        ),
        Action(
            "optimize",
            "Optimize",
            lambda: start_optimization(desk, version),
            "zap",
            "",
            lambda: _optimize_refusal(version),
            "variants quantize int8",
        ),
        Action(
            "sign",
            "Sign…",
            lambda: _sign(desk, version),
            "key-round",
            "",
            lambda: _sign_refusal(version),
            "approve release",
        ),
        Action(
            "delete-version",
            "Delete",
            lambda: delete(desk, version),
            "trash-2",
            "Del",
            lambda: _delete_refusal(version),
            "remove",
        ),
    ]


def start_optimization(desk: Desk, version: ModelVersion | None) -> None:
    """Begin the job and show the jobs."""
    if version is not None:
        JobRunner.of(desk.bridge).start("optimize", f"Optimize {version.label}", str(version.id))
        jobs = Action("show-jobs", "Show jobs", desk.show_jobs)
        desk.say(Notice(f"{version.label} is being optimized.", action=jobs))


def delete(desk: Desk, version: ModelVersion | None) -> None:
    """Delete at once; undo puts it back with its variants and their evidence."""
    if version is None or version.stage == RELEASED:
        return
    version_id = version.id

    def undo(workspace: Workspace, removed: ModelVersion) -> None:
        nonlocal version_id
        # Redo must find it under the id it has then.
        version_id = restore_version(workspace, removed)

    desk.edits.apply(Edit(f"Delete {version.label}", lambda workspace: remove_version(workspace, version_id), undo))


def write_note(desk: Desk, version: ModelVersion, note: str) -> None:
    """Change the release note; undo gives the old one back."""
    version_id, before = version.id, version.note

    def put(workspace: Workspace, text: str) -> None:
        with workspace.database.write() as connection:
            model.update_version_note(connection, version_id, text, workspace.clock())

    title = f"Note of {version.label}"
    desk.edits.apply(Edit(title, lambda workspace: put(workspace, note), lambda workspace, _: put(workspace, before)))


def _sign(desk: Desk, version: ModelVersion | None) -> None:
    if version is not None:
        SignDialog(desk, version).open()


_NONE = "Choose a version first."


def _roll_out_refusal(version: ModelVersion | None) -> str:
    if version is None:
        return _NONE
    return "" if version.variants else f"{version.label} has no variants yet. Optimize it first."


def _optimize_refusal(version: ModelVersion | None) -> str:
    if version is None:
        return _NONE
    return f"{version.label} is signed; its variants can no longer change." if version.stage == RELEASED else ""


def _sign_refusal(version: ModelVersion | None) -> str:
    if version is None:
        return _NONE
    if version.stage == RELEASED:
        return f"{version.label} is signed already."
    chosen = any(variant.profiles for variant in version.variants)
    return "" if chosen else f"{version.label} has no variant for any hardware yet. Optimize it first."


def _delete_refusal(version: ModelVersion | None) -> str:
    if version is None:
        return _NONE
    return f"{version.label} is signed; devices may run it." if version.stage == RELEASED else ""
