"""A real hub process for tests, an operator who has joined it, and devices that speak for themselves."""

from __future__ import annotations

import hashlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Self

import msgspec
import urllib3
from securesystemslib.signer import CryptoSigner

from edgeyard.commands.settings import Settings, save_settings
from edgeyard.commands.site_folder import SiteFolder
from edgeyard.store.database import Database, sqlite_url
from edgeyard.trust.device_key import create_private_key, make_csr, sign_statement
from edgeyard.trust.join_client import open_pool, request_join
from edgeyard.trust.join_token import JoinToken
from edgeyard.trust.release_repository import ReleaseTarget, add_targets, create_root
from edgeyard.trust.tls import client_context
from edgeyard.trust.tuf_metadata import public_key_from_dict
from edgeyard.wire.live import LiveFigures, birth_payload, data_payload, death_payload
from edgeyard.wire.message import JoinAnswer, JoinRequest, RecordBatch, RunningReport, RunningStatement
from edgeyard.wire.record_codec import Body, decode_ack, encode_batch, make_record
from edgeyard.wire.sparkplug import encode_payload
from edgeyard.wire.statement import encode_statement
from edgeyard.wire.topic import durable_topic, live_topic
from tests.e2e.hub_parts import Credentials, MqttProbe, eventually, now_utc
from tests.free_port import free_port

SITE = "plant"


class HubSite:
    """A site folder with settings of its own ports."""

    def __init__(self, root: Path, *, broker: str = "embedded", database_url: str = "") -> None:
        self.folder = SiteFolder(root)
        self.folder.make()
        self.settings = Settings(
            site=SITE,
            https_host="127.0.0.1",
            https_port=free_port(),
            mqtt_host="127.0.0.1",
            mqtt_port=free_port(),
            broker=broker,
            database_url=database_url,
        )
        save_settings(self.folder.settings_file, self.settings)

    def database(self) -> Database:
        return Database.open(self.settings.database_url or sqlite_url(self.folder.database_file))


class HubProcess:
    """`python -m edgeyard.hub` on a site."""

    def __init__(self, site: HubSite) -> None:
        self.site = site
        self.events: queue.Queue[dict[str, Any]] = queue.Queue()
        self.errors = site.folder.root / f"stderr-{time.monotonic_ns()}"
        command = [sys.executable, "-m", "edgeyard.hub", "--site", str(site.folder.root), "--exit-with-parent"]
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.put(json.loads(line))

    def wait_event(self, name: str, timeout_s: float = 30.0) -> dict[str, Any]:
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                event = self.events.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                log = self.site.folder.logs / "hub.log"
                words = log.read_text()[-3000:] if log.exists() else ""
                raise AssertionError(f"no {name}: {self.errors.read_text()}\n{words}") from None
            if event["event"] == name:
                return event

    def ready(self) -> dict[str, Any]:
        return self.wait_event("ready")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._close()

    def stop(self, timeout_s: float = 15.0) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout_s)
        self._close()
        return code

    def _close(self) -> None:
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop()
        else:
            self._close()


