"""Signing keys of people, sealed on their own machine: under the OS keyring, or under a passphrase.

One file per key: Ed25519, sealed with AES-256-GCM. The wrapping key is 32 random bytes kept in the OS keyring (keys
themselves may be too long for it: Windows limits an entry to 2,560 bytes), or is made by Argon2id (RFC 9106) from a
passphrase. The public half lies open, so that a key can be named before it is opened.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from msgspec import Meta
from securesystemslib.signer import CryptoSigner, SSlibKey

from edgeyard.domain.error import UserError
from edgeyard.domain.identifier import check_identifier
from edgeyard.trust.durable_file import write_durably

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

Protection = Literal["keyring", "passphrase"]

_TRUSTED_BACKENDS = (
    "keyring.backends.SecretService",
    "keyring.backends.libsecret",
    "keyring.backends.kwallet",
    "keyring.backends.macOS",
    "keyring.backends.Windows",
)
"""Named one by one: `keyrings.alt`, where it is installed, would silently store plain text."""

_SERVICE = "edgeyard"
_MAX_FILE_BYTES = 16 * 1024
_MIN_PASSPHRASE_CHARACTERS = 8
_SUFFIX = ".key.json"


@dataclass(frozen=True, slots=True)
class KeyringUnlock:
    """Open with the OS keyring; `backend` is the trusted one of this machine unless given."""

    backend: KeyringBackend | None = None


@dataclass(frozen=True, slots=True)
class PassphraseUnlock:
    """Open with a passphrase. The costs are those of new keys; a key file remembers its own."""

    passphrase: str
    memory_kib: int = 64 * 1024
    iterations: int = 3


Unlock = KeyringUnlock | PassphraseUnlock


class _Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The key file. Bytes are base64; the limits bound what a foreign file may make us compute."""

    format: Literal[1]
    name: Annotated[str, Meta(max_length=63)]
    protection: Protection
    public_key: Annotated[bytes, Meta(min_length=32, max_length=32)]
    nonce: Annotated[bytes, Meta(min_length=12, max_length=12)]
    sealed: Annotated[bytes, Meta(max_length=256)]
    salt: Annotated[bytes, Meta(max_length=64)] = b""
    memory_kib: Annotated[int, Meta(ge=0, le=1024 * 1024)] = 0
    iterations: Annotated[int, Meta(ge=0, le=20)] = 0
    keyring_entry: Annotated[str, Meta(max_length=64)] = ""


class KeyVault:
    """The sealed keys of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """The names of all keys here, sorted."""
        return sorted(path.name.removesuffix(_SUFFIX) for path in self._folder.glob(f"*{_SUFFIX}"))

    def create(self, name: str, unlock: Unlock) -> None:
        """Make and seal a new key. Raises `UserError` when the name is taken or the keyring cannot be used."""
        check_identifier(name, "key name")
        path = self._path(name)
        if path.exists():
            raise UserError(f"There is already a key named {name}.", "Use it, or choose another name.")
        key = Ed25519PrivateKey.generate()
        frame = _new_frame(name, key.public_key().public_bytes_raw(), unlock)
        wrapping_key = _new_wrapping_key(frame, unlock)
        sealed = AESGCM(wrapping_key).encrypt(frame.nonce, key.private_bytes_raw(), _bound_data(frame))
        self._folder.mkdir(parents=True, exist_ok=True)
        write_durably(path, msgspec.json.encode(msgspec.structs.replace(frame, sealed=sealed)))

    def protection(self, name: str) -> Protection:
        """How a key is sealed. Raises `UserError`."""
        return self._read(name).protection

    def public_key(self, name: str) -> SSlibKey:
        """The public half; needs no unlocking. Raises `UserError`."""
        return _public_key(self._read(name).public_key)

    def signer(self, name: str, unlock: Unlock) -> CryptoSigner:
        """Open a key for signing. Raises `UserError`: wrong passphrase, keyring without it, damaged file."""
        frame = self._read(name)
        wrapping_key = _known_wrapping_key(frame, unlock)
        try:
            raw = AESGCM(wrapping_key).decrypt(frame.nonce, frame.sealed, _bound_data(frame))
        except InvalidTag as error:
            raise UserError(
                f"The key {name} did not open.",
                "Check the passphrase." if frame.protection == "passphrase" else "Restore the key file from a backup.",
            ) from error
        key = Ed25519PrivateKey.from_private_bytes(raw)
        return CryptoSigner(key, _public_key(frame.public_key))

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{_SUFFIX}"

    def _read(self, name: str) -> _Sealed:
        path = self._path(check_identifier(name, "key name"))
        try:
            with path.open("rb") as file:
                frame = msgspec.json.decode(file.read(_MAX_FILE_BYTES), type=_Sealed)
        except FileNotFoundError as error:
            raise UserError(
                f"There is no key named {name} on this machine.", "Use the machine it was made on."
            ) from error
        except (OSError, msgspec.DecodeError) as error:
            raise UserError(
                f"The key file {path} is damaged.", "Restore it from a backup; it was left as it is."
            ) from error
        if frame.name != name:
            raise UserError(f"The key file {path} holds the key {frame.name}.", "Give it back its own name.")
        return frame


def keyring_available() -> str | None:
    """The name of this machine's trusted keyring backend, or `None` where there is none."""
    backend = _trusted_backend()
    return type(backend).__module__.removeprefix("keyring.backends.") if backend else None


