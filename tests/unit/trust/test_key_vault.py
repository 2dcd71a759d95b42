"""Keys of people, sealed on their own machine. No test touches a real keyring."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import ClassVar

import pytest
from keyring.backend import KeyringBackend
from keyring.backends import chainer, fail, null
from securesystemslib.signer import Key

from edgeyard.domain.error import UserError
from edgeyard.trust import os_keyring
from edgeyard.trust.key_vault import (
    KeyringUnlock,
    KeyVault,
    PassphraseUnlock,
    check_backend,
    keyring_available,
)

PASSPHRASE = PassphraseUnlock("correct horse battery", memory_kib=64, iterations=1)
PAYLOAD = b"what is signed"


class MemoryKeyring(KeyringBackend):
    """Keeps entries in memory; trusted for the test that asks for it."""

    priority: ClassVar[float] = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password


class PlaintextKeyring(MemoryKeyring):
    """As `keyrings.alt.file`, which is not installed here: known by its module."""

    priority: ClassVar[float] = 9


PlaintextKeyring.__module__ = "keyrings.alt.file"


class SecretServiceHeir(MemoryKeyring):
    """Claims to be one of the trusted by its name alone."""


SecretServiceHeir.__name__ = "SecretService"


@pytest.fixture
def vault(tmp_path: Path) -> KeyVault:
    return KeyVault(tmp_path / "operator")


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> MemoryKeyring:
    """The only keyring of this machine, and a trusted one."""
    backend = MemoryKeyring()
    monkeypatch.setattr(os_keyring, "TRUSTED_BACKENDS", (__name__,))
    useless: KeyringBackend = fail.Keyring()  # type: ignore[no-untyped-call]
    monkeypatch.setattr("keyring.backend.get_all_keyring", lambda: [PlaintextKeyring(), useless, backend])
    return backend


def _signs(vault: KeyVault, unlock: KeyringUnlock | PassphraseUnlock, name: str = "approver") -> None:
    signer = vault.signer(name, unlock)
    key: Key = vault.public_key(name)
    key.verify_signature(signer.sign(PAYLOAD), PAYLOAD)


def _trouble_with(vault: KeyVault) -> UserError | None:
    try:
        vault.signer("approver", PASSPHRASE)
    except UserError as error:
        return error
    return None


# --- passphrase ------------------------------------------------------------------------------------------------------


def test_a_passphrase_seals_and_opens(vault: KeyVault, tmp_path: Path) -> None:
    created = vault.create("approver", PASSPHRASE)
    assert vault.names() == ["approver"]
    assert vault.protection("approver") == "passphrase"
    assert vault.public_key("approver") == created
    _signs(vault, PASSPHRASE)
    path = tmp_path / "operator" / "approver.key.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    secret = vault.signer("approver", PASSPHRASE)._private_key.private_bytes_raw()  # type: ignore[union-attr]
    assert base64.b64encode(secret).decode() not in path.read_text()
    assert secret not in path.read_bytes()


def test_a_wrong_passphrase_is_said_and_loses_nothing(vault: KeyVault) -> None:
    vault.create("approver", PASSPHRASE)
    for wrong in ("", "Correct horse battery", "x" * 10_000):
        with pytest.raises(UserError, match="passphrase does not open"):
            vault.signer("approver", PassphraseUnlock(wrong))
    _signs(vault, PASSPHRASE)


def test_the_costs_are_those_of_the_file(vault: KeyVault) -> None:
    vault.create("approver", PASSPHRASE)
    _signs(vault, PassphraseUnlock(PASSPHRASE.passphrase, memory_kib=128, iterations=2))


def test_the_costs_of_production_follow_rfc_9106() -> None:
    unlock = PassphraseUnlock("x")
    assert unlock.memory_kib >= 64 * 1024
    assert unlock.iterations >= 3


def test_one_passphrase_typed_on_two_systems(vault: KeyVault) -> None:
    vault.create("approver", PassphraseUnlock("Schlüssel für Ä", 64, 1))
    _signs(vault, PassphraseUnlock("Schlu\u0308ssel fu\u0308r A\u0308"))


def test_a_short_passphrase_is_refused(vault: KeyVault) -> None:
    with pytest.raises(UserError, match="shorter than 8"):
        vault.create("approver", PassphraseUnlock("1234567", 64, 1))
    assert vault.names() == []


def test_a_passphrase_never_shows_in_logs() -> None:
    assert "correct horse" not in repr(PASSPHRASE)


# --- keyring ---------------------------------------------------------------------------------------------------------


def test_a_keyring_keeps_only_the_wrapping_key(vault: KeyVault, memory: MemoryKeyring) -> None:
    assert keyring_available() == __name__.rpartition(".")[2]
    vault.create("approver", KeyringUnlock())
    assert vault.protection("approver") == "keyring"
    _signs(vault, KeyringUnlock())
    _signs(vault, KeyringUnlock(memory))
    (entry,) = memory.entries.values()
    assert len(entry) < 2560, "what Windows keeps"
    raw = vault.signer("approver", KeyringUnlock())._private_key.private_bytes_raw()  # type: ignore[union-attr]
    assert base64.b64decode(entry) != raw


def test_two_keys_have_two_entries(vault: KeyVault, memory: MemoryKeyring) -> None:
    vault.create("approver", KeyringUnlock())
    vault.create("release-root", KeyringUnlock())
    assert len(memory.entries) == 2
    assert vault.names() == ["approver", "release-root"]
    _signs(vault, KeyringUnlock(), "release-root")


def test_an_emptied_keyring_is_said(vault: KeyVault, memory: MemoryKeyring) -> None:
    vault.create("approver", KeyringUnlock())
    kept = dict(memory.entries)
    for entry in (None, "", "not base64!", base64.b64encode(b"short").decode()):
        memory.entries.clear()
        if entry is not None:
            memory.entries.update(dict.fromkeys(kept, entry))
        with pytest.raises(UserError, match="no entry"):
            vault.signer("approver", KeyringUnlock())
    memory.entries.update(dict.fromkeys(kept, base64.b64encode(b"x" * 32).decode()))
    with pytest.raises(UserError, match="does not open"):
        vault.signer("approver", KeyringUnlock())
    memory.entries.update(kept)
    _signs(vault, KeyringUnlock())


def test_a_keyring_that_forgets_at_once_is_noticed(
    vault: KeyVault, memory: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "set_password", lambda *_: None)
    with pytest.raises(UserError, match="did not keep"):
        vault.create("approver", KeyringUnlock())
    assert vault.names() == []


def test_a_locked_keyring_is_said(vault: KeyVault, memory: MemoryKeyring, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.create("approver", KeyringUnlock())

    def locked(*_: str) -> str:
        raise RuntimeError("prompt dismissed")

    monkeypatch.setattr(memory, "get_password", locked)
    for attempt in (lambda: vault.signer("approver", KeyringUnlock()), lambda: vault.create("other", KeyringUnlock())):
        with pytest.raises(UserError, match="prompt dismissed"):
            attempt()


def _chainer(*backends: KeyringBackend) -> KeyringBackend:
    class Chain(chainer.ChainerBackend):
        pass

    Chain.__module__ = chainer.__name__
    Chain.backends = backends  # type: ignore[assignment]
    return Chain()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    "backend",
    [
        PlaintextKeyring(),
        null.Keyring(),  # type: ignore[no-untyped-call]
        fail.Keyring(),  # type: ignore[no-untyped-call]
        _chainer(PlaintextKeyring()),
        _chainer(MemoryKeyring(), PlaintextKeyring()),
        SecretServiceHeir(),
    ],
    ids=["plaintext", "null", "fail", "chainer of plaintext", "chainer with plaintext", "same name"],
)
def test_keyrings_that_keep_no_secrets_are_refused(
    vault: KeyVault, backend: KeyringBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="does not protect"):
        check_backend(backend)
    with pytest.raises(UserError, match="does not protect"):
        vault.create("approver", KeyringUnlock(backend))
    monkeypatch.setattr("keyring.backend.get_all_keyring", lambda: [backend])
    monkeypatch.setattr("keyring.get_keyring", lambda: backend)
    assert keyring_available() is None
    with pytest.raises(UserError, match="Use a passphrase"):
        vault.create("approver", KeyringUnlock())
    assert vault.names() == []
    assert not getattr(backend, "entries", {})


def test_the_best_trusted_keyring_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    class Better(MemoryKeyring):
        priority: ClassVar[float] = 5

    worse, better = MemoryKeyring(), Better()
    monkeypatch.setattr(os_keyring, "TRUSTED_BACKENDS", (__name__,))
    for order in ([worse, better], [better, worse]):
        monkeypatch.setattr("keyring.backend.get_all_keyring", lambda order=order: order)
        assert os_keyring.find_backend() is better


def test_a_key_is_looked_for_in_the_keyring_that_sealed_it(
    vault: KeyVault, memory: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.create("approver", KeyringUnlock())
    monkeypatch.setattr("keyring.backend.get_all_keyring", list)
    with pytest.raises(UserError, match="does not answer in this session"):
        vault.signer("approver", KeyringUnlock())
    assert memory.entries


# --- files -----------------------------------------------------------------------------------------------------------


def test_the_wrong_way_to_open_is_said(vault: KeyVault, memory: MemoryKeyring) -> None:
    vault.create("with-keyring", KeyringUnlock(memory))
    vault.create("with-passphrase", PASSPHRASE)
    with pytest.raises(UserError, match="sealed by the OS keyring"):
        vault.signer("with-keyring", PASSPHRASE)
    with pytest.raises(UserError, match="sealed with a passphrase"):
        vault.signer("with-passphrase", KeyringUnlock())


def test_a_key_is_never_made_over_another(vault: KeyVault, monkeypatch: pytest.MonkeyPatch) -> None:
    key = vault.create("approver", PASSPHRASE)
    with pytest.raises(UserError, match="already a key"):
        vault.create("approver", PASSPHRASE)
    monkeypatch.setattr(Path, "exists", lambda _: False)  # another process was quicker
    with pytest.raises(UserError, match="already a key"):
        vault.create("approver", PASSPHRASE)
    assert vault.public_key("approver") == key


def test_a_missing_key_is_said(vault: KeyVault) -> None:
    with pytest.raises(UserError, match="There is no key"):
        vault.public_key("approver")


@pytest.mark.parametrize("name", ["", "../approver", "Approver", "a" * 64])
def test_only_identifiers_name_keys(vault: KeyVault, name: str) -> None:
    with pytest.raises(UserError):
        vault.create(name, PASSPHRASE)


def test_foreign_files_are_not_listed(vault: KeyVault, tmp_path: Path) -> None:
    vault.create("approver", PASSPHRASE)
    for name in ("Other.key.json", ".hidden.key.json", "note.txt"):
        (tmp_path / "operator" / name).write_text("x")
    assert vault.names() == ["approver"]


def test_every_single_damaged_byte_is_noticed_and_nothing_is_touched(vault: KeyVault, tmp_path: Path) -> None:
    key = vault.create("approver", PASSPHRASE)
    path = tmp_path / "operator" / "approver.key.json"
    whole = path.read_bytes()
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 0x01
        path.write_bytes(damaged)
        problem = _trouble_with(vault)
        if problem is None:
            # The last character of a base64 text has bits that mean nothing.
            assert chr(whole[position + 1]) in '="'
            assert vault.public_key("approver") == key
        else:
            assert problem.todo
        assert path.read_bytes() == damaged
    path.write_bytes(whole[:-40])
    with pytest.raises(UserError, match="damaged"):
        vault.public_key("approver")
    path.write_bytes(whole)
    _signs(vault, PASSPHRASE)


@pytest.mark.parametrize(
    "change",
    [
        {"memory_kib": 1 << 40},
        {"iterations": 10_000},
        {"memory_kib": 0},
        {"iterations": 0},
        {"salt": ""},
        {"name": "other"},
        {"public_key": base64.b64encode(b"x" * 32).decode()},
        {"protection": "keyring"},
        {"format": 2},
        {"format": "1"},
        {"extra": 1},
    ],
)
def test_a_tampered_file_is_refused_before_it_costs_anything(
    vault: KeyVault, tmp_path: Path, change: dict[str, object]
) -> None:
    vault.create("approver", PASSPHRASE)
    path = tmp_path / "operator" / "approver.key.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(UserError):
        vault.signer("approver", PASSPHRASE)


def test_a_tampered_file_with_a_fitting_checksum_does_not_open(vault: KeyVault, tmp_path: Path) -> None:
    import msgspec

    from edgeyard.trust.sealed_key import encode_key, read_key

    vault.create("approver", PASSPHRASE)
    path = tmp_path / "operator" / "approver.key.json"
    for change in ({"public_key": b"x" * 32}, {"iterations": 0}, {"salt": b""}, {"memory_kib": 65}):
        sealed = msgspec.structs.replace(read_key(path), **change)
        whole = path.read_bytes()
        path.write_bytes(encode_key(sealed))
        with pytest.raises(UserError):
            vault.signer("approver", PASSPHRASE)
        path.write_bytes(whole)


def test_a_full_disk_is_said(vault: KeyVault, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(UserError, match="No space left on device"):
        vault.create("approver", PASSPHRASE)
    assert vault.names() == []
