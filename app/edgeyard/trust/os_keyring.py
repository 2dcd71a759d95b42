"""The OS keyring, chosen by name: only backends that keep secrets secret.

`keyring` by itself takes whatever is installed: with `keyrings.alt` on a headless machine that is a plain text file,
and its chainer would pass a secret on to such a one. So neither its default nor its chainer is ever asked.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from edgeyard.domain.error import UserError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

TRUSTED_BACKENDS = (
    "keyring.backends.SecretService",
    "keyring.backends.libsecret",
    "keyring.backends.kwallet",
    "keyring.backends.macOS",
    "keyring.backends.Windows",
)
"""Modules of the backends that are used, named one by one."""

_SERVICE = "edgeyard"
_WRAPPING_KEY_BYTES = 32


def keyring_available() -> str | None:
    """The name of this machine's trusted keyring backend, or `None` where there is none."""
    backends = _usable_backends()
    return backend_name(backends[0]) if backends else None


def backend_name(backend: KeyringBackend) -> str:
    """How a backend is named in key files and to people: `SecretService`, `macOS`, …"""
    return type(backend).__module__.rpartition(".")[2]


def check_backend(backend: KeyringBackend) -> KeyringBackend:
    """Raise `UserError` unless the backend is one that keeps secrets secret."""
    if type(backend).__module__ not in TRUSTED_BACKENDS:
        raise UserError(
            f"The keyring {type(backend).__module__} does not protect what it stores.",
            "Use the desktop's own keyring, or a passphrase.",
        )
    return backend


def find_backend(name: str = "") -> KeyringBackend:
    """This machine's best trusted backend, or the one of that name. Raises `UserError` when there is none."""
    backends = [backend for backend in _usable_backends() if name in {"", backend_name(backend)}]
    if backends:
        return backends[0]
    if name:
        raise UserError(
            f"The key is sealed by the keyring {name}, which does not answer in this session.",
            "Log in to the desktop session in which the key was made, then try again.",
        )
    raise UserError("This machine has no keyring that protects what it stores.", "Use a passphrase instead.")


def keep_wrapping_key(backend: KeyringBackend, entry: str, wrapping_key: bytes) -> None:
    """Store a wrapping key and read it back, because some backends fail silently. Raises `UserError`."""
    text = base64.b64encode(wrapping_key).decode()
    try:
        backend.set_password(_SERVICE, entry, text)
        kept = backend.get_password(_SERVICE, entry)
    except Exception as error:  # backends raise errors of their own platforms
        raise _trouble(error) from error
    if kept != text:
        raise UserError("The OS keyring did not keep what it was given.", "Unlock it, or use a passphrase.")


def read_wrapping_key(backend: KeyringBackend, entry: str) -> bytes:
    """Read a wrapping key back. Raises `UserError` when it is not there or the keyring stays locked."""
    try:
        kept = backend.get_password(_SERVICE, entry)
    except Exception as error:  # backends raise errors of their own platforms
        raise _trouble(error) from error
    try:
        wrapping_key = base64.b64decode(kept or "", validate=True)
    except (binascii.Error, ValueError):
        wrapping_key = b""
    if len(wrapping_key) != _WRAPPING_KEY_BYTES:
        raise UserError(
            f"The OS keyring has no entry {entry} that opens this key.",
            "Log in as the user who made the key, or restore that user's keyring.",
        )
    return wrapping_key


def _usable_backends() -> list[KeyringBackend]:
    """Trusted backends that work here, the best first."""
    try:
        from keyring.backend import get_all_keyring
    except ImportError:
        return []
    usable = [backend for backend in get_all_keyring() if type(backend).__module__ in TRUSTED_BACKENDS]
    return sorted(usable, key=lambda backend: float(backend.priority), reverse=True)


def _trouble(error: Exception) -> UserError:
    return UserError(f"The OS keyring did not answer ({error}).", "Unlock it, or use a passphrase.")
