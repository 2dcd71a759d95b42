"""A device's (or operator's) own P-256 key: made where it is used, never leaving; certificates that name it."""

from __future__ import annotations

import hashlib
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edgeyard.domain.error import UserError


class InvalidSignatureError(UserError):
    """A signature does not belong to the data and the certificate."""


def create_private_key() -> bytes:
    """A new P-256 key as unencrypted PKCS8 PEM; the caller keeps it in a file only its user can read."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def load_private_key(key_pem: bytes) -> ec.EllipticCurvePrivateKey:
    """Read a key back; raises `UserError` when it is damaged or of another kind."""
    try:
        key = serialization.load_pem_private_key(key_pem, None)
    except (ValueError, TypeError) as error:
        raise UserError("The private key cannot be read.", "Join the site again with a new token.") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise UserError("The private key is not an elliptic-curve key.", "Join the site again with a new token.")
    return key


def make_csr(key_pem: bytes, common_name: str) -> str:
    """A certificate request (PEM) for `common_name`, signed by the key."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    request = (
        x509.CertificateSigningRequestBuilder().subject_name(name).sign(load_private_key(key_pem), hashes.SHA256())
    )
    return request.public_bytes(serialization.Encoding.PEM).decode()


def sign_statement(key_pem: bytes, data: bytes) -> bytes:
    """ECDSA P-256 over SHA-256 of `data`, DER."""
    return load_private_key(key_pem).sign(data, ec.ECDSA(hashes.SHA256()))


def verify_statement(certificate_pem: str, data: bytes, signature: bytes) -> None:
    """Raise `InvalidSignatureError` unless the certificate's key signed `data`."""
    key = x509.load_pem_x509_certificate(certificate_pem.encode()).public_key()
    try:
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise InvalidSignature
        key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise InvalidSignatureError(
            "The signature does not belong to this device's certificate.",
            "If the device was replaced, join it again; otherwise treat its reports as forged.",
        ) from error


def certificate_name(certificate_pem: str) -> str:
    """The common name of a certificate. Raises `ValueError` when it is not one."""
    certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def certificate_end(certificate_pem: str) -> datetime:
    """When a certificate ends to be valid (UTC). Raises `ValueError` when it is not one."""
    return x509.load_pem_x509_certificate(certificate_pem.encode()).not_valid_after_utc


def certificate_fingerprint(certificate_pem: str) -> str:
    """SHA-256 (hex) of the certificate's DER form. Raises `ValueError` when it is not a certificate."""
    certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()
