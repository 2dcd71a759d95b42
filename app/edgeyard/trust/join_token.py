"""One-time join tokens: where the hub is, whose certificate authority to expect, and a secret that works once."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from typing import Annotated, Literal, Self

import msgspec
from msgspec import Meta

from edgeyard.domain.error import UserError

_PREFIX = "ejt1."
_MAX_CHARACTERS = 2048

Hex = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class JoinToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a token says. `root_sha256` pins the release root (empty before the site has one)."""

    url: Annotated[str, Meta(max_length=300, pattern="^https://")]
    ca_sha256: Hex
    root_sha256: Annotated[str, Meta(pattern="^([0-9a-f]{64})?$")]
    secret: Annotated[str, Meta(min_length=16, max_length=128)]
    role: Literal["device", "operator"]

    def encode(self) -> str:
        """As one word that survives copying: `ejt1.` and base64url."""
        return _PREFIX + base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> Self:
        """Read a token back; raises `UserError` when it is damaged or not one."""
        todo = "Copy the whole token (it begins with ejt1.), or ask for a new one."
        word = text.strip()
        if len(word) > _MAX_CHARACTERS or not word.startswith(_PREFIX):
            raise UserError("This is not a join token.", todo)
        body = word.removeprefix(_PREFIX)
        try:
            return msgspec.json.decode(base64.b64decode(body + "=" * (-len(body) % 4), b"-_", validate=True), type=cls)
        except (msgspec.DecodeError, binascii.Error, ValueError) as error:
            raise UserError("The join token is damaged.", todo) from error


def new_secret() -> str:
    """A fresh secret of 192 bits."""
    return secrets.token_urlsafe(24)


def hash_secret(secret: str) -> str:
    """What the database keeps of a secret; it is long and random, so a plain SHA-256 suffices."""
    return hashlib.sha256(secret.encode()).hexdigest()
