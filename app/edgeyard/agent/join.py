"""Joining a site with a one-time token: keys, certificate, roots of trust; written so that a crash can be repeated.

The key is made and kept before the hub is asked, and `identity.json` is written last: a join that dies anywhere is done
again with the same token (the hub knows the key), or with another.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import msgspec

import edgeyard
from edgeyard.agent.counters import Counters
from edgeyard.agent.folder_lock import FolderLock
from edgeyard.agent.state_folder import Identity, StateFolder
from edgeyard.domain.error import UserError
from edgeyard.domain.hardware import deployable_profiles, is_deployable
from edgeyard.domain.identifier import check_identifier
from edgeyard.trust.device_key import certificate_name, create_private_key, make_csr, sign_statement, verify_statement
from edgeyard.trust.durable_file import sync_folder
from edgeyard.trust.join_client import request_join
from edgeyard.trust.join_token import JoinToken
from edgeyard.trust.time_floor import TimeFloor
from edgeyard.wire.message import JoinAnswer, JoinRequest


def has_identity(state: Path) -> bool:
    """Whether the device of this state folder has joined a site."""
    return StateFolder(state).has_identity()


def join_site(
    token_text: str, state: Path, device_id: str, hardware_profile: str, labels: dict[str, str] | None = None
) -> None:
    """Join with a token and write the state folder. Raises `UserError`; then the device has not joined."""
    token = JoinToken.decode(token_text)
    if token.role != "device":
        raise UserError("This token is for an operator, not for a device.", "Ask for a device token.")
    if not token.root_sha256:
        raise UserError("This token names no release root, so no release could be believed.", "Ask for a new token.")
    check_identifier(device_id, "device id")
    if not is_deployable(hardware_profile):
        raise UserError(
            f"The hardware profile {hardware_profile[:64]!r} is not known.",
            f"Use one of {', '.join(sorted(deployable_profiles()))}.",
        )
    folder = StateFolder(state)
    with FolderLock(folder.lock_file):
        if folder.has_identity():
            joined = folder.read_identity()
            raise UserError(
                f"{state} belongs to the device {joined.device} of the site {joined.site} already.",
                "Use another folder, or empty this one if that device is to be replaced.",
            )
        try:
            key_pem = _own_key(folder)
            request = JoinRequest(
                token.secret, "device", device_id, make_csr(key_pem, device_id), hardware_profile, labels or {},
                edgeyard.__version__,
            )  # fmt: skip
            answer = request_join(token, request)
            _check(answer, device_id, key_pem)
            _write(folder, answer, token, hardware_profile, labels or {})
        except OSError as error:
            raise UserError(
                f"The state folder {state} cannot be written ({error.strerror}).",
                "Free space there, or name another folder, then join again with the same token.",
            ) from error


def _own_key(folder: StateFolder) -> bytes:
    """The key of a join that died, so that the hub knows us again; else a new one."""
    try:
        key_pem = folder.key_file.read_bytes()
        make_csr(key_pem, "probe")
    except (OSError, ValueError, TypeError, UserError):
        key_pem = create_private_key()
        folder.write(folder.key_file, key_pem)
    return key_pem


def _check(answer: JoinAnswer, device_id: str, key_pem: bytes) -> None:
    check_identifier(answer.site, "site name")
    # The certificate must be for this name and this key: what the key signs, it verifies.
    verify_statement(answer.certificate_pem, b"join", sign_statement(key_pem, b"join"))
    if answer.name != device_id or certificate_name(answer.certificate_pem) != device_id:
        raise UserError("The hub answered with another device's certificate.", "Ask for a new join token.")
    if not answer.director_root:
        raise UserError("The hub's answer names no director.", "Check that both run the same version.")


def _write(folder: StateFolder, answer: JoinAnswer, token: JoinToken, profile: str, labels: dict[str, str]) -> None:
    # Metadata of an earlier site would look like an attack by this one.
    shutil.rmtree(folder.trust, ignore_errors=True)
    folder.prepare()
    folder.write(folder.certificate_file, answer.certificate_pem.encode())
    folder.write(folder.ca_file, answer.ca_pem.encode())
    folder.write(folder.release_root_file, answer.release_root.encode())
    folder.write(folder.director_root_file, answer.director_root.encode())
    Counters.create(folder.counters_file, TimeFloor(folder.time_floor_file).effective(time.time()))
    identity = Identity(
        answer.site, answer.name, profile, token.url, answer.mqtt_host, answer.mqtt_port, labels, time.time()
    )
    folder.write(folder.identity_file, msgspec.json.encode(identity))
    sync_folder(folder.root.absolute().parent)
