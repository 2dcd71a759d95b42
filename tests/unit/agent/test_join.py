"""Joining: what is believed, what is written, and how a join that died is repeated."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from edgeyard.agent import state_folder
from edgeyard.agent.counters import Counters
from edgeyard.agent.folder_lock import FolderLock
from edgeyard.agent.join import has_identity, join_site
from edgeyard.agent.state_folder import StateFolder
from edgeyard.domain.error import UserError
from edgeyard.trust.device_key import certificate_name
from edgeyard.trust.join_token import JoinToken
from tests.unit.agent.toy_hub import PROFILE, SITE, ToyHub


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[ToyHub]:
    with ToyHub(tmp_path / "hub").running() as hub:
        yield hub


def test_a_join_writes_everything_an_agent_needs(hub: ToyHub, tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert not has_identity(state)
    join_site(hub.token(), state, "press-1", PROFILE, {"line": "3"})
    folder = StateFolder(state)
    identity = folder.read_identity()
    assert (identity.device, identity.site, identity.hub_url) == ("press-1", SITE, hub.url)
    assert identity.labels == {"line": "3"}
    assert certificate_name(folder.certificate_file.read_text()) == "press-1"
    assert folder.release_root_file.read_bytes() == hub.repository.root
    assert folder.key_file.stat().st_mode & 0o077 == 0
    counters = Counters(folder.counters_file, 1e9)
    counters.start()
    assert counters.problem == ""
    assert abs(time.time() - counters.boot) < 60, "a device that replaces another counts on above it"


def test_a_folder_that_has_an_identity_is_not_joined_again(hub: ToyHub, tmp_path: Path) -> None:
    join_site(hub.token(), tmp_path / "state", "press-1", PROFILE)
    key = (tmp_path / "state" / "device.key").read_bytes()
    with pytest.raises(UserError, match="belongs to the device press-1 of the site toy already"):
        join_site(hub.token("t" * 24), tmp_path / "state", "press-2", PROFILE)
    assert (tmp_path / "state" / "device.key").read_bytes() == key


def test_a_used_token_gets_the_hubs_own_words_and_another_token_works(hub: ToyHub, tmp_path: Path) -> None:
    join_site(hub.token(), tmp_path / "first", "press-1", PROFILE)
    with pytest.raises(UserError, match="used already") as caught:
        join_site(hub.token(), tmp_path / "second", "press-2", PROFILE)
    assert caught.value.todo == "Ask for a new one."
    assert not has_identity(tmp_path / "second")
    join_site(hub.token("t" * 24), tmp_path / "second", "press-2", PROFILE)


@pytest.mark.parametrize("dies_at", ["device.pem", "release-root.json", "counters.json", "identity.json"])
def test_a_join_that_dies_halfway_is_repeated_with_the_same_token(
    hub: ToyHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_at: str
) -> None:
    class Killed(BaseException):
        pass

    real = state_folder.write_durably

    def write(path: Path, data: bytes, mode: int = 0o600) -> None:
        if path.name == dies_at:
            raise Killed
        real(path, data, mode)

    with monkeypatch.context() as patch:
        patch.setattr(state_folder, "write_durably", write)
        patch.setattr("edgeyard.agent.counters.write_durably", write)
        with pytest.raises(Killed):
            join_site(hub.token(), tmp_path / "state", "press-1", PROFILE)
    assert not has_identity(tmp_path / "state")
    # The hub knows the key, so the token counts as used by this device itself.
    join_site(hub.token(), tmp_path / "state", "press-1", PROFILE)
    assert has_identity(tmp_path / "state")


def test_a_hub_with_another_authority_than_the_tokens_is_not_joined(hub: ToyHub, tmp_path: Path) -> None:
    with ToyHub(tmp_path / "other").running() as other:
        token = msgspec.structs.replace(JoinToken.decode(hub.token()), url=other.url).encode()
        with pytest.raises(UserError, match="certificate authority differs"):
            join_site(token, tmp_path / "state", "press-1", PROFILE)
        assert other.secrets == {}


def test_another_release_root_than_the_tokens_is_refused(hub: ToyHub, tmp_path: Path) -> None:
    token = JoinToken.decode(hub.token())
    other = msgspec.structs.replace(token, root_sha256=hashlib.sha256(b"other").hexdigest())
    with pytest.raises(UserError, match="release root that is not the one"):
        join_site(other.encode(), tmp_path / "state", "press-1", PROFILE)
    assert not has_identity(tmp_path / "state")


@pytest.mark.parametrize(
    ("device", "profile", "role", "said"),
    [
        ("Press 1", PROFILE, "device", "cannot be used"),
        ("press-1", "toaster", "device", "'toaster' is not known"),
        ("press-1", PROFILE, "operator", "for an operator"),
    ],
)
def test_bad_names_and_tokens_are_told_before_anything_happens(
    hub: ToyHub, tmp_path: Path, device: str, profile: str, role: str, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        join_site(hub.token(role=role), tmp_path / "state", device, profile)
    assert not (tmp_path / "state").exists()
    assert hub.secrets == {}


def test_a_token_without_a_release_root_is_not_joined_with(hub: ToyHub, tmp_path: Path) -> None:
    rootless = msgspec.structs.replace(JoinToken.decode(hub.token()), root_sha256="")
    with pytest.raises(UserError, match="names no release root"):
        join_site(rootless.encode(), tmp_path / "state", "press-1", PROFILE)


def test_a_hub_that_is_away_is_said_and_the_join_can_be_repeated(hub: ToyHub, tmp_path: Path) -> None:
    token = hub.token()
    hub.stop()
    with pytest.raises(UserError, match="cannot be reached"):
        join_site(token, tmp_path / "state", "press-1", PROFILE)
    hub.start()
    join_site(token, tmp_path / "state", "press-1", PROFILE)


def test_two_processes_do_not_share_a_state_folder(tmp_path: Path) -> None:
    with FolderLock(tmp_path / "lock"), pytest.raises(UserError, match="Another agent runs"):
        FolderLock(tmp_path / "lock").acquire()
    with FolderLock(tmp_path / "lock"):
        pass


def test_a_damaged_identity_is_told_with_what_to_do(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    with pytest.raises(UserError, match="has joined a site"):
        folder.read_identity()
    folder.identity_file.write_text("{")
    with pytest.raises(UserError, match="cannot be read") as caught:
        folder.read_identity()
    assert "join again" in caught.value.todo


def test_lost_counters_go_on_above_whatever_was_counted(tmp_path: Path) -> None:
    (tmp_path / "counters.json").write_bytes(b"\0" * 20)
    counters = Counters(tmp_path / "counters.json", 1.8e9)
    counters.start()
    assert "go on from the clock" in counters.problem
    assert counters.boot > 1.7e12
    assert counters.next_statement() > 1.7e12


def test_counters_that_cannot_be_written_still_count(tmp_path: Path) -> None:
    Counters.create(tmp_path / "counters.json", 1.7e9)
    counters = Counters(tmp_path / "counters.json", 1.8e9)
    counters._path = tmp_path / "gone" / "counters.json"
    counters.start()
    assert counters.boot > 1.7e12
    assert [counters.next_statement() for _ in range(3)] == [1_700_000_001, 1_700_000_002, 1_700_000_003]
    assert "cannot be written" in counters.problem
