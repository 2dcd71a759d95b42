"""Keys, the site's certificate authority, and whom TLS lets in: real handshakes, in memory."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.x509.oid import NameOID

from edgeyard.domain.error import UserError
from edgeyard.trust.device_key import (
    InvalidSignatureError,
    certificate_fingerprint,
    certificate_name,
    create_private_key,
    load_private_key,
    make_csr,
    sign_statement,
    verify_statement,
)
from edgeyard.trust.site_ca import CaMaterial, Role, create_ca, issue_certificate
from edgeyard.trust.tls import client_context, peer_role, server_context

NOW = datetime.now(UTC)


@dataclass
class Party:
    """A key and a certificate of some authority, as files."""

    folder: Path
    ca: CaMaterial
    name: str
    role: Role
    hosts: tuple[str, ...] = ()
    now: datetime = NOW
    days: int = 30

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.key_pem = create_private_key()
        csr = make_csr(self.key_pem, "whatever")
        self.certificate_pem = issue_certificate(self.ca, csr, self.name, self.role, self.hosts, self.now, self.days)
        self.key = self.folder / f"{self.name}.key"
        self.certificate = self.folder / f"{self.name}.pem"
        self.ca_file = self.folder / f"{self.name}.ca.pem"
        self.key.write_bytes(self.key_pem)
        self.certificate.write_text(self.certificate_pem)
        self.ca_file.write_text(self.ca.certificate_pem)


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, host: str = "hub.local") -> tuple[str, str] | None:
    """Shake hands in memory and pass one byte; what the server knows of its peer."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client_end = client.wrap_bio(to_client, to_server, server_hostname=host)
    server_end = server.wrap_bio(to_server, to_client, server_side=True)
    ends: list[list[Callable[[], object]]] = [
        [client_end.do_handshake, lambda: client_end.write(b"!")],
        [server_end.do_handshake, server_end.read],
    ]
    for _ in range(10):
        for steps in ends:
            with contextlib.suppress(ssl.SSLWantReadError):
                while steps:
                    steps[0]()
                    steps.pop(0)
    assert ends == [[], []]
    return peer_role(server_end.getpeercert())


@pytest.fixture(scope="module")
def ca() -> CaMaterial:
    return create_ca("demo", NOW)


@pytest.fixture
def hub(tmp_path: Path, ca: CaMaterial) -> Party:
    return Party(tmp_path, ca, "hub.main", "hub", ("hub.local", "127.0.0.1"))


@pytest.fixture
def device(tmp_path: Path, ca: CaMaterial) -> Party:
    return Party(tmp_path, ca, "press-7", "device")


def _server(party: Party, *, require: bool = True) -> ssl.SSLContext:
    return server_context(party.certificate, party.key, party.ca_file, require)


def _client(party: Party, *, ignore_time: bool = False) -> ssl.SSLContext:
    return client_context(party.ca_file, party.certificate, party.key, ignore_time=ignore_time)


# --- handshakes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "role"), [("press-7", "device"), ("operator.anna", "operator"), ("hub.main", "hub")])
def test_a_server_knows_who_is_there(tmp_path: Path, ca: CaMaterial, hub: Party, name: str, role: Role) -> None:
    client = Party(tmp_path / "client", ca, name, role)
    assert handshake(_server(hub), _client(client)) == (role, name)
    assert handshake(_server(hub), _client(client), "127.0.0.1") == (role, name)


def test_strict_verification_accepts_our_certificates(hub: Party, device: Party) -> None:
    server, client = _server(hub), _client(device)
    server.verify_flags |= ssl.VERIFY_X509_STRICT
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    assert handshake(server, client) == ("device", "press-7")


def test_the_newest_tls_is_spoken(hub: Party) -> None:
    server = _server(hub)
    assert server.minimum_version == ssl.TLSVersion.TLSv1_2
    assert server.maximum_version == ssl.TLSVersion.MAXIMUM_SUPPORTED


def test_without_a_certificate_only_where_none_is_required(hub: Party, ca: CaMaterial) -> None:
    stranger = client_context(ca.certificate_pem)
    assert handshake(_server(hub, require=False), stranger) is None
    with pytest.raises(ssl.SSLError):
        handshake(_server(hub), client_context(ca.certificate_pem))


@pytest.mark.parametrize("require", [True, False])
def test_a_certificate_of_another_site_is_never_believed(tmp_path: Path, hub: Party, *, require: bool) -> None:
    other = Party(tmp_path / "other", create_ca("other", NOW), "press-7", "device")
    client = client_context(hub.ca_file, other.certificate, other.key)
    with pytest.raises(ssl.SSLError):
        handshake(_server(hub, require=require), client)


def test_a_hub_of_another_site_is_not_believed(tmp_path: Path, device: Party) -> None:
    other = Party(tmp_path / "other", create_ca("demo", NOW), "hub.main", "hub", ("hub.local",))
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(_server(other), _client(device))


def test_a_hub_answers_only_to_its_names(hub: Party, device: Party) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(_server(hub), _client(device), "elsewhere.local")


def test_a_device_cannot_play_the_hub(tmp_path: Path, ca: CaMaterial, device: Party) -> None:
    impostor = Party(tmp_path / "impostor", ca, "press-8", "device", ("hub.local",))
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(_server(impostor), _client(device))


