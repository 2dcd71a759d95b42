"""Certificates the site issued, and which of them were revoked."""

from __future__ import annotations

import hashlib
import ssl

from sqlalchemy import Connection

from edgeyard.store.raw import fetch, fetch_one, run


def add_certificate(c: Connection, name: str, role: str, pem: str, now: float) -> str:
    """Keep an issued certificate of this common name and role (device, operator, hub); returns its fingerprint."""
    fingerprint = fingerprint_of(pem)
    run(
        c,
        "INSERT INTO certificate (fingerprint, name, role, pem, issued_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (fingerprint) DO NOTHING",
        (fingerprint, name, role, pem, now),
    )
    return fingerprint


def current_certificate(c: Connection, name: str) -> str | None:
    """The PEM of the newest certificate of `name` that is not revoked."""
    row = fetch_one(
        c, "SELECT pem FROM certificate WHERE name = ? AND revoked_at IS NULL ORDER BY issued_at DESC LIMIT 1", (name,)
    )
    return str(row[0]) if row else None


def certified_names(c: Connection, role: str) -> set[str]:
    """Names that have a certificate of this role that is not revoked."""
    rows = fetch(c, "SELECT DISTINCT name FROM certificate WHERE role = ? AND revoked_at IS NULL", (role,))
    return {str(row[0]) for row in rows}


def revoke_certificates(c: Connection, name: str, now: float) -> int:
    """Revoke every certificate of `name`; returns how many were still good."""
    return run(c, "UPDATE certificate SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL", (now, name))


def revoked_fingerprints(c: Connection) -> set[str]:
    """SHA-256 fingerprints (hex, of the DER) of all revoked certificates."""
    return {str(row[0]) for row in fetch(c, "SELECT fingerprint FROM certificate WHERE revoked_at IS NOT NULL")}


def fingerprint_of(pem: str) -> str:
    """SHA-256 of the certificate's DER in hex. Raises `ValueError` for text that is no PEM."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
