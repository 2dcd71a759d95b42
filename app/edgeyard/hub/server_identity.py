"""The hub's own keys and certificates: made at first start, renewed in time, kept in `hub/` and `broker/`.

`hub/`: `ca.key` and `ca.pem` of the site, `server.key` and `server.pem` (HTTPS, and client of the broker), the online
signing keys. `broker/`: what the broker child may read: `ca.pem`, `server.key`, `server.pem` of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from edgeyard.commands.settings import Settings
from edgeyard.commands.site_folder import SiteFolder
from edgeyard.domain.error import UserError
from edgeyard.domain.identifier import HUB_PREFIX
from edgeyard.hub.network_port import certificate_hosts
from edgeyard.trust.device_key import create_private_key, make_csr
from edgeyard.trust.durable_file import write_durably
from edgeyard.trust.signer_file import CryptoSigner, load_or_create_signer
from edgeyard.trust.site_ca import CaMaterial, create_ca, issue_certificate

HUB_NAME = HUB_PREFIX + "main"
BROKER_NAME = HUB_PREFIX + "broker"
_SERVER_DAYS = 825
_RENEW_BEFORE = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class OnlineSigners:
    """The three keys that never leave the hub."""

    snapshot: CryptoSigner
    timestamp: CryptoSigner
    director: CryptoSigner


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """Who this hub is. Files are PEM; `broker_*` are the copies the broker child reads."""

    ca: CaMaterial
    ca_file: Path
    certificate_file: Path
    key_file: Path
    broker_ca_file: Path
    broker_certificate_file: Path
    broker_key_file: Path
    signers: OnlineSigners


def load_identity(folder: SiteFolder, settings: Settings, now: datetime, *, may_create: bool) -> ServerIdentity:
    """Load the hub's identity, or make it where the site is new (`may_create`).

    Raises `UserError` when a key is missing from a site that had one: new keys would lock out every device.
    """
    secrets = [folder.hub / name for name in ("ca.key", "ca.pem", "snapshot.key", "timestamp.key", "director.key")]
    missing = [path.name for path in secrets if not path.exists()]
    if missing and not may_create:
        raise UserError(
            f"{', '.join(missing)} of this site {'is' if len(missing) == 1 else 'are'} missing from {folder.hub}.",
            "Restore that folder from a backup: with new keys, every device that has joined would be locked out.",
        )
    ca = _load_ca(folder, settings.site, now)
    hosts = certificate_hosts(settings.https_host, settings.mqtt_host)
    identity = ServerIdentity(
        ca=ca,
        ca_file=folder.hub / "ca.pem",
        certificate_file=folder.hub / "server.pem",
        key_file=folder.hub / "server.key",
        broker_ca_file=folder.broker / "ca.pem",
        broker_certificate_file=folder.broker / "server.pem",
        broker_key_file=folder.broker / "server.key",
        signers=OnlineSigners(
            snapshot=load_or_create_signer(folder.hub / "snapshot.key"),
            timestamp=load_or_create_signer(folder.hub / "timestamp.key"),
            director=load_or_create_signer(folder.hub / "director.key"),
        ),
    )
    _renew_certificate(ca, HUB_NAME, identity.certificate_file, identity.key_file, hosts, now)
    _renew_certificate(ca, BROKER_NAME, identity.broker_certificate_file, identity.broker_key_file, hosts, now)
    write_durably(identity.broker_ca_file, ca.certificate_pem.encode(), mode=0o644)
    return identity


def _load_ca(folder: SiteFolder, site: str, now: datetime) -> CaMaterial:
    key_file, certificate_file = folder.hub / "ca.key", folder.hub / "ca.pem"
    if key_file.exists() and certificate_file.exists():
        return CaMaterial(key_pem=key_file.read_bytes(), certificate_pem=certificate_file.read_text())
    ca = create_ca(site, now)
    # The key last: a folder with the key has everything, and a crash in between starts over.
    write_durably(certificate_file, ca.certificate_pem.encode(), mode=0o644)
    write_durably(key_file, ca.key_pem)
    return ca


def _renew_certificate(
    ca: CaMaterial, name: str, certificate_file: Path, key_file: Path, hosts: tuple[str, ...], now: datetime
) -> None:
    """Issue a server certificate unless a good one is there: right issuer, names, and time left."""
    if certificate_file.exists() and key_file.exists() and _still_good(ca, certificate_file, hosts, now):
        return
    if not key_file.exists():
        write_durably(key_file, create_private_key())
    csr = make_csr(key_file.read_bytes(), name)
    write_durably(
        certificate_file, issue_certificate(ca, csr, name, "hub", hosts, now, _SERVER_DAYS).encode(), mode=0o644
    )


def _still_good(ca: CaMaterial, certificate_file: Path, hosts: tuple[str, ...], now: datetime) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        issuer = x509.load_pem_x509_certificate(ca.certificate_pem.encode())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    known = {*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))}
    return known.issuperset(hosts) and certificate.not_valid_after_utc - now > _RENEW_BEFORE
