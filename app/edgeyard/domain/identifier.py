"""Names that end up in topics, file names and certificates, and what is allowed in them."""

from __future__ import annotations

import re

from edgeyard.domain.error import UserError

_IDENTIFIER = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
"""One DNS label: no `/`, `+`, `#` (topics), no `.` (file names, roles in certificates), at most 63 characters."""

_DIGEST = re.compile(r"[0-9a-f]{64}")

MAX_TITLE_CHARACTERS = 64

OPERATOR_PREFIX = "operator."
HUB_PREFIX = "hub."
"""Certificate names of people and hubs carry a dot, so no device can ever claim one."""


def check_identifier(text: str, what: str = "name") -> str:
    """Return `text` if it may name a site, device or model; raise `UserError` otherwise."""
    if not _IDENTIFIER.fullmatch(text):
        raise UserError(
            f"The {what} {text[:80]!r} cannot be used.",
            "Use 1 to 63 lower-case letters, digits and hyphens, beginning and ending with a letter or digit.",
        )
    return text


def check_title(text: str, what: str) -> str:
    """Return `text` if it may be shown as the name of a `what` (people's words: any script, spaces inside)."""
    if not 1 <= len(text) <= MAX_TITLE_CHARACTERS or text != text.strip() or not text.isprintable():
        raise UserError(
            f"The {what} {text[:80]!r} cannot be used.",
            f"Use 1 to {MAX_TITLE_CHARACTERS} printable characters, without spaces at the ends.",
        )
    return text


def is_identifier(text: str) -> bool:
    """Whether `text` may name a site, device or model."""
    return _IDENTIFIER.fullmatch(text) is not None


def is_digest(text: str) -> bool:
    """Whether `text` is a SHA-256 digest in lower-case hex."""
    return _DIGEST.fullmatch(text) is not None
