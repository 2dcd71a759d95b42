"""Signing keys of people, sealed on their own machine: under the OS keyring, or under a passphrase.

One file per key: Ed25519, sealed with AES-256-GCM. The wrapping key is 32 random bytes kept in the OS keyring (keys
themselves may be too long for it: Windows limits an entry to 2,560 bytes), or is made by Argon2id (RFC 9106) from a
passphrase. The public half lies open, so that a key can be named before it is opened.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from securesystemslib.signer import CryptoSigner, SSlibKey

from edgeyard.domain.error import UserError
from edgeyard.domain.identifier import check_identifier, is_identifier
from edgeyard.trust.durable_file import create_durably, make_folder
from edgeyard.trust.os_keyring import (
    backend_name,
    check_backend,
    find_backend,
    keep_wrapping_key,
    keyring_available,
    read_wrapping_key,
)
from edgeyard.trust.sealed_key import (
    Protection,
    SealedKey,
    derive_wrapping_key,
    encode_key,
    new_nonce,
    new_salt,
    read_key,
    seal,
    unseal,
)

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

__all__ = [
    "MIN_PASSPHRASE_CHARACTERS",
    "KeyVault",
    "KeyringUnlock",
    "PassphraseUnlock",
    "Protection",
    "Unlock",
    "check_backend",
    "keyring_available",
]

MIN_PASSPHRASE_CHARACTERS = 8
_SUFFIX = ".key.json"


@dataclass(frozen=True, slots=True)
class KeyringUnlock:
    """Open with the OS keyring; `backend` is the trusted one of this machine unless given."""

    backend: KeyringBackend | None = None


@dataclass(frozen=True, slots=True)
class PassphraseUnlock:
    """Open with a passphrase. The costs (RFC 9106, second recommendation) are for new keys; a file keeps its own."""

    passphrase: str = field(repr=False)
    memory_kib: int = 64 * 1024
    iterations: int = 3


Unlock = KeyringUnlock | PassphraseUnlock


class KeyVault:
    """The sealed keys of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """The names of all keys here, sorted."""
        names = (path.name.removesuffix(_SUFFIX) for path in self._folder.glob(f"*{_SUFFIX}"))
        return sorted(filter(is_identifier, names))

    def create(self, name: str, unlock: Unlock) -> SSlibKey:
        """Make and seal a new key; returns its public half.

        Raises `UserError` when the name is taken, the passphrase is too short, or keyring or disk cannot be used.
        """
        path = self._path(name)
        if path.exists():
            raise _taken(name)
        key = Ed25519PrivateKey.generate()
        public_key = key.public_key().public_bytes_raw()
        if isinstance(unlock, KeyringUnlock):
            frame, wrapping_key = _new_keyring_frame(name, public_key, unlock)
        else:
            frame, wrapping_key = _new_passphrase_frame(name, public_key, unlock)
        try:
            make_folder(self._folder, 0o700)
            create_durably(path, encode_key(seal(frame, wrapping_key, key.private_bytes_raw())))
        except FileExistsError as error:
            raise _taken(name) from error
        except OSError as error:
            raise UserError(
                f"The new key cannot be written to {path} ({error.strerror or error}).",
                "Check that the disk has room and that the folder belongs to you.",
            ) from error
        return _public_key(public_key)

    def protection(self, name: str) -> Protection:
        """How a key is sealed. Raises `UserError`."""
        return self._read(name).protection

    def public_key(self, name: str) -> SSlibKey:
        """The public half; needs no unlocking. Raises `UserError`."""
        return _public_key(self._read(name).public_key)

    def signer(self, name: str, unlock: Unlock) -> CryptoSigner:
        """Open a key for signing. Raises `UserError`: wrong passphrase, keyring without it, damaged file."""
        sealed = self._read(name)
        raw = unseal(sealed, _known_wrapping_key(sealed, unlock))
        if raw is None and sealed.protection == "passphrase":
            raise UserError(f"The passphrase does not open the key {name}.", "Check it and try again.")
        if raw is None or len(raw) != 32:
            raise UserError(f"The keyring's entry does not open the key {name}.", "Restore the key file from a backup.")
        key = Ed25519PrivateKey.from_private_bytes(raw)
        if key.public_key().public_bytes_raw() != sealed.public_key:
            raise UserError(
                f"The key file of {name} holds another key than it says.", "Restore the key file from a backup."
            )
        return CryptoSigner(key, _public_key(sealed.public_key))

    def _path(self, name: str) -> Path:
        return self._folder / f"{check_identifier(name, 'key name')}{_SUFFIX}"

    def _read(self, name: str) -> SealedKey:
        path = self._path(name)
        sealed = read_key(path)
        if sealed.name != name:
            raise UserError(f"The key file {path} holds the key {sealed.name!r}.", "Give it back its own name.")
        return sealed


def _new_keyring_frame(name: str, public_key: bytes, unlock: KeyringUnlock) -> tuple[SealedKey, bytes]:
    backend = check_backend(unlock.backend) if unlock.backend is not None else find_backend()
    wrapping_key = secrets.token_bytes(32)
    entry = f"{name}-{secrets.token_hex(8)}"
    # First the keyring, then the file: a crash in between leaves an entry that opens nothing.
    keep_wrapping_key(backend, entry, wrapping_key)
    frame = SealedKey(
        1,
        name,
        "keyring",
        public_key,
        new_nonce(),
        keyring_backend=backend_name(backend),
        keyring_entry=entry,
    )
    return frame, wrapping_key


def _new_passphrase_frame(name: str, public_key: bytes, unlock: PassphraseUnlock) -> tuple[SealedKey, bytes]:
    if len(unlock.passphrase) < MIN_PASSPHRASE_CHARACTERS:
        raise UserError(
            f"The passphrase is shorter than {MIN_PASSPHRASE_CHARACTERS} characters.", "Choose a longer one."
        )
    frame = SealedKey(
        1,
        name,
        "passphrase",
        public_key,
        new_nonce(),
        salt=new_salt(),
        memory_kib=unlock.memory_kib,
        iterations=unlock.iterations,
    )
    return frame, derive_wrapping_key(frame, unlock.passphrase)


def _known_wrapping_key(sealed: SealedKey, unlock: Unlock) -> bytes:
    if sealed.protection == "passphrase":
        if not isinstance(unlock, PassphraseUnlock):
            raise UserError(f"The key {sealed.name} is sealed with a passphrase.", "Give the passphrase.")
        return derive_wrapping_key(sealed, unlock.passphrase)
    if not isinstance(unlock, KeyringUnlock):
        raise UserError(f"The key {sealed.name} is sealed by the OS keyring.", "Unlock the keyring of this desktop.")
    backend = check_backend(unlock.backend) if unlock.backend is not None else find_backend(sealed.keyring_backend)
    return read_wrapping_key(backend, sealed.keyring_entry)


def _taken(name: str) -> UserError:
    return UserError(f"There is already a key named {name}.", "Use it, or choose another name.")


def _public_key(raw: bytes) -> SSlibKey:
    return SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(raw))
