"""Choosing by hand which variant a kind of hardware gets, where a person knows more than the figures say."""

from __future__ import annotations

from collections.abc import Sequence

from edgeyard.commands.workspace import Workspace
from edgeyard.domain.error import UserError
from edgeyard.domain.hardware import default_profiles
from edgeyard.domain.model import ModelVersion, Variant
from edgeyard.store import journal, variant
from edgeyard.store.model import get_version


def choice_obstacle(version: ModelVersion, made: Variant, profile: str) -> str:
    """Why this variant cannot be the one for this hardware, in one sentence; empty when it can."""
    known = default_profiles().get(profile)
    if version.stage == "released":
        return f"{version.label} is signed; its choice can no longer change."
    if known is None:
        return f"No ONNX model is deployed to {profile}."
    if made.precision not in known.precisions:
        return f"{known.title} does not run {made.precision}."
    if made.size_bytes > known.max_model_bytes:
        return f"It is larger than {known.title} has room for."
    return ""


def choose_by_hand(workspace: Workspace, version_id: int, name: str, profile: str) -> tuple[Variant, ...]:
    """Let the variant `name` be the one for this hardware; returns the variants as they were, for `restore_choice`.

    Raises `UserError` when that is not possible; then nothing was changed.
    """
    now, person = workspace.clock(), workspace.operator_name
    with workspace.database.write() as connection:
        version = get_version(connection, version_id)
        made = next((each for each in version.variants if each.name == name), None) if version else None
        if version is None or made is None:
            raise UserError("This variant does not exist any more.", "Choose another one.")
        obstacle = choice_obstacle(version, made, profile)
        if obstacle:
            raise UserError(obstacle, "Choose another variant.")
        before = next((each.name for each in version.variants if profile in each.profiles), "")
        for each in version.variants:
            others = [served for served in each.profiles if served != profile]
            if each is made:
                instead = f" instead of {before}" if before not in ("", name) else ""
                reason = f"Chosen: by {person}{instead}."
            else:
                reason = f"Not chosen: {person} chose {name}."
            profiles = [*others, profile] if each is made else others
            reasons = {**each.reasons, profile: reason}
            variant.set_variant_choice(connection, each.id, profiles, reasons, now)
        journal.note(connection, person, "variant chosen by hand", version.label, f"{profile}: {name}", now)
    return version.variants


def restore_choice(workspace: Workspace, label: str, before: Sequence[Variant]) -> None:
    """Put back which hardware each of these variants is for. Raises `UserError` when the version was signed since."""
    now = workspace.clock()
    with workspace.database.write() as connection:
        version = get_version(connection, before[0].version_id) if before else None
        if version is not None and version.stage == "released":
            raise UserError(f"{label} was signed since; its choice can no longer change.", "Import a new version.")
        for each in before:
            variant.set_variant_choice(connection, each.id, each.profiles, each.reasons, now)
        journal.note(connection, workspace.operator_name, "choice of variants restored", label, "", now)
