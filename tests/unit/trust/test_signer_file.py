"""The hub's online keys."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from edgeyard.domain.error import UserError
from edgeyard.trust.device_key import create_private_key
from edgeyard.trust.durable_file import write_durably
from edgeyard.trust.signer_file import load_or_create_signer


def test_a_key_is_made_once_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "director.key"
    signer = load_or_create_signer(path)
    assert path.stat().st_mode & 0o777 == 0o600
    again = load_or_create_signer(path)
    assert again.public_key == signer.public_key
    again.public_key.verify_signature(signer.sign(b"x"), b"x")


def test_two_hubs_at_once_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = {signer.public_key.keyid for signer in pool.map(load_or_create_signer, [tmp_path / "key"] * 16)}
    assert len(keys) == 1


@pytest.mark.parametrize("content", [b"", b"rubbish", create_private_key()])
def test_a_damaged_key_is_said_and_left(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "director.key"
    write_durably(path, content)
    with pytest.raises(UserError, match="Restore it from a backup"):
        load_or_create_signer(path)
    assert path.read_bytes() == content


def test_an_encrypted_key_is_said(tmp_path: Path) -> None:
    path = tmp_path / "director.key"
    key = serialization.load_pem_private_key(create_private_key(), None)
    how = serialization.BestAvailableEncryption(b"secret")
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)
    write_durably(path, pem)
    with pytest.raises(UserError, match="cannot be read"):
        load_or_create_signer(path)


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "director.key"
    load_or_create_signer(path)
    path.chmod(0o644)
    with pytest.raises(UserError, match="chmod 600"):
        load_or_create_signer(path)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be kept"):
        load_or_create_signer(tmp_path / "none" / "director.key")