def check_backend(backend: KeyringBackend) -> KeyringBackend:
    """Raise `UserError` unless the backend is one that keeps secrets secret."""
    if type(backend).__module__ not in _TRUSTED_BACKENDS:
        raise UserError(
            f"The keyring {type(backend).__name__} does not protect what it stores.",
            "Use the desktop's own keyring, or a passphrase.",
        )
    return backend


def _trusted_backend() -> KeyringBackend | None:
    try:
        from keyring.backend import get_all_keyring
    except ImportError:
        return None
    usable = [backend for backend in get_all_keyring() if type(backend).__module__ in _TRUSTED_BACKENDS]
    return max(usable, key=lambda backend: backend.priority, default=None)


def _new_frame(name: str, public_key: bytes, unlock: Unlock) -> _Sealed:
    nonce = secrets.token_bytes(12)
    if isinstance(unlock, KeyringUnlock):
        return _Sealed(1, name, "keyring", public_key, nonce, b"", keyring_entry=f"{name}-{secrets.token_hex(8)}")
    if len(unlock.passphrase) < _MIN_PASSPHRASE_CHARACTERS:
        raise UserError(
            f"The passphrase is shorter than {_MIN_PASSPHRASE_CHARACTERS} characters.", "Choose a longer one."
        )
    salt = secrets.token_bytes(16)
    return _Sealed(1, name, "passphrase", public_key, nonce, b"", salt, unlock.memory_kib, unlock.iterations)


def _new_wrapping_key(frame: _Sealed, unlock: Unlock) -> bytes:
    if isinstance(unlock, PassphraseUnlock):
        return _derive(frame, unlock.passphrase)
    wrapping_key = secrets.token_bytes(32)
    backend = _backend(unlock)
    try:
        backend.set_password(_SERVICE, frame.keyring_entry, base64.b64encode(wrapping_key).decode())
    except Exception as error:  # keyring backends raise their own platform errors
        raise _keyring_trouble(error) from error
    return wrapping_key


def _known_wrapping_key(frame: _Sealed, unlock: Unlock) -> bytes:
    if frame.protection == "passphrase":
        if not isinstance(unlock, PassphraseUnlock):
            raise UserError(f"The key {frame.name} is sealed with a passphrase.", "Give the passphrase.")
        return _derive(frame, unlock.passphrase)
    if not isinstance(unlock, KeyringUnlock):
        raise UserError(f"The key {frame.name} is sealed by the OS keyring.", "Unlock the keyring of this desktop.")
    try:
        kept = _backend(unlock).get_password(_SERVICE, frame.keyring_entry)
        wrapping_key = base64.b64decode(kept or "", validate=True)
    except UserError:
        raise
    except Exception as error:  # keyring backends raise their own platform errors
        raise _keyring_trouble(error) from error
    if len(wrapping_key) != 32:
        raise UserError(
            f"The OS keyring has no entry for the key {frame.name}.",
            "Log in as the user who made the key, or restore that user's keyring.",
        )
    return wrapping_key


def _backend(unlock: KeyringUnlock) -> KeyringBackend:
    if unlock.backend is not None:
        return check_backend(unlock.backend)
    backend = _trusted_backend()
    if backend is None:
        raise UserError("This machine has no keyring that protects what it stores.", "Use a passphrase instead.")
    return backend


def _keyring_trouble(error: Exception) -> UserError:
    return UserError(f"The OS keyring did not answer ({error}).", "Unlock it, or use a passphrase.")


def _derive(frame: _Sealed, passphrase: str) -> bytes:
    kdf = Argon2id(salt=frame.salt, length=32, iterations=frame.iterations, lanes=1, memory_cost=frame.memory_kib)
    return kdf.derive(passphrase.encode())


def _bound_data(frame: _Sealed) -> bytes:
    """What the seal also vouches for: a swapped name, public key or cost does not open."""
    return msgspec.json.encode(msgspec.structs.replace(frame, sealed=b""))


def _public_key(raw: bytes) -> SSlibKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(raw))
