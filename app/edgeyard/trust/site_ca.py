"""The site's certificate authority: one P-256 root that signs devices, operators and the hub's servers."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edgeyard.domain.error import UserError
from edgeyard.domain.identifier import HUB_PREFIX, OPERATOR_PREFIX, check_identifier
from edgeyard.trust.device_key import create_private_key, load_private_key

Role = Literal["device", "operator", "hub"]

CA_DAYS = 3650
_PREFIX: dict[Role, str] = {"device": "", "operator": OPERATOR_PREFIX, "hub": HUB_PREFIX}
_MAX_NAME_CHARACTERS = 64
"""Upper bound of a common name (RFC 5280, ub-common-name)."""
_BACKDATED = timedelta(days=1)
"""Certificates begin a day earlier, so that a clock that is a little slow still accepts them."""


@dataclass(frozen=True, slots=True)
class CaMaterial:
    """The authority's private key and self-signed certificate, both PEM."""

    key_pem: bytes
    certificate_pem: str


def create_ca(site: str, now: datetime) -> CaMaterial:
    """A new authority for `site`; it may sign end certificates only (path length 0)."""
    key_pem = create_private_key()
    key = load_private_key(key_pem)
    name = _name(f"Edgeyard site {site}", "ca")
    public_key = key.public_key()
    certificate = (
        _builder(name, name, public_key, now, CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(sign_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .sign(key, hashes.SHA256())
    )
    return CaMaterial(key_pem, _pem(certificate))


def issue_certificate(
    ca: CaMaterial, csr_pem: str, common_name: str, role: Role, hosts: tuple[str, ...], now: datetime, days: int
) -> str:
    """Sign a request for `common_name` as `role` (in OU); only the request's key is used, never its names.

    `hosts` are the names and addresses a server answers to. Raises `UserError` for a name that does not belong to the
    role, and for a request that is malformed, not signed by its own key, or not P-256.
    """
    _check_name(common_name, role)
    public_key = _requested_key(csr_pem)
    authority = x509.load_pem_x509_certificate(ca.certificate_pem.encode())
    ca_key = load_private_key(ca.key_pem)
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
    if role == "hub":
        usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
    builder = (
        _builder(_name(common_name, role), authority.subject, public_key, now, days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
    )
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False)
    return _pem(builder.sign(ca_key, hashes.SHA256()))


def _check_name(common_name: str, role: Role) -> None:
    """A device must never get a person's or a hub's name, whatever happened before this."""
    prefix = _PREFIX[role]
    if not common_name.startswith(prefix):
        raise UserError(f"{common_name[:80]!r} is not the name of a {role}.", f"It must begin with {prefix!r}.")
    check_identifier(common_name.removeprefix(prefix), f"{role} name")
    if len(common_name) > _MAX_NAME_CHARACTERS:
        raise UserError(
            f"The name {common_name!r} is too long for a certificate.",
            f"Use at most {_MAX_NAME_CHARACTERS - len(prefix)} characters.",
        )


def _requested_key(csr_pem: str) -> ec.EllipticCurvePublicKey:
    todo = "Let the device make a new request with this version's agent."
    try:
        request = x509.load_pem_x509_csr(csr_pem.encode())
        key = request.public_key()
        signed = request.is_signature_valid
    except (ValueError, TypeError) as error:
        raise UserError("The certificate request cannot be read.", todo) from error
    if not signed or not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise UserError("The certificate request is not signed by a P-256 key of its own.", todo)
    return key


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    begin = now.astimezone(UTC) - _BACKDATED
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=days))
    )


def _name(common_name: str, role: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, role),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _key_usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
