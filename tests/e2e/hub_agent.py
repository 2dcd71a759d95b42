"""An agent reduced to what the hub sees of one: it believes what both repositories name, reports, and signs."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

from edgeyard.domain.execution import ExecutionState, TrialEvidence
from edgeyard.trust.verification import Assignment, TrustedStore
from edgeyard.wire.message import ExecutionReport
from edgeyard.wire.record_codec import Body
from tests.e2e.hub_parts import now_utc
from tests.e2e.hub_process import DeviceProbe

GOOD = TrialEvidence(
    samples=100, accuracy=0.9, previous_accuracy=0.88, inferences=100, latency_p95_ms=2.0, previous_latency_p95_ms=2.0
)


class ScriptedAgent:
    """Polls its director, takes what it is told, and reports with resend, until stopped.

    `bad` digests are rolled back as an agent would; `silent` keeps it from reporting anything.
    """

    def __init__(self, device: DeviceProbe, bad: tuple[str, ...] = (), running: str = "") -> None:
        self.device = device
        self.bad = bad
        self.running = running
        self.silent = False
        self.ran: list[str] = [running] if running else []
        answer = device.answer
        folder = device.credentials.ca.parent / "trust"
        folder.mkdir(exist_ok=True)
        self._trust = TrustedStore(folder, answer.release_root.encode(), answer.director_root.encode(), device.name)
        self._handled = 0
        self._outbox: list[Body] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self.device.connect()
        self.device.birth()
        if self.running:
            self._outbox.append(self.device.running(self.running))
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        self.device.disconnect()

    def _run(self) -> None:
        while not self._stopping.wait(0.15):
            # Publishing while the broker is away is paho's RuntimeError.
            with contextlib.suppress(OSError, RuntimeError):
                self._step()

    def _step(self) -> None:
        self.device.data()
        if self.silent:
            return
        assignment = self._refresh()
        if assignment is not None and assignment.director_version > self._handled:
            self._take(assignment)
            self._handled = assignment.director_version
        if self._outbox:
            self._deliver()

    def _refresh(self) -> Assignment | None:
        try:
            return self._trust.refresh(self._fetch, now_utc())
        except ConnectionError:
            return None

    def _fetch(self, repository: str, name: str, _most: int) -> bytes | None:
        path = f"/v1/release/{name}" if repository == "release" else f"/v1/director/{self.device.name}/{name}"
        try:
            answer = self.device.get(path)
        except Exception as error:
            raise ConnectionError from error
        return answer.data if answer.status == 200 else None

    def _take(self, assignment: Assignment) -> None:
        execution, digest = assignment.director.execution, assignment.sha256
        states: tuple[ExecutionState, ...] = (ExecutionState.DOWNLOADING, ExecutionState.VERIFIED)
        if digest in self.bad and not assignment.director.undo:
            self._outbox += _reports(execution, states)
            worse = ExecutionReport(
                execution, ExecutionState.ROLLED_BACK, "Self-test accuracy 40.0 % is too low.", GOOD
            )
            self._outbox.append(worse)
            return
        self.running = digest
        self.ran.append(digest)
        if not execution:
            self._outbox.append(self.device.running(digest, assignment.target_path))
            return
        self._outbox += _reports(execution, (*states, ExecutionState.SELF_TESTING, ExecutionState.TRIAL))
        # Success is said before it is signed: the hub has to wait for the signature.
        self._outbox.append(ExecutionReport(execution, ExecutionState.SUCCEEDED, "", GOOD))
        self._outbox.append(self.device.running(digest, assignment.target_path))

    def _deliver(self) -> None:
        """Send all that is waiting, again until it is acknowledged; a reconnected client subscribes again."""
        first = self.device.seq + 1
        bodies = list(self._outbox)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not self._stopping.is_set():
            if self.device.probe.connected.is_set():
                self.device.probe.client.subscribe(f"edgeyard/v1/plant/{self.device.name}/ack", 1)
                self.device.seq = first - 1
                with contextlib.suppress(RuntimeError):
                    self.device.send(*bodies)
                for _ in range(20):
                    if self.device.acknowledged() >= self.device.seq:
                        self._outbox.clear()
                        return
                    time.sleep(0.05)
            time.sleep(0.1)


def _reports(execution: int, states: tuple[ExecutionState, ...]) -> list[Body]:
    return [ExecutionReport(execution, state) for state in states if execution]


@contextlib.contextmanager
def all_running(agents: list[ScriptedAgent]) -> Iterator[None]:
    """Start all agents, and stop them whatever happens."""
    for agent in agents:
        agent.start()
    try:
        yield
    finally:
        for agent in agents:
            agent.stop()
