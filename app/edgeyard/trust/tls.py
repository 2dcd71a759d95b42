"""TLS contexts: who shows which certificate, and whose is believed."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from edgeyard.domain.error import UserError

_NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME: Python's `ssl` has no name for it."""

_ROLES = ("device", "operator", "hub")


def server_context(cert_file: Path, key_file: Path, ca_file: Path, require_client: bool) -> ssl.SSLContext:
    """A server that shows `cert_file` and believes clients of `ca_file`; `require_client` refuses those without.

    Raises `UserError` when a file is missing or damaged.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_own(context, cert_file, key_file)
    _load_authority(context, ca_file)
    context.verify_mode = ssl.CERT_REQUIRED if require_client else ssl.CERT_OPTIONAL
    return context


def client_context(
    ca: str | Path, cert_file: Path | None = None, key_file: Path | None = None, *, ignore_time: bool = False
) -> ssl.SSLContext:
    """A client that believes only `ca` (PEM text or a file) and shows its own certificate if it has one.

    `ignore_time` is for a device whose clock lies before the trusted time floor: it could not tell a valid certificate
    from one that is not valid yet. Raises `UserError` when a certificate or key is missing or damaged.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_authority(context, ca)
    if cert_file is not None:
        _load_own(context, cert_file, key_file)
    if ignore_time:
        context.verify_flags |= _NO_CHECK_TIME
    return context


def _load_authority(context: ssl.SSLContext, ca: str | Path) -> None:
    try:
        if isinstance(ca, Path):
            context.load_verify_locations(cafile=ca)
        else:
            context.load_verify_locations(cadata=ca)
    except (OSError, ValueError, TypeError) as error:  # ssl.SSLError is an OSError; TypeError: not ASCII
        where = f" in {ca}" if isinstance(ca, Path) else ""
        raise UserError(
            f"The site's certificate authority{where} cannot be read ({_reason(error)}).",
            "Restore it from a backup, or join the site again with a new token.",
        ) from error


def _load_own(context: ssl.SSLContext, cert_file: Path, key_file: Path | None) -> None:
    try:
        context.load_cert_chain(cert_file, key_file)
    except (OSError, ValueError) as error:
        raise UserError(
            f"The certificate {cert_file} or its key cannot be used ({_reason(error)}).",
            "Restore both from a backup, or join the site again with a new token.",
        ) from error


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", None) or getattr(error, "strerror", None) or error)


def peer_role(peer_certificate: dict[str, Any] | None) -> tuple[str, str] | None:
    """`(role, name)` from what `SSLSocket.getpeercert()` gives, or `None` without a certificate of ours."""
    if not peer_certificate:
        return None
    fields = {key: value for part in peer_certificate.get("subject", ()) for key, value in part}
    role, name = fields.get("organizationalUnitName"), fields.get("commonName")
    if role not in _ROLES or not name:
        return None
    return role, name
