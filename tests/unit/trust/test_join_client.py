"""Joining a site over real TLS: whom a newcomer believes, and when it walks away."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from edgeyard.domain.error import UserError
from edgeyard.trust.device_key import certificate_fingerprint, create_private_key, make_csr
from edgeyard.trust.join_client import open_pool, plain_reason, request_join
from edgeyard.trust.join_token import JoinToken, new_secret
from edgeyard.trust.site_ca import create_ca, issue_certificate
from edgeyard.trust.tls import server_context
from edgeyard.wire.message import JoinAnswer, JoinRequest

NOW = datetime.now(UTC)
CA = create_ca("demo", NOW)
OTHER_CA = create_ca("demo", NOW)
ROOT = '{"signed": "the first root"}'


class Hub:
    """What answers: a test changes its words."""

    def __init__(self, folder: Path) -> None:
        key_pem = create_private_key()
        csr = make_csr(key_pem, "x")
        (folder / "key").write_bytes(key_pem)
        (folder / "cert").write_text(issue_certificate(CA, csr, "hub.main", "hub", ("127.0.0.1",), NOW, 2))
        (folder / "ca").write_text(CA.certificate_pem)
        self.ca: bytes = CA.certificate_pem.encode()
        self.joins: list[JoinRequest] = []
        self.answer: tuple[int, bytes] = (200, self.joined())
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.reply(200, hub.ca)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hub.joins.append(msgspec.json.decode(body, type=JoinRequest))
                self.reply(*hub.answer)

            def reply(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = server_context(folder / "cert", folder / "key", folder / "ca", require_client=False)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_port}"

    def joined(self, ca: str = CA.certificate_pem, root: str = ROOT) -> bytes:
        return msgspec.json.encode(JoinAnswer("demo", "press-7", "CERT", ca, "127.0.0.1", 8883, root, "{}"))

    def token(self, **change: str) -> JoinToken:
        fields = {
            "url": self.url,
            "ca_sha256": certificate_fingerprint(CA.certificate_pem),
            "root_sha256": hashlib.sha256(ROOT.encode()).hexdigest(),
            "secret": new_secret(),
            "role": "device",
        }
        return JoinToken(**{**fields, **change})  # type: ignore[arg-type]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    hub = Hub(tmp_path)
    thread = threading.Thread(target=hub.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield hub
    hub.server.shutdown()
    thread.join()
    hub.server.server_close()


def _request(token: JoinToken) -> JoinRequest:
    return JoinRequest(token.secret, token.role, "press-7", "CSR", "pi5")


def _join(token: JoinToken) -> JoinAnswer:
    return request_join(token, _request(token))


def test_a_newcomer_joins_the_hub_of_its_token(hub: Hub) -> None:
    token = hub.token()
    answer = _join(token)
    assert answer.site == "demo"
    assert answer.release_root == ROOT
    assert hub.joins == [_request(token)]


def test_a_token_from_before_the_first_root_pins_none(hub: Hub) -> None:
    hub.answer = (200, hub.joined(root=""))
    assert _join(hub.token(root_sha256="", role="operator")).release_root == ""


@pytest.mark.parametrize("ca", [OTHER_CA.certificate_pem.encode(), b"", b"rubbish", b"\xff" * 100, b"x" * 100_000])
def test_no_secret_is_told_to_a_hub_with_another_authority(hub: Hub, ca: bytes) -> None:
    hub.ca = ca
    with pytest.raises(UserError):
        _join(hub.token())
    assert hub.joins == []


def test_no_secret_is_told_to_a_hub_whose_certificate_is_not_of_that_authority(hub: Hub) -> None:
    """Someone in between shows the true authority's certificate, which is public, but has no key of it."""
    hub.ca = OTHER_CA.certificate_pem.encode()
    with pytest.raises(UserError):
        _join(hub.token(ca_sha256=certificate_fingerprint(OTHER_CA.certificate_pem)))
    assert hub.joins == []


@pytest.mark.parametrize("change", [{"ca": OTHER_CA.certificate_pem}, {"root": "{}"}, {"root": ""}])
def test_an_answer_with_another_trust_is_not_taken(hub: Hub, change: dict[str, str]) -> None:
    hub.answer = (200, hub.joined(**change))
    with pytest.raises(UserError, match="new join token"):
        _join(hub.token())


def test_the_hubs_own_words_come_through(hub: Hub) -> None:
    hub.answer = (403, b'{"what": "This token was used.", "todo": "Ask for a new one."}')
    with pytest.raises(UserError) as caught:
        _join(hub.token())
    assert (caught.value.what, caught.value.todo) == ("This token was used.", "Ask for a new one.")


@pytest.mark.parametrize("answer", [(500, b"<html>"), (200, b"[]"), (200, b"{"), (200, b" " * 300_000)])
def test_other_answers_are_bounded_and_said(hub: Hub, answer: tuple[int, bytes]) -> None:
    hub.answer = answer
    with pytest.raises(UserError):
        _join(hub.token())


def test_a_hub_that_is_away_is_said(hub: Hub) -> None:
    with pytest.raises(UserError, match="cannot be reached"):
        _join(hub.token(url="https://127.0.0.1:9"))


@pytest.mark.parametrize("url", ["http://hub", "https://", "file:///etc/passwd"])
def test_only_https_is_spoken(url: str) -> None:
    import ssl

    with pytest.raises(UserError, match="address of a hub"):
        open_pool(url, ssl.create_default_context())


def test_why_a_hub_is_away_is_said_without_the_names_of_objects() -> None:
    place = "HTTPSConnection(host='127.0.0.1', port=1)"
    raw = f"{place}: Failed to establish a new connection: [Errno 111] Connection refused"
    assert plain_reason(raw) == "Failed to establish a new connection: Connection refused"
    assert plain_reason("") == ""
