"""What a database says when it cannot, in words a person can act on. Our own mistakes are not translated."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from edgeyard.domain.error import UserError


@dataclass(frozen=True, slots=True)
class _Trouble:
    """`words` as the driver says them (lower case), and what that means; `{place}` is the file or server."""

    words: tuple[str, ...]
    what: str
    todo: str


_SQLITE = (
    _Trouble(
        ("database is locked", "database table is locked"),
        "The database {place} is locked by another program.",
        "Close other programs that have it open (a backup, a database browser), then try again.",
    ),
    _Trouble(
        ("readonly database",),
        "The database {place} is read-only.",
        "Give your user permission to write the file and its folder, or move the site to another folder.",
    ),
    _Trouble(
        ("disk is full",),
        "The disk that holds the database {place} is full. Nothing was changed.",
        "Free some space there, then try again.",
    ),
    _Trouble(
        ("file is not a database", "file is encrypted"),
        "The file {place} is not an Edgeyard database.",
        "Choose another file, or restore the database from a backup. The file was not changed.",
    ),
    _Trouble(
        ("disk image is malformed", "malformed database schema"),
        "The database {place} is damaged.",
        "Restore it from a backup. Keep the damaged file until that worked.",
    ),
    _Trouble(
        ("unable to open database file",),
        "The database {place} cannot be opened.",
        "Check that its folder exists and that your user may read and write in it.",
    ),
    _Trouble(
        ("disk i/o error",),
        "The disk that holds the database {place} reports an error.",
        "Check the disk and its free space, then start again; the last committed state is kept.",
    ),
)

_POSTGRES_BY_STATE = {
    "53100": _Trouble((), "The disk of the database server {place} is full.", "Free some space there, then try again."),
    "53300": _Trouble(
        (), "The database server {place} has no free connection.", "Raise max_connections there, or stop a client."
    ),
    "55P03": _Trouble(
        (), "The database {place} is locked by another program.", "Try again; if it stays, look for a long transaction."
    ),
    "57014": _Trouble((), "The database {place} took too long to answer.", "Try again when it is less busy."),
    "40P01": _Trouble((), "Two programs changed the same rows of {place} at once.", "Try again."),
    "40001": _Trouble((), "Two programs changed the same rows of {place} at once.", "Try again."),
    "25006": _Trouble(
        (), "The database {place} is read-only.", "Point the settings at the primary server, not at a replica."
    ),
    "42501": _Trouble(
        (), "The database user may not change {place}.", "Grant that user all rights on the database and its schema."
    ),
    "42P06": _Trouble((), "A schema of that name is already in {place}.", "Choose another name, or drop that schema."),
    "3D000": _Trouble((), "The database {place} does not exist.", "Create it, or correct the database URL."),
    "28P01": _Trouble(
        (), "The database server refused the user name or password for {place}.", "Correct the database URL."
    ),
}

_POSTGRES_BY_WORDS = (
    # A connection that was never made carries no SQLSTATE, only words.
    _Trouble(
        ("password authentication failed", "no password supplied", "authentication failed"),
        "The database server refused the user name or password for {place}.",
        "Correct user and password in the database URL.",
    ),
    _Trouble(("does not exist",), "{place} does not exist on the database server.", "Create it, or correct the URL."),
    _Trouble(
        ("timeout expired", "timed out"),
        "The database server {place} did not answer within 5 seconds.",
        "Check that it runs, that the address is right and that no firewall is between.",
    ),
    _Trouble(
        ("connection refused", "no such file", "network is unreachable", "no route to host"),
        "Nothing answers at the database address {place}.",
        "Start the PostgreSQL server, or correct host and port in the database URL.",
    ),
    _Trouble(
        ("could not translate host name", "failed to resolve host", "name or service not known", "name resolution"),
        "The host of the database {place} is not known.",
        "Correct the host in the database URL.",
    ),
    _Trouble(("too many clients", "remaining connection slots"), "The database server {place} has no free connection.",
             "Raise max_connections there, or stop a client."),
    _Trouble(
        ("connection", "ssl", "server closed"),
        "The connection to the database {place} broke.",
        "Check that the server runs and is reachable; Edgeyard goes on by itself when it is back.",
    ),
)  # fmt: skip


def explain(error: Exception, place: str, *, reading: bool = False) -> UserError | None:
    """Return the `UserError` for a problem of the database at `place`, or `None` for a mistake of our own.

    While `reading`, a refused write is our mistake: readers are read-only by our own doing.
    """
    if isinstance(error, PoolTimeoutError):
        return UserError(f"All connections to the database {place} are busy.", "Try again in a moment.")
    trouble = _find(error.orig if isinstance(error, DBAPIError) and error.orig else error)
    if trouble is None or (reading and "read-only" in trouble.what):
        return None
    return UserError(trouble.what.format(place=place), trouble.todo)


def _find(error: BaseException) -> _Trouble | None:
    """Look up the driver's own error: by SQLSTATE where there is one, else by its words."""
    driver = type(error).__module__.partition(".")[0]
    words = str(error).lower()
    if driver == "sqlite3":
        return _by_words(_SQLITE, words)
    if driver != "psycopg":
        return None
    state = getattr(error, "sqlstate", None)
    if state in _POSTGRES_BY_STATE:
        return _POSTGRES_BY_STATE[state]
    lost = type(error).__name__ in {"OperationalError", "ConnectionTimeout", "AdminShutdown", "CrashShutdown"}
    return _by_words(_POSTGRES_BY_WORDS, words) if lost else None


def _by_words(troubles: tuple[_Trouble, ...], words: str) -> _Trouble | None:
    return next((trouble for trouble in troubles if any(word in words for word in trouble.words)), None)
