"""The whole memory of the update path: one snapshot, persisted as a whole.

It is written durably after every event and before the commands which that event gave, so a process that is killed
anywhere finds on restart either the old word or the new one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from msgspec import Struct

from edgeyard.domain.execution import ExecutionState, TrialEvidence
from edgeyard.domain.gate import GatePolicy
from edgeyard.wire.message import Digest, Natural, ReleaseCustom


class Stage(StrEnum):
    """Where the device stands with the assignment at hand."""

    IDLE = "idle"
    DOWNLOADING = "downloading"
    VERIFIED = "verified"
    SELF_TESTING = "self_testing"
    SWITCHING = "switching"
    TRIAL = "trial"
    GOING_BACK = "going_back"


BEFORE_SWITCH = (Stage.DOWNLOADING, Stage.VERIFIED, Stage.SELF_TESTING)
"""Stages that can simply be dropped: nothing of what runs has been touched."""


class Target(Struct, frozen=True):
    """A verified assignment, as far as the device needs it to finish without the hub."""

    execution: Natural
    """0: make it run, there is no execution to report."""
    director_version: Natural
    path: str
    """TUF target path, `model/version/variant.onnx`."""
    digest: Digest
    size_bytes: Natural
    undo: bool
    release: ReleaseCustom
    gate: GatePolicy
    golden_digest: Digest = ""
    golden_size_bytes: Natural = 0
    silent: bool = False
    """A repair: the hub knows the outcome of this execution already, so nothing is reported again."""

    @property
    def key(self) -> tuple[int, str]:
        """What makes two offers the same attempt."""
        return self.execution, self.digest

    def repeats(self, known: Target) -> bool:
        """Whether this is no news beside `known`: a restated word, without an execution, for the same bytes is none."""
        return self.key == known.key or (not self.execution and self.digest == known.digest)


class PendingReport(Struct, frozen=True):
    """A report that is not yet in the outbox. `number` is unique within the snapshot's `epoch`."""

    number: Natural
    execution: Natural
    state: ExecutionState
    reason: str = ""
    evidence: TrialEvidence | None = None
    downloaded_bytes: Natural = 0


class Snapshot(Struct, frozen=True):
    """All that the update machine remembers."""

    epoch: str
    """Random name of this memory; with a report's number it names the report for ever."""
    stage: Stage = Stage.IDLE
    attempt: Natural = 0
    target: Target | None = None
    back_to: Digest = ""
    """What ran when the attempt began; empty where nothing did."""
    queued: Target | None = None
    """A newer word that waits until the trial at hand has ended."""
    evidence: TrialEvidence | None = None
    downloads: Natural = 0
    self_tests: Natural = 0
    trials: Natural = 0
    downloaded_bytes: Natural = 0
    reason: str = ""
    """Why the device is going back."""
    dropped: bool = False
    """Going back because the hub asked for it: it has ended the execution itself and wants no report."""
    finished: Target | None = None
    finished_state: ExecutionState | None = None
    ended: tuple[Natural, ...] = ()
    """The executions whose end was reported lately; offered again, they are carried out in silence."""
    reports: tuple[PendingReport, ...] = ()
    report_number: Natural = 0
    counters: dict[str, int] = {}
    """Highest release counter that was committed, per model."""


@dataclass(frozen=True, slots=True)
class SlotFacts:
    """What the slots hold, each verified by digest; empty where there is nothing."""

    active: str = ""
    other: str = ""
    lost: tuple[str, ...] = ()
    """Digests whose slot turned out to be damaged at this start."""
