"""Arbitrary bytes in place of everything that comes from outside: refused in words, never a crash, never believed."""

from __future__ import annotations

import base64
import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tuf.api.metadata import Root, TargetFile, Targets

from edgeyard.domain.error import UserError
from edgeyard.trust.artifact_file import artifact_path
from edgeyard.trust.device_key import create_private_key, make_csr, verify_statement
from edgeyard.trust.join_token import JoinToken, new_secret
from edgeyard.trust.refusal import RefusedError
from edgeyard.trust.sealed_key import read_key
from edgeyard.trust.site_ca import create_ca, issue_certificate
from edgeyard.trust.target import MAX_CUSTOM_CHARACTERS, custom_of
from edgeyard.trust.tuf_metadata import public_key_from_dict, read_metadata
from edgeyard.trust.verification import Assignment
from edgeyard.wire.limit import MAX_METADATA_BYTES
from tests.unit.trust.repository_simulator import START, RepositorySimulator

quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
anything = st.recursive(
    leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)

TOKEN = JoinToken("https://hub.local:8643", "a" * 64, "", new_secret(), "device")
CA = create_ca("demo", START)
KEY = create_private_key()
CERTIFICATE = issue_certificate(CA, make_csr(KEY, "x"), "press-7", "device", (), START, 30)


@pytest.fixture(scope="module")
def site() -> RepositorySimulator:
    site = RepositorySimulator()
    site.assign("press-7", site.add_model("yard-vision", 1, golden=b"golden"))
    return site


@pytest.fixture(scope="module")
def genuine_answer(site: RepositorySimulator) -> Assignment | None:
    """What the device believes when nobody has changed anything."""
    with tempfile.TemporaryDirectory() as folder:
        return site.trusted_store(Path(folder), "press-7").refresh(site.fetcher("press-7"), site.now)


# --- tokens ----------------------------------------------------------------------------------------------------------


@quick
@given(st.text() | st.binary().map(lambda data: "ejt1." + base64.urlsafe_b64encode(data).decode()))
def test_any_text_as_a_token(text: str) -> None:
    with pytest.raises(UserError):
        JoinToken.decode(text)


@quick
@given(st.dictionaries(st.sampled_from(["url", "ca_sha256", "root_sha256", "secret", "role", "x"]), anything))
def test_any_object_as_a_token(fields: dict[str, Any]) -> None:
    text = "ejt1." + base64.urlsafe_b64encode(json.dumps(fields).encode()).decode()
    with pytest.raises(UserError):
        JoinToken.decode(text)


@quick
@given(st.integers(0, 400), st.characters())
def test_a_mistyped_token_is_damaged_or_harmlessly_different(position: int, character: str) -> None:
    text = TOKEN.encode()
    position %= len(text)
    try:
        token = JoinToken.decode(text[:position] + character + text[position + 1 :])
    except UserError:
        return
    assert token.url.startswith("https://")
    assert len(token.ca_sha256) == 64


# --- TUF files -------------------------------------------------------------------------------------------------------


@quick
@given(st.binary(max_size=200) | anything.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_as_metadata(data: bytes) -> None:
    with pytest.raises(RefusedError):
        read_metadata(data, Targets)


@pytest.mark.parametrize("data", [b"[" * 100_000, b'{"a":' * 100_000, b" " * (MAX_METADATA_BYTES + 1), b"9" * 5000])
def test_deep_and_long_metadata(data: bytes) -> None:
    with pytest.raises(RefusedError):
        read_metadata(data, Root)


@settings(quick, max_examples=150)
@given(data=st.data())
def test_any_change_to_any_file_is_refused(
    site: RepositorySimulator, genuine_answer: Assignment | None, data: st.DataObject
) -> None:
    """Not one leaf of the signed files, nor one signature, can be changed so that the device would do another thing."""
    files = [("release", name) for name in site.release_files if name != "1.root.json"]
    files += [("director", name) for name in site.director_files["press-7"] if name != "1.root.json"]
    victim = data.draw(st.sampled_from(files))
    genuine = site.release_files if victim[0] == "release" else site.director_files["press-7"]
    document = json.loads(genuine[victim[1]])
    places = [place for place in _places(document) if "signed" in place or "sig" in place]
    place = data.draw(st.sampled_from(places))
    _put(document, place, data.draw(anything.filter(lambda value: not _same(value, _at(document, place)))))
    forged = json.dumps(document).encode()
    fetch = site.fetcher("press-7")

    def tampered(repository: Any, name: str, max_bytes: int) -> bytes | None:
        return forged if (repository, name) == victim else fetch(repository, name, max_bytes)

    with tempfile.TemporaryDirectory() as folder:
        store = site.trusted_store(Path(folder), "press-7")
        try:
            answer = store.refresh(tampered, site.now)
        except UserError:
            return
    # python-tuf reads some values as their default, which is then what was signed.
    assert answer == genuine_answer


@quick
@given(anything.filter(lambda value: value is not None) | st.text().map(lambda text: {"json": text}))
def test_any_description_of_a_target(custom: object) -> None:
    with contextlib.suppress(RefusedError):
        assert isinstance(custom_of(TargetFile(1, {"sha256": "0" * 64}, "a/b", {"custom": custom})), dict)


@pytest.mark.parametrize("text", ["[" * 100_000, '"' + "a" * MAX_CUSTOM_CHARACTERS + '"', "[]", "9" * 5000])
def test_deep_and_long_descriptions(text: str) -> None:
    with pytest.raises(RefusedError):
        custom_of(TargetFile(1, {"sha256": "0" * 64}, "a/b", {"custom": {"json": text}}))


@quick
@given(st.dictionaries(st.sampled_from(["keyid", "keytype", "scheme", "keyval"]), anything))
def test_any_public_key(given: dict[str, Any]) -> None:
    with pytest.raises(RefusedError):
        public_key_from_dict(given)


# --- keys and certificates -------------------------------------------------------------------------------------------


@quick
@given(st.binary(max_size=200))
def test_any_signature(signature: bytes) -> None:
    with pytest.raises(UserError):
        verify_statement(CERTIFICATE, b"statement", signature)


@quick
@given(st.text())
def test_any_certificate_request(text: str) -> None:
    for csr in (text, f"-----BEGIN CERTIFICATE REQUEST-----\n{text}\n-----END CERTIFICATE REQUEST-----\n"):
        with pytest.raises(UserError):
            issue_certificate(CA, csr, "press-7", "device", (), START, 30)


@quick
@given(st.binary() | anything.map(lambda value: json.dumps(value).encode()))
def test_any_key_file(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "approver.key.json"
    path.write_bytes(data)
    with pytest.raises(UserError):
        read_key(path)
    assert path.read_bytes() == data


@quick
@given(st.text())
def test_any_text_as_a_digest(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError):
        artifact_path(tmp_path, text)


def _places(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield (*here, key)
        yield from _places(child, (*here, key))


def _at(value: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        value = value[key]
    return value


def _put(value: Any, place: tuple[Any, ...], new: Any) -> None:
    _at(value, place[:-1])[place[-1]] = new


def _same(one: Any, other: Any) -> bool:
    return bool(json.dumps(one) == json.dumps(other))
