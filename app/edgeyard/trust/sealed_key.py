"""The file of one sealed key: its public half in the open, its private half under AES-256-GCM."""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from msgspec import Meta

from edgeyard.domain.error import UserError

Protection = Literal["keyring", "passphrase"]

MAX_FILE_BYTES = 16 * 1024
_MAX_MEMORY_KIB = 1024 * 1024
_MAX_ITERATIONS = 20
_LANES = 4
"""Argon2id lanes, and the length of the wrapping key, as RFC 9106 section 4 recommends."""


class SealedKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The key file. Bytes are base64; the limits bound what a foreign file may make us compute."""

    format: Literal[1]
    name: Annotated[str, Meta(max_length=63)]
    protection: Protection
    public_key: Annotated[bytes, Meta(min_length=32, max_length=32)]
    nonce: Annotated[bytes, Meta(min_length=12, max_length=12)]
    sealed: Annotated[bytes, Meta(max_length=256)] = b""
    salt: Annotated[bytes, Meta(max_length=64)] = b""
    memory_kib: Annotated[int, Meta(ge=0, le=_MAX_MEMORY_KIB)] = 0
    iterations: Annotated[int, Meta(ge=0, le=_MAX_ITERATIONS)] = 0
    keyring_backend: Annotated[str, Meta(max_length=64)] = ""
    keyring_entry: Annotated[str, Meta(max_length=128)] = ""
    checksum: Annotated[str, Meta(max_length=64)] = ""
    """SHA-256 over all else: tells a damaged file from a wrong passphrase."""


def encode_key(sealed: SealedKey) -> bytes:
    """As the bytes of a key file."""
    return msgspec.json.format(msgspec.json.encode(msgspec.structs.replace(sealed, checksum=_checksum(sealed))))


def read_key(path: Path) -> SealedKey:
    """Read a key file; raises `UserError` when it is missing, damaged or of a newer version. It is left as it is."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        _check_format(path, data)
        sealed = msgspec.json.decode(data, type=SealedKey)
    except FileNotFoundError as error:
        raise UserError(f"There is no key in {path}.", "Use the machine it was made on.") from error
    except (OSError, msgspec.DecodeError) as error:
        raise _damaged(path) from error
    if sealed.checksum != _checksum(sealed) or len(data) > MAX_FILE_BYTES:
        raise _damaged(path)
    return sealed


def seal(frame: SealedKey, wrapping_key: bytes, private_key: bytes) -> SealedKey:
    """The frame with the private key sealed into it; the seal vouches for the frame's other fields too."""
    return msgspec.structs.replace(frame, sealed=AESGCM(wrapping_key).encrypt(frame.nonce, private_key, _bound(frame)))


def unseal(sealed: SealedKey, wrapping_key: bytes) -> bytes | None:
    """The private key, or `None` when the wrapping key does not fit."""
    try:
        return AESGCM(wrapping_key).decrypt(sealed.nonce, sealed.sealed, _bound(sealed))
    except InvalidTag:
        return None


def derive_wrapping_key(frame: SealedKey, passphrase: str) -> bytes:
    """Argon2id (RFC 9106) of a passphrase, with the frame's salt and costs. Raises `UserError`."""
    # One passphrase may be typed as different code points on different keyboards and systems.
    text = unicodedata.normalize("NFKC", passphrase)
    try:
        kdf = Argon2id(
            salt=frame.salt, length=32, iterations=frame.iterations, lanes=_LANES, memory_cost=frame.memory_kib
        )
        return kdf.derive(text.encode())
    except UnsupportedAlgorithm as error:
        raise UserError(
            "This machine's OpenSSL has no Argon2id.", "Install the cryptography package from PyPI, or use the keyring."
        ) from error
    except (ValueError, MemoryError) as error:
        raise UserError(
            f"The passphrase of the key {frame.name} cannot be worked out here ({error}).",
            f"The file asks for {frame.memory_kib // 1024} MiB; restore it from a backup if that is not right.",
        ) from error


def new_nonce() -> bytes:
    """96 random bits; each wrapping key seals one key once."""
    return secrets.token_bytes(12)


def new_salt() -> bytes:
    """128 random bits."""
    return secrets.token_bytes(16)


def _check_format(path: Path, data: bytes) -> None:
    found = msgspec.json.decode(data, type=_AnyFormat).format
    if found != 1:
        raise UserError(
            f"The key file {path} has format {found}, which this version does not know.", "Update Edgeyard."
        )


class _AnyFormat(msgspec.Struct):
    format: int


def _bound(frame: SealedKey) -> bytes:
    """What the seal also vouches for: a swapped name, public key or cost does not open."""
    return msgspec.json.encode(msgspec.structs.replace(frame, sealed=b"", checksum=""))


def _checksum(sealed: SealedKey) -> str:
    return hashlib.sha256(msgspec.json.encode(msgspec.structs.replace(sealed, checksum=""))).hexdigest()


def _damaged(path: Path) -> UserError:
    return UserError(
        f"The key file {path} is damaged or cannot be read.",
        "It was left as it is: restore it from a backup. Without one, let the root's owner admit a new key.",
    )
