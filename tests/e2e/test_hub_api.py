"""The hub's HTTPS interface, over real TLS: who gets in, what is believed, and what is served."""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import urllib3
from tuf.api.metadata import Snapshot, Targets, Timestamp

from edgeyard.domain.error import UserError
from edgeyard.store.certificate import revoke_certificates
from edgeyard.store.device import get_device, revoke_device
from edgeyard.trust.device_key import create_private_key, make_csr
from edgeyard.trust.join_client import open_pool
from edgeyard.trust.join_token import JoinToken
from edgeyard.trust.release_repository import add_targets, create_root
from edgeyard.trust.site_ca import CaMaterial, issue_certificate
from edgeyard.trust.target import ReleaseTarget, target_file
from edgeyard.trust.tls import client_context
from edgeyard.trust.tuf_metadata import public_key_from_dict, read_metadata, sign
from tests.e2e.hub_parts import Pki, eventually, now_utc
from tests.e2e.hub_process import DeviceProbe, HubProcess, HubSite, Member, Operator

pytestmark = [pytest.mark.e2e]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubSite]:
    site = HubSite(tmp_path_factory.mktemp("api") / "site", broker="embedded")
    with HubProcess(site) as hub:
        hub.ready()
        yield site


@pytest.fixture(scope="module")
def operator(site: HubSite) -> Operator:
    operator = Operator(site)
    refused = operator.post("/v1/tokens", {"role": "device"})
    assert refused.status == 409, "device tokens pin a release root, so there must be one first"
    assert "release root" in refused.json()["what"]
    operator.set_root()
    return operator


@pytest.fixture(scope="module")
def device(site: HubSite, operator: Operator) -> DeviceProbe:
    return DeviceProbe(site, operator.tokens()[0], "press-1")


def _url(site: HubSite) -> str:
    return f"https://127.0.0.1:{site.settings.https_port}"


def test_the_authority_is_public_and_everything_else_is_not(site: HubSite, operator: Operator) -> None:
    ca = operator.credentials.ca
    stranger = open_pool(_url(site), client_context(ca))
    assert stranger.request("GET", "/v1/ca").data.decode() == ca.read_text()
    for path in (
        "/v1/site",
        "/v1/release/timestamp.json",
        "/v1/director/press-1/timestamp.json",
        "/v1/trust/online-keys",
    ):
        answer = stranger.request("GET", path)
        assert answer.status == 401, path
        assert "join" in answer.json()["todo"].lower()
    assert stranger.request("PUT", "/v1/artifacts/" + "a" * 64, body=b"x").status == 401
    assert stranger.request("POST", "/v1/tokens", body=b"{}").status == 401


def test_a_certificate_of_another_authority_is_refused_by_tls(
    site: HubSite, operator: Operator, tmp_path: Path
) -> None:
    forged = Pki(tmp_path / "elsewhere").issue("operator.anna", "operator")
    pool = open_pool(_url(site), client_context(operator.credentials.ca, forged.certificate, forged.key))
    with pytest.raises(urllib3.exceptions.HTTPError):
        pool.request("GET", "/v1/site")


def test_a_client_that_believes_another_authority_refuses_the_hub(site: HubSite, tmp_path: Path) -> None:
    pool = open_pool(_url(site), client_context(Pki(tmp_path / "elsewhere").ca_file))
    with pytest.raises(urllib3.exceptions.SSLError):
        pool.request("GET", "/v1/ca")


def test_a_token_of_another_site_is_refused_by_the_newcomer(site: HubSite, operator: Operator, tmp_path: Path) -> None:
    token = JoinToken.decode(operator.tokens()[0])
    wrong = JoinToken(token.url, "0" * 64, token.root_sha256, token.secret, token.role)
    with pytest.raises(UserError, match="certificate authority differs"):
        Member(tmp_path / "m", wrong.encode(), "press-x", hardware_profile="pi4")


