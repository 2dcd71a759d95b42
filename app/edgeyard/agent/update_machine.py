"""The update path as a state machine without input or output: events in, commands out, one snapshot to persist.

idle → downloading → verified → self testing → switching → trial → idle again (committed), or an end on the way:
`rejected` (verification refused it), `failed` (the device could not do it), `rolled_back` (it was measured and is bad).

Rules:
1. What runs is touched only by `Switch`, and never before a self-test of the staged model was passed.
2. The slot that runs is not written; so until the trial has ended the way back needs nothing but a switch.
3. A newer word drops what was not switched yet. During a trial it waits, unless it asks for the way back.
4. Each attempt that is not dropped reports exactly one end, and an ended attempt does not begin again.
5. After a restart the machine goes on from its snapshot; too many restarts in one self-test or trial count against
   the model, since it may be what takes the machine down.
"""

from __future__ import annotations

from dataclasses import replace

from edgeyard.agent import update_event as event
from edgeyard.agent.update_event import Answer, Command, Event
from edgeyard.agent.update_memory import UpdateMemory
from edgeyard.agent.update_path import UpdatePath
from edgeyard.agent.update_state import BEFORE_SWITCH, SlotFacts, Snapshot, Stage, Target
from edgeyard.domain.execution import ExecutionState

DOWNLOAD_DEADLINE_S = 3600.0


class UpdateMachine:
    """Holds a snapshot and the facts of the slots; `now` is any clock that does not jump, in seconds."""

    def __init__(self, snapshot: Snapshot, slots: SlotFacts, download_deadline_s: float = DOWNLOAD_DEADLINE_S) -> None:
        self._memory = UpdateMemory(snapshot)
        self._path = UpdatePath(self._memory, slots, download_deadline_s)

    @property
    def snapshot(self) -> Snapshot:
        """What is to be persisted now."""
        return self._memory.snapshot

    @property
    def slots(self) -> SlotFacts:
        """What the slots hold, as far as the machine was told."""
        return self._path.slots

    def resume(self, now: float) -> list[Command]:
        """Go on after a start; the first call on a machine."""
        self._memory.since = now
        self._memory.note_lost(self.slots.lost)
        target = self.snapshot.target
        commands = self._resume(target, now) if target else []
        return commands + self._next(now)

    def handle(self, happened: Event, now: float) -> list[Command]:
        """Take one event; persist `snapshot` before carrying out what is returned."""
        return self._take(happened, now) + self._next(now)

    def _resume(self, target: Target, now: float) -> list[Command]:
        snapshot, path = self.snapshot, self._path
        match snapshot.stage:
            case Stage.VERIFIED:
                return [event.StageModel(snapshot.attempt, target)]
            case Stage.SELF_TESTING:
                return path.self_test_again(target, now)
            case Stage.SWITCHING if self.slots.active == target.digest:
                return path.switched(target, now)
            case Stage.SWITCHING if self.slots.other == target.digest:
                return [event.Switch(snapshot.attempt, target.digest)]
            case Stage.TRIAL:
                return path.trial_again(target, now)
            case Stage.GOING_BACK:
                return path.switched(target, now) if self.slots.active == snapshot.back_to else [path.switch_back()]
            case _:
                return path.fetch(target, now)

    def _next(self, now: float) -> list[Command]:
        """Once an attempt has ended, the word that waited for it."""
        queued = self.snapshot.queued
        if queued is None or self.snapshot.stage is not Stage.IDLE:
            return []
        self._memory.change(queued=None)
        return self._offered(queued, now)

    def _take(self, happened: Event, now: float) -> list[Command]:
        snapshot = self.snapshot
        match happened:
            case event.Offered(target):
                return self._offered(target, now)
            case event.Refused(target, reason):
                return self._refused(target, reason, now)
            case event.Reported(number):
                self._memory.change(reports=tuple(report for report in snapshot.reports if report.number > number))
                return []
            case event.Ticked():
                return self._path.ticked(snapshot.target, now) if snapshot.target else []
            case event.Staged(_, digest):
                self._path.slots = replace(self.slots, other=digest)
            case event.Switched(_, active, other):
                self._path.slots = replace(self.slots, active=active, other=other)
        if snapshot.target is None or happened.attempt != snapshot.attempt:
            return []
        return self._answered(happened, snapshot.target, now)

    def _answered(self, happened: Answer, target: Target, now: float) -> list[Command]:
        path = self._path
        match happened, self.snapshot.stage:
            case event.DownloadWaiting(_, reason), _:
                path.waiting_for = reason
            case event.Downloaded(_, count), Stage.DOWNLOADING:
                return path.downloaded(target, count, now)
            case event.Staged(), Stage.VERIFIED:
                return path.staged(target, now)
            case event.SelfTested(_, evidence), Stage.SELF_TESTING:
                return path.self_tested(target, evidence, now)
            case event.Switched(), _:
                return path.switched(target, now)
            case event.Failed(), _:
                return path.failed(happened, target, now)
            case event.TrialFigures(), Stage.TRIAL:
                path.trial = happened
            case event.TrialBroke(_, reason, crashed), Stage.TRIAL:
                return path.broke(reason, crashed, now)
        return []

    def _offered(self, target: Target | None, now: float) -> list[Command]:
        snapshot = self.snapshot
        if target is None:
            self._memory.change(queued=None)
            return self._drop(now) if snapshot.stage in BEFORE_SWITCH else []
        if snapshot.target and target.repeats(snapshot.target):
            self._memory.change(queued=None)
            return []
        if snapshot.stage is Stage.IDLE:
            return [] if self._memory.is_finished(target, self.slots, now) else self._path.begin(target, now)
        if snapshot.stage in BEFORE_SWITCH:
            return self._drop(now) + self._offered(target, now)
        self._memory.change(queued=target)
        if snapshot.stage is Stage.TRIAL and target.digest == snapshot.back_to:
            self._memory.change(dropped=True)
            return self._path.go_back("The hub asked for the previous model.", now)
        return []

    def _refused(self, target: Target, reason: str, now: float) -> list[Command]:
        known = self.snapshot.target
        if known and (target.repeats(known) or self.snapshot.stage not in BEFORE_SWITCH):
            return []
        dropped = self._drop(now) if known else []
        if self._memory.is_finished(target, self.slots, now):
            return dropped
        self._memory.begin(target, self.slots.active, now)
        return dropped + self._path.end(ExecutionState.REJECTED, reason, now)

    def _drop(self, now: float) -> list[Command]:
        attempt = self.snapshot.attempt
        self._memory.enter(Stage.IDLE, now, target=None)
        return [event.Abandon(attempt)]
