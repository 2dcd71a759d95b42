"""Mosquitto as the hub's child: where it is, and the files it is given."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from edgeyard.domain.error import UserError
from edgeyard.wire.limit import MAX_RECORDS_MESSAGE_BYTES

_USUAL_PLACES = (
    "/usr/sbin",
    "/usr/local/sbin",
    "/opt/homebrew/sbin",
    r"C:\Program Files\mosquitto",
)
_MAX_LOG_BYTES = 8 << 20


def find_mosquitto() -> Path | None:
    """The Mosquitto broker on this machine, on PATH or where systems put daemons, or `None`."""
    search_path = os.pathsep.join((os.environ.get("PATH", ""), *_USUAL_PLACES))
    found = shutil.which("mosquitto", path=search_path)
    return Path(found) if found else None


def mosquitto_config(
    *,
    host: str,
    port: int,
    folder: Path,
    acl_file: Path,
    ca_file: Path,
    certificate_file: Path,
    key_file: Path,
    log_file: Path,
    as_root: bool,
) -> str:
    """The text of `mosquitto.conf`.

    Stock limits (20 in flight, 1,000 queued) silently drop bursts; these lose nothing in the bursts measured, and the
    byte bound keeps a hub that is away from filling the machine. `as_root`: Mosquitto started by root gives up root and
    becomes user `mosquitto`, which cannot enter a site folder under /root, could not read the ACL again at SIGHUP, and
    would lose the kernel's word to end with the hub. So a hub run as root keeps its broker root; a service should run
    the hub under a user of its own, and then nothing is root.
    """
    lines = [
        "# Written by the Edgeyard hub at every start; changes made here are lost.",
        "per_listener_settings false",
        *(["user root"] if as_root else []),
        "allow_anonymous false",
        f"acl_file {acl_file}",
        f"listener {port} {host}",
        f"cafile {ca_file}",
        f"certfile {certificate_file}",
        f"keyfile {key_file}",
        "require_certificate true",
        "use_identity_as_username true",
        "max_inflight_messages 2000",
        "max_queued_messages 200000",
        f"max_queued_bytes {256 << 20}",
        f"message_size_limit {2 * MAX_RECORDS_MESSAGE_BYTES}",
        "persistent_client_expiration 7d",
        "set_tcp_nodelay true",
        "persistence true",
        f"persistence_location {folder}{os.sep}",
        "persistence_file mosquitto.db",
        "autosave_interval 30",
        "sys_interval 0",
        f"log_dest file {log_file}",
        "log_type error",
        "log_type warning",
        "log_type notice",
        "log_timestamp_format %Y-%m-%dT%H:%M:%S",
    ]
    return "\n".join(lines) + "\n"


def check_folder(folder: Path) -> None:
    """Raise `UserError` for a site folder whose path would break the lines of `mosquitto.conf`."""
    if not str(folder).isprintable():
        raise UserError(
            f"The path of the site folder {str(folder)!r} holds a line break or control character.",
            "Move the site folder to a path without.",
        )


def rotate_log(log_file: Path) -> None:
    """Keep one older log: called before a start, since Mosquitto holds its log open."""
    if log_file.exists() and log_file.stat().st_size > _MAX_LOG_BYTES:
        log_file.replace(log_file.with_suffix(".1.log"))
