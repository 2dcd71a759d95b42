"""A small world around the real update machine: slots, a download folder, an outbox, and a process that can be killed.

What is on disk survives `kill`, at whatever instant it strikes; all else does not.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from edgeyard.agent import update_event as event
from edgeyard.agent.update_event import Command, Event
from edgeyard.agent.update_machine import UpdateMachine
from edgeyard.agent.update_state import SlotFacts, Snapshot, Stage, Target
from edgeyard.domain.execution import ExecutionState, TrialEvidence, is_live
from edgeyard.domain.gate import GatePolicy
from edgeyard.wire.message import ReleaseCustom

POLICY = GatePolicy(trial_s=10.0, min_inferences=5)


def digest_of(name: str) -> str:
    return (name.encode().hex() * 64)[:64]


def make_target(execution: int, name: str, *, undo: bool = False, proven: float = 0.9) -> Target:
    """An assignment of the model file called `name`; names that begin with `bad` score badly in the self-test."""
    release = ReleaseCustom(
        hardware_profiles=["pi5"], model="yard", version=1, variant="fp32", precision="fp32", counter=execution,
        input_name="x", input_shape=[1, 4], output_name="y", preprocessing={}, golden={},
        evidence={"golden_accuracy": proven}, lineage={},
    )  # fmt: skip
    return Target(execution, execution, f"yard/1/{name}.onnx", digest_of(name), 1000, undo, release, POLICY)


def evidence_of(target: Target) -> TrialEvidence:
    bad = target.digest.startswith(b"bad".hex())
    return TrialEvidence(samples=100, accuracy=0.3 if bad else 0.9, latency_p95_ms=1.0)


@dataclass
class Disk:
    snapshot: bytes
    active: str = ""
    other: str = ""
    downloads: set[str] = field(default_factory=set)
    outbox: dict[str, tuple[int, ExecutionState, str]] = field(default_factory=dict)


class World:
    """Carries out the machine's commands one effect at a time."""

    def __init__(self, active: str = "") -> None:
        self.disk = Disk(msgspec.json.encode(Snapshot("e")), active=digest_of(active) if active else "")
        self.now = 0.0
        self.passed: set[str] = set()
        self.crashed_slots: list[str] = []
        self.start()

    # --- the process -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self.queue: list[Command] = []
        self.trial: int | None = None
        snapshot = msgspec.json.decode(self.disk.snapshot, type=Snapshot)
        self.machine = UpdateMachine(snapshot, SlotFacts(self.disk.active, self.disk.other))
        self._commit(self.machine.resume(self.now))

    def kill(self) -> None:
        self.start()

    def tell(self, happened: Event, *, killed: str = "") -> None:
        """Hand an event to the machine, persist, report; killed `before` or `after` persisting."""
        commands = self.machine.handle(happened, self.now)
        if killed == "before":
            self.kill()
            return
        self._commit(commands, killed=killed)

    def _commit(self, commands: list[Command], *, killed: str = "") -> None:
        self.disk.snapshot = msgspec.json.encode(self.machine.snapshot)
        if killed == "after":
            self.kill()
            return
        self.queue += commands
        reports = self.machine.snapshot.reports
        for report in reports:
            self.disk.outbox[f"e{report.number}"] = (report.execution, report.state, report.reason)
        if killed == "reported":
            self.kill()
        elif reports:
            self.machine.handle(event.Reported(reports[-1].number), self.now)
            self.disk.snapshot = msgspec.json.encode(self.machine.snapshot)

    # --- the commands ------------------------------------------------------------------------------------------------

    def step(self, outcome: str = "ok", killed: str = "") -> None:
        """Carry out the next command with an outcome; `killed` also takes `effect`: done, but nobody heard."""
        if not self.queue:
            return
        command = self.queue.pop(0)
        answer = self._carry_out(command, outcome)
        if killed == "effect":
            self.kill()
        elif answer is not None:
            self.tell(answer, killed=killed)

    def _carry_out(self, command: Command, outcome: str) -> Event | None:
        disk = self.disk
        match command:
            case event.Download(attempt, target, needed):
                if outcome in {"fail", "reject"}:
                    return event.Failed(attempt, "no room", rejected=outcome == "reject")
                if outcome == "wait":
                    self.queue.append(command)
                    return event.DownloadWaiting(attempt, "The hub is away.")
                if needed:
                    disk.downloads.add(target.digest)
                return event.Downloaded(attempt, target.size_bytes if needed else 0)
            case event.StageModel(attempt, target):
                return self._stage(attempt, target)
            case event.SelfTest(attempt, target, _):
                return self._self_test(attempt, target, outcome)
            case event.Switch(attempt, digest):
                return self._switch(attempt, digest, outcome)
            case event.StartTrial(attempt):
                self.trial = attempt
            case event.Abandon(attempt):
                self.queue = [waiting for waiting in self.queue if getattr(waiting, "attempt", None) != attempt]
            case _:
                pass
        return None

    def _stage(self, attempt: int, target: Target) -> Event:
        disk = self.disk
        if disk.other != target.digest:
            disk.other = ""
            if target.digest not in disk.downloads:
                return event.Failed(attempt, "the bytes are gone", missing=True)
            disk.downloads.discard(target.digest)
            disk.other = target.digest
        return event.Staged(attempt, target.digest)

    def _self_test(self, attempt: int, target: Target, outcome: str) -> Event:
        if self.disk.other != target.digest:
            return event.Failed(attempt, "the slot is empty", missing=True)
        if outcome == "fail":
            return event.Failed(attempt, "The model took the runner down.")
        evidence = evidence_of(target)
        if evidence.accuracy == 0.9 or target.undo:
            self.passed.add(target.digest)
        return event.SelfTested(attempt, evidence)

    def _switch(self, attempt: int, digest: str, outcome: str) -> Event:
        disk = self.disk
        if outcome == "fail":
            return event.Failed(attempt, "the disk is full")
        if digest and digest not in {disk.active, disk.other}:
            return event.Failed(attempt, "the slot is damaged", missing=True)
        if digest != disk.active:
            back = digest == self.machine.snapshot.back_to and self.machine.snapshot.stage is Stage.GOING_BACK
            assert back or digest in self.passed, "switched to a model whose self-test was not passed"
            disk.active, disk.other = digest, disk.active or disk.other
        return event.Switched(attempt, disk.active, disk.other)

    # --- what may be asked of it -------------------------------------------------------------------------------------

    def ends(self, execution: int) -> list[ExecutionState]:
        return [state for number, state, _ in self.disk.outbox.values() if number == execution and not is_live(state)]

    def settle(self, inferences: int = 100) -> None:
        """Let everything that is under way come to its end without trouble."""
        for _ in range(60):
            while self.queue:
                self.step()
            if self.machine.snapshot.stage is Stage.IDLE:
                return
            if self.trial == self.machine.snapshot.attempt:
                self.tell(event.TrialFigures(self.trial, inferences, 0))
            self.now += 6
            self.tell(event.Ticked())
        raise AssertionError(f"still {self.machine.snapshot.stage} after a long time")