@pytest.mark.parametrize("begin", [NOW + timedelta(days=20 * 365), NOW - timedelta(days=60)])
def test_a_clock_that_is_surely_wrong_cannot_judge_certificates(
    tmp_path: Path, device: Party, ca: CaMaterial, begin: datetime
) -> None:
    """To a device in 1970 a certificate of today is not valid yet; here the certificate is put out of time instead."""
    hub = Party(tmp_path / "hub", ca, "hub.main", "hub", ("hub.local",), now=begin)
    server = server_context(hub.certificate, hub.key, hub.ca_file, False)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server, _client(device))
    server = server_context(hub.certificate, hub.key, hub.ca_file, False)
    handshake(server, client_context(device.ca_file, ignore_time=True))


def test_time_is_all_that_is_ignored(tmp_path: Path, hub: Party) -> None:
    stranger = client_context(create_ca("demo", NOW).certificate_pem, ignore_time=True)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(_server(hub, require=False), stranger)


@pytest.mark.parametrize("damaged", ["key", "certificate", "ca_file"])
@pytest.mark.parametrize("content", [None, b"", b"rubbish", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_damaged_files_are_named(hub: Party, damaged: str, content: bytes | None) -> None:
    path: Path = getattr(hub, damaged)
    path.unlink() if content is None else path.write_bytes(content)
    for make in (_server, _client):
        with pytest.raises(UserError) as caught:
            make(hub)
        assert caught.value.todo


def test_a_damaged_authority_as_text() -> None:
    for text in ("", "rubbish", "ü"):
        with pytest.raises(UserError):
            client_context(text)


def test_a_key_of_another_certificate_is_refused(hub: Party, device: Party) -> None:
    with pytest.raises(UserError, match="cannot be used"):
        client_context(hub.ca_file, hub.certificate, device.key)


@pytest.mark.parametrize(
    "subject",
    [
        None,
        {},
        {"subject": ()},
        {"subject": ((("commonName", "press-7"),),)},
        {"subject": ((("organizationalUnitName", "king"),), (("commonName", "x"),))},
        {"subject": ((("organizationalUnitName", "device"),), (("commonName", ""),))},
    ],
)
def test_no_role_without_a_name_of_ours(subject: dict[str, object] | None) -> None:
    assert peer_role(subject) is None


# --- certificates ----------------------------------------------------------------------------------------------------


def test_a_certificate_says_who_and_by_whom(ca: CaMaterial, device: Party) -> None:
    certificate = x509.load_pem_x509_certificate(device.certificate_pem.encode())
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(ca.certificate_pem.encode()))
    assert certificate_name(device.certificate_pem) == "press-7"
    assert certificate.not_valid_before_utc < NOW < certificate.not_valid_after_utc
    assert len(certificate_fingerprint(device.certificate_pem)) == 64


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("operator.anna", "device"),
        ("hub.main", "device"),
        ("press-7", "operator"),
        ("operator.anna", "hub"),
        ("operator.", "operator"),
        ("operator.a.b", "operator"),
        ("Press 7", "device"),
        ("", "device"),
        ("operator." + "a" * 60, "operator"),
    ],
)
def test_no_name_that_does_not_belong_to_the_role(ca: CaMaterial, name: str, role: Role) -> None:
    with pytest.raises(UserError):
        issue_certificate(ca, make_csr(create_private_key(), "x"), name, role, (), NOW, 30)


def test_only_p256_keys_are_certified(ca: CaMaterial) -> None:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "press-7")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    for key in (ed25519.Ed25519PrivateKey.generate(), rsa.generate_private_key(65537, 2048)):
        algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
        csr = builder.sign(key, algorithm).public_bytes(serialization.Encoding.PEM).decode()
        with pytest.raises(UserError, match="P-256"):
            issue_certificate(ca, csr, "press-7", "device", (), NOW, 30)


def test_a_request_for_someone_elses_key_is_refused(ca: CaMaterial) -> None:
    csr = x509.load_pem_x509_csr(make_csr(create_private_key(), "x").encode())
    der = bytearray(csr.public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    pem = ssl.DER_cert_to_PEM_cert(bytes(der)).replace("CERTIFICATE", "CERTIFICATE REQUEST")
    with pytest.raises(UserError):
        issue_certificate(ca, pem, "press-7", "device", (), NOW, 30)


# --- statements ------------------------------------------------------------------------------------------------------


def test_a_statement_belongs_to_its_device_and_its_words(tmp_path: Path, ca: CaMaterial, device: Party) -> None:
    signature = sign_statement(device.key_pem, b"I run abc")
    verify_statement(device.certificate_pem, b"I run abc", signature)
    other = Party(tmp_path / "other", ca, "press-8", "device")
    for certificate, words in ((device.certificate_pem, b"I run abd"), (other.certificate_pem, b"I run abc")):
        with pytest.raises(InvalidSignatureError):
            verify_statement(certificate, words, signature)


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"rubbish",
        rsa.generate_private_key(65537, 1024 * 2).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    ],
)
def test_damaged_or_foreign_private_keys_are_said(pem: bytes) -> None:
    with pytest.raises(UserError, match="Join the site again"):
        load_private_key(pem)
