"""One-time join tokens: made by an operator, used once by a newcomer, even when two come at the same instant."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from edgeyard.domain.error import UserError
from edgeyard.store.bound import bound, bound_name
from edgeyard.store.change import touch
from edgeyard.store.raw import fetch, fetch_one, insert_row, run

_COLUMNS = "id, role, hardware_profile, note, created_by, created_at, expires_at, used_by, used_at"


@dataclass(frozen=True, slots=True)
class Token:
    """A join token without its secret. `role` is `device` or `operator`; an empty profile allows any hardware."""

    id: int
    role: str
    hardware_profile: str
    note: str
    created_by: str
    created_at: float
    expires_at: float
    used_by: str
    used_at: float | None


def add_token(
    c: Connection,
    secret_hash: str,
    role: str,
    expires_at: float,
    created_by: str,
    now: float,
    hardware_profile: str = "",
    note: str = "",
) -> int:
    """Keep a new token by the hash of its secret; returns its id."""
    touch(c, "tokens", now)
    values = {
        "secret_hash": secret_hash,
        "role": role,
        "hardware_profile": bound_name(hardware_profile),
        "note": bound(note),
        "created_by": bound_name(created_by),
        "created_at": now,
        "expires_at": expires_at,
        "used_by": "",
    }
    return insert_row(c, "join_token", values)


def use_token(c: Connection, secret_hash: str, role: str, used_by: str, now: float) -> Token:
    """Use the token up for `used_by`, or raise `UserError` that says whether it is unknown, used or expired.

    The check and the use are one statement: of two newcomers with one token exactly one gets in.
    """
    taken = run(
        c,
        "UPDATE join_token SET used_by = ?, used_at = ?"
        " WHERE secret_hash = ? AND role = ? AND used_at IS NULL AND expires_at > ?",
        (bound_name(used_by), now, secret_hash, role, now),
    )
    token = find_token(c, secret_hash)
    if taken and token:
        touch(c, "tokens", now)
        return token
    raise _refusal(token, role)


def find_token(c: Connection, secret_hash: str) -> Token | None:
    """The token with this secret, used or not, or `None`."""
    row = fetch_one(c, f"SELECT {_COLUMNS} FROM join_token WHERE secret_hash = ?", (secret_hash,))  # noqa: S608
    return Token(*row) if row else None


def list_tokens(c: Connection) -> list[Token]:
    """All tokens, the newest first."""
    return [Token(*row) for row in fetch(c, f"SELECT {_COLUMNS} FROM join_token ORDER BY id DESC")]  # noqa: S608


def _refusal(token: Token | None, role: str) -> UserError:
    todo = "Ask an operator for a new join token."
    if token is None:
        return UserError("The site does not know this join token.", f"{todo} Check that it is of this site.")
    if token.role != role:
        return UserError(f"This join token is for a new {token.role}, not for a new {role}.", todo)
    if token.used_at is not None:
        return UserError(
            f"This join token was already used by {token.used_by}.",
            f"{todo} If you did not expect that, find out who joined as {token.used_by}: this token was theirs too.",
        )
    return UserError("This join token has expired.", todo)
