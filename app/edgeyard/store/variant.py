"""Variants of a version: the artifacts that were made, their evidence, and for which hardware each was chosen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Evidence, Variant
from edgeyard.store.bound import bound_name
from edgeyard.store.change import touch
from edgeyard.store.json_text import from_text, to_text
from edgeyard.store.raw import fetch, fetch_locked, run

_COLUMNS = "id, version_id, name, precision, digest, size_bytes, profiles, evidence, reasons, lineage"


def add_variant(
    c: Connection,
    version_id: int,
    *,
    name: str,
    precision: str,
    digest: str,
    size_bytes: int,
    now: float,
    profiles: Sequence[str] = (),
    evidence: Evidence | None = None,
    reasons: Mapping[str, str] | None = None,
    lineage: Mapping[str, str] | None = None,
) -> Variant:
    """Keep a variant, in place of an earlier one of that name. Raises `UserError` once the version is released."""
    version = fetch_locked(c, "SELECT stage FROM model_version WHERE id = ?", (version_id,))
    if version is None:
        raise UserError("The model version is not in the site any more.", "Import it again.")
    if version[0] == "released":
        raise UserError(
            "The model version is released; its variants can no longer change.", "Import it as a new version."
        )
    rows = fetch(
        c,
        "INSERT INTO variant (version_id, name, precision, digest, size_bytes, profiles, evidence, reasons, lineage)"  # noqa: S608
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (version_id, name) DO UPDATE SET"
        " precision = excluded.precision, digest = excluded.digest, size_bytes = excluded.size_bytes,"
        " profiles = excluded.profiles, evidence = excluded.evidence, reasons = excluded.reasons,"
        f" lineage = excluded.lineage RETURNING {_COLUMNS}",
        (
            version_id,
            bound_name(name),
            bound_name(precision),
            digest,
            size_bytes,
            to_text(list(profiles)),
            to_text(evidence or Evidence()),
            to_text(dict(reasons or {})),
            to_text(dict(lineage or {})),
        ),
    )
    touch(c, "models", now)
    return _read(rows[0])


def set_variant_choice(
    c: Connection, variant_id: int, profiles: Sequence[str], reasons: Mapping[str, str], now: float
) -> None:
    """Say for which hardware profiles the variant was chosen, and per profile why or why not."""
    run(
        c,
        "UPDATE variant SET profiles = ?, reasons = ? WHERE id = ?",
        (to_text(list(profiles)), to_text(dict(reasons)), variant_id),
    )
    touch(c, "models", now)


def variants_of(c: Connection, version_ids: Sequence[int]) -> defaultdict[int, tuple[Variant, ...]]:
    """The variants of each version, in the order they were made."""
    found: defaultdict[int, tuple[Variant, ...]] = defaultdict(tuple)
    if not version_ids:
        return found
    sql = f"SELECT {_COLUMNS} FROM variant"  # noqa: S608
    rows = fetch(c, f"{sql} WHERE version_id = ?", version_ids) if len(version_ids) == 1 else fetch(c, sql)
    for row in sorted(rows):
        found[row[1]] += (_read(row),)
    return found


def _read(row: tuple[Any, ...]) -> Variant:
    variant_id, version_id, name, precision, digest, size_bytes, profiles, evidence, reasons, lineage = row
    return Variant(
        variant_id,
        version_id,
        name,
        precision,
        digest,
        size_bytes,
        from_text(profiles, tuple[str, ...]),
        from_text(evidence, Evidence),
        from_text(reasons, dict[str, str]),
        from_text(lineage, dict[str, str]),
    )