def test_a_token_works_once(site: HubSite, operator: Operator, tmp_path: Path) -> None:
    token = operator.tokens()[0]
    Member(tmp_path / "first", token, "twice-1", hardware_profile="pi4")
    with pytest.raises(UserError, match="already used by twice-1"):
        Member(tmp_path / "second", token, "twice-2", hardware_profile="pi4")
    with site.database().read() as c:
        assert get_device(c, "twice-1") is not None
        assert get_device(c, "twice-2") is None


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")  # silenced per thread only by Python 3.14
def test_of_two_newcomers_with_one_token_exactly_one_gets_in(site: HubSite, operator: Operator, tmp_path: Path) -> None:
    token = operator.tokens()[0]
    joined: list[str] = []

    def join(name: str) -> None:
        try:
            Member(tmp_path / name, token, name, hardware_profile="pi4")
        except UserError:
            return
        joined.append(name)

    threads = [threading.Thread(target=join, args=(f"race-{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(joined) == 1


def test_a_newcomer_whose_answer_was_lost_may_ask_again(operator: Operator, tmp_path: Path) -> None:
    token = operator.tokens()[0]
    first = Member(tmp_path / "first", token, "lost-1", hardware_profile="pi4")
    again = Member(tmp_path / "again", token, "lost-1", key_pem=first.key_pem, hardware_profile="pi4")
    assert again.answer.certificate_pem == first.answer.certificate_pem
    with pytest.raises(UserError, match="already used"):
        Member(tmp_path / "other-key", token, "lost-1", hardware_profile="pi4")


def test_a_name_that_is_taken_is_refused_and_the_token_stays_good(
    operator: Operator, device: DeviceProbe, tmp_path: Path
) -> None:
    token = operator.tokens()[0]
    with pytest.raises(UserError, match="already in this site"):
        Member(tmp_path / "taken", token, device.name, hardware_profile="pi4")
    Member(tmp_path / "free", token, "free-1", hardware_profile="pi4")


@pytest.mark.parametrize("name", ["Press 7", "a/b", "hub.main", "", "x" * 64, "press-7+", "#"])
def test_a_name_that_could_be_a_topic_is_refused(operator: Operator, tmp_path: Path, name: str) -> None:
    with pytest.raises((UserError, ValueError)):
        Member(tmp_path / "odd", operator.tokens()[0], name, hardware_profile="pi4")


def test_a_token_for_other_hardware_is_refused(operator: Operator, tmp_path: Path) -> None:
    token = operator.tokens(hardware_profile="pi5")[0]
    with pytest.raises(UserError, match="pi5"):
        Member(tmp_path / "wrong", token, "wrong-1", hardware_profile="pi4")
    with pytest.raises(UserError, match="not known"):
        Member(tmp_path / "odd", operator.tokens()[0], "wrong-2", hardware_profile="toaster")


def test_a_device_token_makes_no_operator(site: HubSite, operator: Operator, tmp_path: Path) -> None:
    token = JoinToken.decode(operator.tokens()[0])
    turned = JoinToken(token.url, token.ca_sha256, token.root_sha256, token.secret, "operator")
    with pytest.raises(UserError, match="for a new device"):
        Member(tmp_path / "turned", turned.encode(), "eve")


def test_roles_stay_apart(device: DeviceProbe, operator: Operator) -> None:
    assert device.post("/v1/tokens", {"role": "operator"}).status == 403
    assert device.put("/v1/artifacts/" + "a" * 64, b"x").status == 403
    assert device.post("/v1/release/targets", b"{}").status == 403
    assert device.get("/v1/trust/online-keys").status == 403
    assert device.get("/v1/director/press-2/timestamp.json").status == 403
    assert operator.get("/v1/director/press-1/timestamp.json").status == 403
    assert device.get("/v1/site").json()["site"] == "plant"


def test_the_directors_root_comes_with_joining_and_by_its_name(device: DeviceProbe) -> None:
    answer = device.get("/v1/director/press-1/1.root.json")
    assert answer.status == 200
    assert answer.data.decode() == device.answer.director_root
    assert device.get("/v1/release/1.root.json").data.decode() == device.answer.release_root
    for name in ("2.root.json", "0.root.json", "root.json", "..%2f..%2fca.key", "timestamp.json.bak", "1.keys.json"):
        assert device.get(f"/v1/director/press-1/{name}").status == 404, name


def test_a_revoked_device_is_refused_at_once(site: HubSite, operator: Operator) -> None:
    device = DeviceProbe(site, operator.tokens()[0], "gone-1")
    assert device.get("/v1/site").status == 200
    with site.database().write() as c:
        revoke_device(c, "gone-1", time.time())
    refused = device.get("/v1/site")
    assert refused.status == 403
    assert "revoked" in refused.json()["what"]
    again = DeviceProbe(site, operator.tokens()[0], "gone-1")
    assert again.get("/v1/site").status == 200
    assert device.get("/v1/site").status == 403, "the old certificate does not come back with the name"


def test_a_revoked_operator_is_refused(site: HubSite, operator: Operator, tmp_path: Path) -> None:
    second = Member(tmp_path / "bert", operator.tokens("operator")[0], "bert")
    assert second.get("/v1/site").status == 200
    with site.database().write() as c:
        revoke_certificates(c, "operator.bert", time.time())
    assert second.get("/v1/site").status == 403


def test_a_second_root_and_a_root_for_other_keys_are_refused(site: HubSite, operator: Operator) -> None:
    keys = operator.get("/v1/trust/online-keys").json()
    timestamp = public_key_from_dict(keys["timestamp"])
    other = create_root(operator.root_signer, [operator.approver.public_key], 1, timestamp, timestamp, now_utc())
    assert operator.post("/v1/release/root", operator.root).status == 200, "the same again is no mistake"
    assert operator.post("/v1/release/root", other).status == 409


def test_a_released_file_is_served_in_ranges(site: HubSite, operator: Operator, device: DeviceProbe) -> None:
    content = os.urandom(1_500_000)
    digest = operator.release("yard/1/fp32.onnx", content, counter=1)
    path = f"/v1/artifacts/{digest}"
    head = device.pool.request("HEAD", path)
    assert head.status == 200
    assert head.headers["Content-Length"] == str(len(content))
    assert head.headers["Accept-Ranges"] == "bytes"
    first = device.get(path, headers={"Range": "bytes=0-99999"})
    assert first.status == 206
    etag = first.headers["ETag"]
    rest = device.get(path, headers={"Range": "bytes=100000-", "If-Match": etag})
    assert rest.status == 206
    assert rest.headers["Content-Range"] == f"bytes 100000-{len(content) - 1}/{len(content)}"
    assert hashlib.sha256(first.data + rest.data).hexdigest() == digest
    assert device.get(path, headers={"Range": f"bytes={len(content)}-"}).status == 416


def test_a_release_is_published_with_a_matching_snapshot_and_timestamp(operator: Operator, device: DeviceProbe) -> None:
    operator.release("yard/2/fp32.onnx", b"second model", counter=2)
    timestamp = read_metadata(device.get("/v1/release/timestamp.json").data, Timestamp).signed
    snapshot_data = device.get(f"/v1/release/{timestamp.snapshot_meta.version}.snapshot.json").data
    timestamp.snapshot_meta.verify_length_and_hashes(snapshot_data)
    targets_meta = read_metadata(snapshot_data, Snapshot).signed.meta["targets.json"]
    targets_data = device.get(f"/v1/release/{targets_meta.version}.targets.json").data
    assert targets_data == operator.targets
    assert operator.post("/v1/release/targets", targets_data).status == 200, "the same again is no mistake"


def test_targets_nobody_may_sign_are_refused(operator: Operator) -> None:
    target = target_file(ReleaseTarget("yard/9/fp32.onnx", hashlib.sha256(b"evil").hexdigest(), 4, {}))
    forged = sign(Targets(1, targets={target.path: target}), operator.root_signer)
    answer = operator.post("/v1/release/targets", forged)
    assert answer.status == 422
    assert "arbitrary software" in answer.json()["what"]


def test_targets_without_their_files_are_refused(operator: Operator) -> None:
    target = ReleaseTarget("yard/8/fp32.onnx", hashlib.sha256(b"never uploaded").hexdigest(), 14, {})
    signed = add_targets(operator.root, operator.targets, [target], operator.approver, now_utc())
    answer = operator.post("/v1/release/targets", signed)
    assert answer.status == 409
    assert "upload" in answer.json()["todo"].lower()


def test_an_upload_with_another_digest_is_refused_and_leaves_nothing(site: HubSite, operator: Operator) -> None:
    digest = hashlib.sha256(b"what was meant").hexdigest()
    answer = operator.put(f"/v1/artifacts/{digest}", b"what came")
    assert answer.status == 422
    assert "upload it again" in answer.json()["todo"]
    assert not (site.folder.artifacts / digest[:2] / digest).exists()
    assert not list(site.folder.artifacts.glob(".upload-*"))
    assert operator.get(f"/v1/artifacts/{digest}").status == 404


def test_an_upload_that_breaks_off_leaves_nothing(site: HubSite, operator: Operator) -> None:
    digest = hashlib.sha256(b"x" * 1_000_000).hexdigest()
    context = client_context(operator.credentials.ca, operator.credentials.certificate, operator.credentials.key)
    with (
        socket.create_connection(("127.0.0.1", site.settings.https_port)) as raw,
        context.wrap_socket(raw, server_hostname="127.0.0.1") as tls,
    ):
        tls.sendall(f"PUT /v1/artifacts/{digest} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n".encode())
        tls.sendall(b"x" * 500_000)
        eventually(lambda: list(site.folder.artifacts.glob(".upload-*")), what="upload begun")
    eventually(lambda: not list(site.folder.artifacts.glob(".upload-*")), what="upload cleared")
    assert not (site.folder.artifacts / digest[:2] / digest).exists()


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounting a small disk takes root on Linux")
def test_a_disk_that_is_full_is_said_in_words_and_leaves_nothing(tmp_path: Path) -> None:
    site = HubSite(tmp_path / "site", broker="embedded")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", site.folder.artifacts], check=False)
    if mounted.returncode:
        pytest.skip("this machine does not let root mount")
    try:
        with HubProcess(site) as hub:
            hub.ready()
            operator = Operator(site)
            operator.set_root()
            content = os.urandom(4 << 20)
            answer = operator.put(f"/v1/artifacts/{hashlib.sha256(content).hexdigest()}", content)
            assert answer.status == 507
            assert "disk is full" in answer.json()["what"]
            assert not list(site.folder.artifacts.glob(".upload-*"))
            operator.release("yard/1/fp32.onnx", b"small enough")
    finally:
        subprocess.run(["umount", site.folder.artifacts], check=True)


def test_a_body_that_is_too_large_is_refused(site: HubSite, operator: Operator) -> None:
    answer = operator.post("/v1/tokens", b"{" + b" " * 100_000 + b"}")
    assert answer.status == 413
    answer = operator.post("/v1/join", b" " * 100_000)
    assert answer.status == 413
    digest = "b" * 64
    huge = operator.pool.request(
        "PUT", f"/v1/artifacts/{digest}", headers={"Content-Length": str(3 << 30)}, body=iter([])
    )
    assert huge.status in {400, 413}


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"\xff\xfe", b'{"secret": 1}', b'{"a":' * 2000])
def test_a_join_that_is_no_join_is_refused(operator: Operator, body: bytes) -> None:
    answer = operator.post("/v1/join", body)
    assert answer.status == 400
    assert set(answer.json()) == {"what", "todo"}


def test_unknown_paths_and_methods_answer_in_words(operator: Operator) -> None:
    assert operator.get("/v2/anything").status == 404
    assert operator.get("/v1/join").status == 405
    assert set(operator.get("/v2/anything").json()) == {"what", "todo"}
    assert operator.get("/v1/artifacts/..%2f..%2fhub%2fca.key").status == 404


def test_an_old_tls_version_is_refused(site: HubSite) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        pytest.raises((ssl.SSLError, ConnectionError)),
        socket.create_connection(("127.0.0.1", site.settings.https_port)) as raw,
    ):
        context.wrap_socket(raw)


def test_an_expired_certificate_is_refused(site: HubSite, operator: Operator, tmp_path: Path) -> None:
    ca = CaMaterial((site.folder.hub / "ca.key").read_bytes(), operator.credentials.ca.read_text())
    key = create_private_key()
    past = datetime.now(UTC) - timedelta(days=100)
    pem = issue_certificate(ca, make_csr(key, "press-1"), "press-1", "device", (), past, 30)
    (tmp_path / "old.pem").write_text(pem)
    (tmp_path / "old.key").write_bytes(key)
    pool = open_pool(_url(site), client_context(operator.credentials.ca, tmp_path / "old.pem", tmp_path / "old.key"))
    with pytest.raises(urllib3.exceptions.HTTPError):
        pool.request("GET", "/v1/site")
