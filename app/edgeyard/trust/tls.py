"""TLS contexts: who shows which certificate, and whose is believed."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

_NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME: Python's `ssl` has no name for it."""

_ROLES = ("device", "operator", "hub")


def server_context(cert_file: Path, key_file: Path, ca_file: Path, require_client: bool) -> ssl.SSLContext:
    """A server that shows `cert_file` and believes clients of `ca_file`; `require_client` refuses those without."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert_file, key_file)
    context.load_verify_locations(ca_file)
    context.verify_mode = ssl.CERT_REQUIRED if require_client else ssl.CERT_OPTIONAL
    return context


def client_context(
    ca: str | Path, cert_file: Path | None = None, key_file: Path | None = None, *, ignore_time: bool = False
) -> ssl.SSLContext:
    """A client that believes only `ca` (PEM text or a file) and shows its own certificate if it has one.

    `ignore_time` is for a device whose clock lies before the trusted time floor: it could not tell a valid certificate
    from one that is not valid yet.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if isinstance(ca, Path):
        context.load_verify_locations(cafile=ca)
    else:
        context.load_verify_locations(cadata=ca)
    if cert_file is not None:
        context.load_cert_chain(cert_file, key_file)
    if ignore_time:
        context.verify_flags |= _NO_CHECK_TIME
    return context


def peer_role(peer_certificate: dict[str, Any] | None) -> tuple[str, str] | None:
    """`(role, name)` from what `SSLSocket.getpeercert()` gives, or `None` without a certificate of ours."""
    if not peer_certificate:
        return None
    fields = {key: value for part in peer_certificate.get("subject", ()) for key, value in part}
    role, name = fields.get("organizationalUnitName"), fields.get("commonName")
    if role not in _ROLES or not name:
        return None
    return role, name
