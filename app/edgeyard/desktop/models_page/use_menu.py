"""The menu that lets a person say for which hardware a variant is."""

from __future__ import annotations

from PySide6.QtWidgets import QMenu, QWidget

from edgeyard.commands.variant_choice import choice_obstacle, choose_by_hand, restore_choice
from edgeyard.desktop.desk import Desk
from edgeyard.desktop.edit import Edit
from edgeyard.desktop.models_page.model_rows import Row
from edgeyard.domain.hardware import default_profiles
from edgeyard.domain.model import ModelVersion, Variant


def use_refusal(row: Row | None) -> str:
    """Why there is nothing to choose, or nothing."""
    if row is None or row.version is None or row.variant is None:
        return "Choose a variant first."
    return f"{row.version.label} is signed; its choice can no longer change." * (row.version.stage == "released")


def use_menu(desk: Desk, version: ModelVersion, variant: Variant, parent: QWidget) -> QMenu:
    """Every kind of hardware; ticked are those that get the variant, grey with the reason those that cannot run it."""
    menu = QMenu(f"Use {variant.name} for", parent)
    menu.setToolTipsVisible(True)
    for profile in default_profiles().values():
        entry = menu.addAction(profile.title)
        entry.setCheckable(True)
        entry.setChecked(profile.id in variant.profiles)
        obstacle = choice_obstacle(version, variant, profile.id)
        entry.setEnabled(not obstacle and profile.id not in variant.profiles)
        entry.setToolTip(obstacle or variant.reasons.get(profile.id, ""))
        entry.triggered.connect(lambda _checked=False, chosen=profile.id: use_for(desk, version, variant, chosen))
    return menu


def use_for(desk: Desk, version: ModelVersion, variant: Variant, profile: str) -> None:
    """Choose it; undo brings the choice back that was there before."""
    desk.edits.apply(
        Edit(
            f"Use {variant.name} for {profile}",
            lambda workspace: choose_by_hand(workspace, version.id, variant.name, profile),
            lambda workspace, before: restore_choice(workspace, version.label, before),
        )
    )
