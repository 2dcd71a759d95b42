"""The hub's online signing keys: plain files that only its user can read, because it signs without a person."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner

from edgeyard.domain.error import UserError
from edgeyard.trust.durable_file import write_durably

__all__ = ["CryptoSigner", "load_or_create_signer"]


def load_or_create_signer(path: Path) -> CryptoSigner:
    """The Ed25519 signer kept in `path` (mode 0600), made at first use. Raises `UserError` when the file is damaged."""
    if not path.exists():
        signer = CryptoSigner.generate_ed25519()
        write_durably(path, signer.private_bytes)
        return signer
    try:
        return CryptoSigner(load_pem_private_key(path.read_bytes(), None))
    except (ValueError, TypeError, OSError) as error:
        raise UserError(
            f"The signing key {path} cannot be read.",
            "Restore it from a backup; with a new key, devices would refuse what the hub signs.",
        ) from error
