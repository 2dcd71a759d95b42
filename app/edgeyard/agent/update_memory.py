"""The changes that a snapshot of the update path can take, each one whole: what the machine remembers and reports."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace as changed

from edgeyard.agent.update_event import Note
from edgeyard.agent.update_state import PendingReport, SlotFacts, Snapshot, Stage, Target
from edgeyard.domain.execution import ExecutionState, TrialEvidence

RETRY_AFTER_S = 600.0
"""A word without an execution that could not be carried out is tried again after this."""

_ENDED_KEPT = 64
"""How many ended executions are remembered; a hub offers an old one again only for moments."""


class UpdateMemory:
    """A snapshot, the time since which its stage holds, and the reports that are due."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.since = 0.0
        self._retry_at = 0.0

    def change(self, **values: Any) -> None:
        """Replace fields of the snapshot."""
        self.snapshot = changed(self.snapshot, **values)

    def enter(self, stage: Stage, now: float, **values: Any) -> None:
        """Go over to a stage; its clock begins anew."""
        self.since = now
        self.change(stage=stage, **values)

    def begin(self, target: Target, active: str, now: float) -> None:
        """Begin an attempt at `target`, from which the way back leads to `active`."""
        finished = self.snapshot.finished
        if finished and finished.silent and finished.key == target.key:
            target = changed(target, silent=True)
        self.enter(
            Stage.DOWNLOADING, now, target=target, attempt=self.snapshot.attempt + 1, back_to=active, queued=None,
            evidence=None, downloads=1, self_tests=0, trials=0, downloaded_bytes=0, reason="", dropped=False,
        )  # fmt: skip

    def report(self, reached: ExecutionState, reason: str = "", evidence: TrialEvidence | None = None) -> None:
        """Owe the hub a report on the execution at hand."""
        snapshot, target = self.snapshot, self.snapshot.target
        if target is None or not target.execution or target.silent:
            return
        if target.execution in snapshot.ended:
            return
        number = snapshot.report_number + 1
        report = PendingReport(number, target.execution, reached, reason, evidence, snapshot.downloaded_bytes)
        self.change(reports=(*snapshot.reports, report), report_number=number)

    def finish(self, end: ExecutionState, reason: str, evidence: TrialEvidence | None, now: float) -> Note | None:
        """End the attempt at hand: one report, or a note where no execution is to be reported."""
        snapshot, target = self.snapshot, self.snapshot.target
        if target is None:
            return None
        note = None
        if not snapshot.dropped:
            self.report(end, reason, evidence)
            if not target.execution or target.silent:
                severity = "info" if end is ExecutionState.SUCCEEDED else "attention"
                note = Note(severity, f"update-{end}", f"{target.path}: {reason or 'it runs.'}")
        counters = dict(snapshot.counters)
        if end is ExecutionState.SUCCEEDED:
            model = target.release.model
            counters[model] = max(counters.get(model, 0), target.release.counter)
        ended = snapshot.ended
        if target.execution and target.execution not in ended:
            ended = (*ended, target.execution)[-_ENDED_KEPT:]
        self._retry_at = now + RETRY_AFTER_S
        self.enter(
            Stage.IDLE, now, target=None, evidence=None, dropped=False, counters=counters, ended=ended,
            finished=changed(target, silent=False), finished_state=end,
        )  # fmt: skip
        return note

    def is_finished(self, target: Target, slots: SlotFacts, now: float) -> bool:
        """Whether this attempt had its end already."""
        finished = self.snapshot.finished
        if finished is None or finished.key != target.key:
            return False
        if finished.silent:
            return slots.active == target.digest
        again = not target.execution and self.snapshot.finished_state is ExecutionState.FAILED
        return not (again and now >= self._retry_at)

    def note_lost(self, lost: tuple[str, ...]) -> None:
        """Forget that the model of a damaged slot was done, so that the next offer repairs it, silently."""
        finished = self.snapshot.finished
        if finished and finished.digest in lost and self.snapshot.finished_state is ExecutionState.SUCCEEDED:
            self.change(finished=changed(finished, silent=True))