class Member:
    """Someone who joined: their files, and HTTPS as themselves."""

    def __init__(
        self, folder: Path, token_text: str, name: str, *, key_pem: bytes | None = None, **fields: Any
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        token = JoinToken.decode(token_text)
        self.key_pem = key_pem or create_private_key()
        request = JoinRequest(
            secret=token.secret, role=token.role, name=name, csr_pem=make_csr(self.key_pem, name), **fields
        )
        self.answer: JoinAnswer = request_join(token, request)
        certificate, key, ca = folder / "cert.pem", folder / "key.pem", folder / "ca.pem"
        certificate.write_text(self.answer.certificate_pem)
        key.write_bytes(self.key_pem)
        ca.write_text(self.answer.ca_pem)
        self.name = name
        self.common_name = f"operator.{name}" if token.role == "operator" else name
        self.credentials = Credentials(certificate, key, ca)
        self.pool = open_pool(token.url, client_context(ca, certificate, key))

    def get(self, path: str, **options: Any) -> urllib3.BaseHTTPResponse:
        return self.pool.request("GET", path, **options)

    def post(self, path: str, body: bytes | dict[str, Any]) -> urllib3.BaseHTTPResponse:
        return self.pool.request("POST", path, body=body if isinstance(body, bytes) else msgspec.json.encode(body))

    def put(self, path: str, body: bytes) -> urllib3.BaseHTTPResponse:
        return self.pool.request("PUT", path, body=body)

    def mqtt(self) -> MqttProbe:
        return MqttProbe(self.answer.mqtt_port, self.credentials, f"{self.common_name}:{os.urandom(4).hex()}")


class Operator(Member):
    """The first operator, with an approver's key."""

    def __init__(self, site: HubSite, name: str = "anna") -> None:
        token = site.folder.first_token_file.read_text()
        super().__init__(site.folder.root / f"operator-{name}", token, name)
        self.site = site
        self.root_signer, self.approver = CryptoSigner.generate_ed25519(), CryptoSigner.generate_ed25519()
        self.root = b""
        self.targets: bytes | None = None

    def set_root(self) -> None:
        keys = self.get("/v1/trust/online-keys").json()
        snapshot, timestamp = public_key_from_dict(keys["snapshot"]), public_key_from_dict(keys["timestamp"])
        self.root = create_root(self.root_signer, [self.approver.public_key], 1, snapshot, timestamp, now_utc())
        answer = self.post("/v1/release/root", self.root)
        assert answer.status == 200, answer.data

    def release(self, path: str, content: bytes, **custom: Any) -> str:
        """Upload and release one file; its digest."""
        digest = hashlib.sha256(content).hexdigest()
        assert self.put(f"/v1/artifacts/{digest}", content).status == 201
        target = ReleaseTarget(path, digest, len(content), custom)
        self.targets = add_targets(self.root, self.targets, [target], self.approver, now_utc())
        answer = self.post("/v1/release/targets", self.targets)
        assert answer.status == 200, answer.data
        return digest

    def tokens(self, role: str = "device", count: int = 1, **fields: Any) -> list[str]:
        answer = self.post("/v1/tokens", {"role": role, "ttl_s": 600, "count": count, **fields})
        assert answer.status == 200, answer.data
        return list(answer.json()["tokens"])


class DeviceProbe(Member):
    """A device that has joined and speaks both planes by hand."""

    def __init__(self, site: HubSite, token: str, name: str, profile: str = "pi4") -> None:
        super().__init__(site.folder.root / f"device-{name}", token, name, hardware_profile=profile)
        self.probe = self.mqtt()
        self.boot, self.seq, self.counter = 1, 0, 0

    def connect(self) -> None:
        self.probe.client.will_set(live_topic(SITE, "NDEATH", self.name), encode_payload(death_payload(1, 0)), qos=1)
        self.probe.__enter__()
        assert self.probe.wait_connected()
        self.probe.subscribe(durable_topic(SITE, self.name, "ack"))
        self.probe.subscribe(durable_topic(SITE, self.name, "desired"))
        self.probe.subscribe(live_topic(SITE, "NCMD", self.name))

    def disconnect(self) -> None:
        self.probe.__exit__()

    def birth(self, **figures: Any) -> None:
        payload = birth_payload(
            LiveFigures(boot=self.boot, clock_at=time.time(), **figures), 1, int(time.time() * 1000)
        )
        self.probe.publish(live_topic(SITE, "NBIRTH", self.name), encode_payload(payload), qos=0)

    def data(self, **figures: Any) -> None:
        payload = data_payload(LiveFigures(boot=self.boot, clock_at=time.time(), **figures), 1, int(time.time() * 1000))
        self.probe.publish(live_topic(SITE, "NDATA", self.name), encode_payload(payload), qos=0)

    def send(self, *bodies: Body) -> int:
        """Send records and return the last one's number."""
        records = []
        for body in bodies:
            self.seq += 1
            records.append(make_record(self.seq, time.time(), body))
        self.send_raw(encode_batch(RecordBatch(self.boot, records)))
        return self.seq

    def send_raw(self, payload: bytes) -> None:
        self.probe.publish(durable_topic(SITE, self.name, "records"), payload)

    def acknowledged(self) -> int:
        acks = [decode_ack(payload) for payload in self.probe.payloads(durable_topic(SITE, self.name, "ack"))]
        return max((ack.seq for ack in acks if ack.boot == self.boot), default=0)

    def wait_acknowledged(self, seq: int) -> None:
        eventually(lambda: self.acknowledged() >= seq, what=f"record {seq} of {self.name} acknowledged")

    def running(self, digest: str, target: str = "", *, key_pem: bytes | None = None) -> RunningReport:
        self.counter += 1
        statement = RunningStatement(
            device=self.name,
            site=SITE,
            counter=self.counter,
            digest=digest,
            previous_digest="",
            target=target,
            director_version=0,
            at=time.time(),
        )
        data = encode_statement(statement)
        return RunningReport(data, sign_statement(key_pem or self.key_pem, data))
