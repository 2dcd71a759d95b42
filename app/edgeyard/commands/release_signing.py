"""Approving a version: its chosen variants and self-test set are signed into the release repository."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime

from edgeyard.commands.hub_client import HubClient
from edgeyard.commands.lab_evidence import check_lab_evidence
from edgeyard.commands.model_command import artifact_folder
from edgeyard.commands.patience import patiently
from edgeyard.commands.workspace import Workspace
from edgeyard.domain.error import UserError
from edgeyard.domain.model import ModelVersion
from edgeyard.optimize.package import release_targets
from edgeyard.store import journal, model
from edgeyard.store.release import latest
from edgeyard.trust.artifact_file import artifact_path, hash_file
from edgeyard.trust.key_vault import Unlock
from edgeyard.trust.release_repository import add_targets, check_root_signer, create_root, list_targets
from edgeyard.trust.tuf_metadata import ReleaseTarget, public_key_from_dict

ROOT_KEY = "release-root"
APPROVER_KEY = "approver"

OnText = Callable[[str], None]


def signing_key_exists(workspace: Workspace) -> bool:
    """Whether this machine has an approver's key; without one, the first signing makes it."""
    return APPROVER_KEY in workspace.vault.names()


def ensure_release_root(workspace: Workspace, unlock: Unlock) -> None:
    """Give a new site its release root, signed by keys made here; does nothing where the site has one.

    Raises `UserError` when the hub cannot be reached, or another operator's keys rule the site.
    """

    def ensure() -> None:
        with closing(workspace.hub()) as hub:
            _ensure_root(workspace, hub, unlock)

    patiently(ensure)


def sign_version(workspace: Workspace, version_id: int, unlock: Unlock, on_text: OnText | None = None) -> None:
    """Upload a version's chosen variants and sign them. Safe to repeat: what is signed already is not signed again."""
    say = on_text or _silent
    with workspace.database.read() as connection:
        version = model.get_version(connection, version_id)
        highest = model.highest_release_counter(connection, version.model) if version else 0
        version = _check_ready(version)
        check_lab_evidence(connection, version)
    counter = version.release_counter or highest + 1
    targets = release_targets(version, counter)
    patiently(lambda: _hand_in(workspace, targets, unlock, say))
    now = workspace.clock()
    with workspace.database.write() as connection:
        model.set_version_stage(connection, version_id, "released", now, release_counter=counter)
        text = f"release {counter}, {len(targets)} files"
        journal.note(connection, workspace.operator_name, "version signed", version.label, text, now)


def _hand_in(workspace: Workspace, targets: Sequence[ReleaseTarget], unlock: Unlock, say: OnText) -> None:
    """Upload and sign what the release does not have yet; repeated as a whole, it finds what an earlier try left."""
    with closing(workspace.hub()) as hub:
        _ensure_root(workspace, hub, unlock)
        # A wrong passphrase must show before anything is sent.
        signer = workspace.vault.signer(APPROVER_KEY, unlock)
        for target in targets:
            if not hub.has_artifact(target.sha256):
                say(f"Uploading {target.path}")
                hub.upload_artifact(artifact_path(artifact_folder(workspace), target.sha256), target.sha256)
        root, present = _present_release(workspace)
        signed = {target.path for target in list_targets(present)}
        missing = [target for target in targets if target.path not in signed]
        if missing:
            # Root and targets come from the hub's side: a hub that was broken into must not get its own signed.
            check_root_signer(root, workspace.vault.public_key(ROOT_KEY))
            for target in missing:
                _check_own_file(workspace, target)
            say(f"Signing {len(missing)} files")
            hub.put_targets(add_targets(root, present, missing, signer, datetime.now(UTC)))


def _check_own_file(workspace: Workspace, target: ReleaseTarget) -> None:
    """What is signed is what lies on the approver's own machine, not what a database row says of it."""
    path = artifact_path(artifact_folder(workspace), target.sha256)
    if not path.is_file() or hash_file(path) != (target.sha256, target.size_bytes):
        raise UserError(
            f"The file of {target.path} is not on this machine as it was made.",
            "Sign on the machine where the version was optimized, or import and optimize it here.",
        )


def _ensure_root(workspace: Workspace, hub: HubClient, unlock: Unlock) -> None:
    if hub.site().release_root:
        if not signing_key_exists(workspace):
            raise UserError(
                "This site's releases are signed with keys that are not on this machine.",
                "Sign on the machine that holds the approver's key.",
            )
        return
    vault = workspace.vault
    for name in (ROOT_KEY, APPROVER_KEY):
        if name not in vault.names():
            vault.create(name, unlock)
    online = {role: public_key_from_dict(key) for role, key in hub.online_keys().items()}
    root_signer = vault.signer(ROOT_KEY, unlock)
    approvers = [vault.public_key(APPROVER_KEY)]
    hub.put_root(create_root(root_signer, approvers, 1, online["snapshot"], online["timestamp"], datetime.now(UTC)))


def _check_ready(version: ModelVersion | None) -> ModelVersion:
    if version is None:
        raise UserError("This version does not exist any more.", "Choose another one.")
    if not any(variant.profiles for variant in version.variants):
        raise UserError(f"{version.label} has no variant for any hardware.", "Optimize it first.")
    return version


def _present_release(workspace: Workspace) -> tuple[bytes, bytes | None]:
    """The site's root and newest accepted targets."""
    with workspace.database.read() as connection:
        root, targets = latest(connection, "root"), latest(connection, "targets")
    if root is None:
        raise UserError("The site has no release root yet.", "Check that the hub is running, then sign again.")
    return root, targets


def _silent(_text: str) -> None:
    return
