"""The hub's keys and certificates: made once, renewed in time, never replaced behind anyone's back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from edgeyard.commands.settings import Settings
from edgeyard.commands.site_folder import SiteFolder
from edgeyard.domain.error import UserError
from edgeyard.hub.server_identity import load_identity

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> SiteFolder:
    folder = SiteFolder(tmp_path / "site")
    folder.make()
    return folder


def _names(path: Path) -> set[str]:
    extension = x509.load_pem_x509_certificate(path.read_bytes()).extensions
    names = extension.get_extension_for_class(x509.SubjectAlternativeName).value
    return {*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))}


def test_a_second_start_finds_the_same_keys_and_certificates(folder: SiteFolder) -> None:
    first = load_identity(folder, Settings(), NOW, may_create=True)
    files = {path.name: path.read_bytes() for path in folder.hub.iterdir()}
    second = load_identity(folder, Settings(), NOW + timedelta(days=30), may_create=False)
    assert {path.name: path.read_bytes() for path in folder.hub.iterdir()} == files
    assert second.ca == first.ca
    assert second.signers.director.public_key.keyid == first.signers.director.public_key.keyid
    for path in folder.hub.glob("*.key"):
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_new_address_and_old_age_renew_the_certificate_but_not_the_key(folder: SiteFolder) -> None:
    load_identity(folder, Settings(), NOW, may_create=True)
    certificate, key = folder.hub / "server.pem", folder.hub / "server.key"
    before, key_before = certificate.read_bytes(), key.read_bytes()
    load_identity(folder, Settings(https_host="hub.plant.lan"), NOW, may_create=False)
    assert "hub.plant.lan" in _names(certificate)
    renamed = certificate.read_bytes()
    assert renamed != before
    load_identity(folder, Settings(https_host="hub.plant.lan"), NOW + timedelta(days=800), may_create=False)
    assert certificate.read_bytes() != renamed
    assert key.read_bytes() == key_before


@pytest.mark.parametrize("name", ["ca.key", "ca.pem", "snapshot.key", "timestamp.key", "director.key"])
def test_a_lost_key_of_a_known_site_is_never_made_anew(folder: SiteFolder, name: str) -> None:
    load_identity(folder, Settings(), NOW, may_create=True)
    (folder.hub / name).unlink()
    with pytest.raises(UserError, match=name):
        load_identity(folder, Settings(), NOW, may_create=False)
    assert not (folder.hub / name).exists()


def test_a_first_start_that_was_cut_short_goes_on(folder: SiteFolder) -> None:
    load_identity(folder, Settings(), NOW, may_create=True)
    (folder.hub / "ca.key").unlink()
    (folder.hub / "director.key").unlink()
    identity = load_identity(folder, Settings(), NOW, may_create=True)
    certificate = x509.load_pem_x509_certificate((folder.hub / "server.pem").read_bytes())
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(identity.ca.certificate_pem.encode()))
