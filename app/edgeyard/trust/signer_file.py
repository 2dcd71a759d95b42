"""The hub's online signing keys: plain files that only its user can read, because it signs without a person."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner

from edgeyard.domain.error import UserError
from edgeyard.trust.durable_file import create_durably

__all__ = ["CryptoSigner", "load_or_create_signer"]

_MAX_FILE_BYTES = 4096
_OTHERS = 0o077


def load_or_create_signer(path: Path) -> CryptoSigner:
    """The Ed25519 signer kept in `path` (mode 0600), made at first use.

    Raises `UserError` when the file is damaged, cannot be read or written, or is open to other users of the machine.
    """
    try:
        create_durably(path, CryptoSigner.generate_ed25519().private_bytes)
    except FileExistsError:
        pass  # The usual case. A key is never made anew over one that is there, even by two hubs at once.
    except OSError as error:
        raise UserError(
            f"The signing key cannot be kept in {path} ({error.strerror or error}).",
            "Check that the disk has room and that the folder belongs to the hub's user.",
        ) from error
    return _load(path)


def _load(path: Path) -> CryptoSigner:
    try:
        if os.name == "posix" and path.stat().st_mode & _OTHERS:
            raise UserError(
                f"The signing key {path} can be read by other users of this machine.",
                f"If they are trusted, run: chmod 600 {path}. Otherwise take it for stolen.",
            )
        with path.open("rb") as file:
            key = load_pem_private_key(file.read(_MAX_FILE_BYTES), None)
    except (ValueError, TypeError, OSError, UnsupportedAlgorithm) as error:
        raise _damaged(path) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _damaged(path)
    return CryptoSigner(key)


def _damaged(path: Path) -> UserError:
    return UserError(
        f"The signing key {path} cannot be read.",
        "Restore it from a backup; with a new key, devices would refuse what the hub signs.",
    )
