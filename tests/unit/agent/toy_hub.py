"""A thin hub for the agent's tests: real TLS, real signatures, real Range requests, and misbehaviour on demand.

It has no database and no reconciler; tests decide what the director says. The real hub is met in `tests/e2e`.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
from cryptography.x509 import load_pem_x509_csr
from securesystemslib.signer import CryptoSigner

from edgeyard.domain.gate import GatePolicy
from edgeyard.trust.device_key import certificate_fingerprint
from edgeyard.trust.director import create_director_root, sign_assignment
from edgeyard.trust.join_token import JoinToken
from edgeyard.trust.release_repository import ReleaseTarget, add_targets, create_root, publish
from edgeyard.trust.site_ca import issue_certificate
from edgeyard.trust.tls import peer_role, server_context
from edgeyard.wire.message import DirectorCustom, JoinAnswer, JoinRequest, ReleaseCustom
from tests.e2e.hub_parts import HOSTS, Pki

PROFILE = "pi5"
SITE = "toy"


class ToyRepository:
    """Both repositories, in memory, by file name."""

    def __init__(self, now: datetime | None = None) -> None:
        self.now = now or datetime.now(UTC)
        self._root, self._targets, self._online, self._director = (CryptoSigner.generate_ed25519() for _ in range(4))
        online = self._online.public_key
        self.root = create_root(self._root, [self._targets.public_key], 1, online, online, self.now)
        self.director_root = create_director_root(self._director, self.now)
        self.release: dict[str, bytes] = {"1.root.json": self.root}
        self.director: dict[tuple[str, str], bytes] = {}
        self.signed_targets: bytes | None = None
        self._snapshot: bytes | None = None
        self._timestamp: bytes | None = None
        self._versions: dict[str, int] = {}

    def add(self, *targets: ReleaseTarget) -> None:
        self.signed_targets = add_targets(self.root, self.signed_targets, targets, self._targets, self.now)
        number = json.loads(self.signed_targets)["signed"]["version"]
        self._snapshot, self._timestamp = publish(
            self.root, self.signed_targets, self._snapshot, self._timestamp, self._online, self._online, self.now
        )
        self.release |= {
            f"{number}.targets.json": self.signed_targets,
            f"{number}.snapshot.json": self._snapshot,
            "timestamp.json": self._timestamp,
        }

    def assign(self, device: str, target: ReleaseTarget | None) -> int:
        version = self._versions[device] = self._versions.get(device, 0) + 1
        signed = sign_assignment(device, version, target, self._director, self.now)
        self.director |= {
            (device, "1.root.json"): self.director_root,
            (device, f"{version}.targets.json"): signed.targets,
            (device, f"{version}.snapshot.json"): signed.snapshot,
            (device, "timestamp.json"): signed.timestamp,
        }
        return version


class ToyHub:
    """`start()` serves on a free port of the loopback until `stop()`; `restart()` comes back on the same port."""

    def __init__(self, folder: Path, now: datetime | None = None) -> None:
        self.pki = Pki(folder / "pki")
        self.credentials = self.pki.issue("hub.toy", "hub")
        self.repository = ToyRepository(now)
        self.artifacts: dict[str, bytes] = {}
        self.secrets: dict[str, object] = {}
        self.requests: list[tuple[str, str, str]] = []
        """Path, Range header and name of the client's certificate, of each request."""
        self.misbehave: Callable[[BaseHTTPRequestHandler, bytes], bool] | None = None
        """Answers an artifact request in its own way when it returns true."""
        self.mqtt_port = 1
        self.port = 0
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    # --- what a test says --------------------------------------------------------------------------------------------

    def keep(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        self.artifacts[digest] = data
        return digest

    def token(self, secret: str = "s" * 24, role: str = "device", root: bytes | None = None) -> str:
        root_sha256 = hashlib.sha256(root or self.repository.root).hexdigest()
        ca_sha256 = certificate_fingerprint(self.pki.ca.certificate_pem)
        return JoinToken(self.url, ca_sha256, root_sha256, secret, role).encode()  # type: ignore[arg-type]

    def release_model(
        self, version: int, model: bytes, golden: bytes, *, input_shape: list[int | None], golden_accuracy: float,
        preprocessing: dict[str, Any], profiles: tuple[str, ...] = (PROFILE,), counter: int | None = None,
    ) -> ReleaseTarget:  # fmt: skip
        """Release a model with its golden set; returns the model's target."""
        digest, golden_digest = self.keep(model), self.keep(golden)
        golden_target = ReleaseTarget(f"golden/{golden_digest}.npz", golden_digest, len(golden))
        custom = ReleaseCustom(
            hardware_profiles=list(profiles), model="yard", version=version, variant="fp32", precision="fp32",
            counter=counter or version, input_name="x", input_shape=input_shape, output_name="y",
            preprocessing=preprocessing,
            golden={
                "sha256": golden_digest, "size_bytes": len(golden), "samples": 1, "target": golden_target.path,
            },
            evidence={"golden_accuracy": golden_accuracy}, lineage={},
        )  # fmt: skip
        target = ReleaseTarget(f"yard/{version}/fp32.onnx", digest, len(model), msgspec.to_builtins(custom))
        self.repository.add(target, golden_target)
        return target

    def assign(
        self, device: str, target: ReleaseTarget | None, execution: int, *, undo: bool = False,
        policy: GatePolicy | None = None, profile: str = PROFILE,
    ) -> int:  # fmt: skip
        """Sign the word to `device`; returns the director's version."""
        if target is None:
            return self.repository.assign(device, None)
        custom = DirectorCustom(execution, 1, profile, undo, msgspec.to_builtins(policy or GatePolicy(trial_s=1.0)))
        wanted = ReleaseTarget(target.path, target.sha256, target.size_bytes, msgspec.to_builtins(custom))
        return self.repository.assign(device, wanted)

    # --- serving -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        credentials = self.credentials
        context = server_context(credentials.certificate, credentials.key, credentials.ca, require_client=False)
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @contextmanager
    def running(self) -> Iterator[ToyHub]:
        self.start()
        try:
            yield self
        finally:
            self.stop()

    def join(self, request: JoinRequest) -> tuple[int, bytes]:
        key = load_pem_x509_csr(request.csr_pem.encode()).public_key()
        used_by = self.secrets.setdefault(request.secret, key)
        if used_by != key:
            words = {"what": "This join token was used already.", "todo": "Ask for a new one."}
            return 409, json.dumps(words).encode()
        now = datetime.now(UTC)
        certificate = issue_certificate(self.pki.ca, request.csr_pem, request.name, "device", (), now, 30)
        answer = JoinAnswer(
            SITE, request.name, certificate, self.pki.ca.certificate_pem, HOSTS[0], self.mqtt_port,
            self.repository.root.decode(), self.repository.director_root.decode(),
        )  # fmt: skip
        return 200, msgspec.json.encode(answer)

    def answer_get(self, path: str, client: str) -> tuple[int, bytes]:
        if path == "/v1/ca":
            return 200, self.pki.ca.certificate_pem.encode()
        if not client:
            return 403, b'{"what": "No client certificate.", "todo": "Join first."}'
        if found := re.fullmatch(r"/v1/release/([\w.]+)", path):
            data = self.repository.release.get(found[1])
        elif (found := re.fullmatch(r"/v1/director/([\w-]+)/([\w.]+)", path)) and found[1] == client:
            data = self.repository.director.get((found[1], found[2]))
        else:
            data = None
        return (404, b'{"what": "There is no such thing here."}') if data is None else (200, data)


def _handler(hub: ToyHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(*hub.join(msgspec.json.decode(body, type=JoinRequest)))

        def do_GET(self) -> None:
            role = peer_role(self.connection.getpeercert())  # type: ignore[attr-defined]
            client = role[1] if role else ""
            hub.requests.append((self.path, self.headers.get("Range", ""), client))
            if found := re.fullmatch(r"/v1/artifacts/([0-9a-f]{64})", self.path):
                data = hub.artifacts.get(found[1])
                if data is None or not client:
                    self._answer(404 if client else 403, b'{"what": "There is no such file.", "todo": "Wait."}')
                elif not (hub.misbehave and hub.misbehave(self, data)):
                    self.serve_range(data)
                return
            self._answer(*hub.answer_get(self.path, client))

        def serve_range(self, data: bytes) -> None:
            start = int((re.match(r"bytes=(\d+)-", self.headers.get("Range", "")) or (0, 0))[1])
            if start >= len(data):
                self._answer(416, b"")
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            self.wfile.write(data[start:])

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
