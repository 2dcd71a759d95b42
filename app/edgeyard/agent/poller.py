"""Asks the hub what this device should run, and believes only what both repositories signed."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from edgeyard.agent.event_loop import EventLoop, Timer
from edgeyard.agent.hub_access import HubAccess
from edgeyard.agent.update_state import Target
from edgeyard.agent.updater import Updater
from edgeyard.agent.worker import Worker
from edgeyard.domain.error import UserError
from edgeyard.domain.gate import GatePolicy
from edgeyard.trust.refusal import RefusedError
from edgeyard.trust.time_floor import TimeFloor
from edgeyard.trust.verification import AssignedTarget, Assignment, TrustedStore, check_assignment
from edgeyard.wire.message import ReleaseCustom

JITTER = 0.2
HINT_DELAY_S = 0.5
"""A hint reaches a whole group at once; each device waits up to this long before it asks."""
REFUSALS_BEFORE_ALARM = 3
"""A repository that is read while it changes may look wrong once; an attack, or a mistake, stays."""
ASK_AGAIN_S = 3.0
"""After a refusal that may be such an accident."""


class Poller:
    """One refresh at a time, in a thread of its own."""

    def __init__(
        self,
        loop: EventLoop,
        store: TrustedStore,
        hub: HubAccess,
        floor: TimeFloor,
        updater: Updater,
        *,
        hardware_profile: str,
        period_s: float,
        clock: Callable[[], float],
        note: Callable[[str, str, str], None],
    ) -> None:
        self._loop = loop
        self._store = store
        self._hub = hub
        self._floor = floor
        self._updater = updater
        self._hardware_profile = hardware_profile
        self._period_s = period_s
        self._clock = clock
        self._note = note
        self._worker = Worker(loop, "poll")
        self._timer: Timer | None = None
        self._busy = False
        self._again = False
        self._known_version = 0
        self._refusals = 0
        self.problem = ""
        """Why nothing new is believed, or that the hub is away."""

    def start(self) -> None:
        """Ask for the first time, soon."""
        self._schedule(random.uniform(0.0, HINT_DELAY_S))

    def stop(self) -> None:
        """End the thread; a request under way is left to its own timeout."""
        self._worker.stop(1.0)

    def hinted(self, director_version: int) -> None:
        """The hub says that a version of the director's metadata is out."""
        if director_version > self._known_version:
            self._schedule(random.uniform(0.0, HINT_DELAY_S))

    def _schedule(self, delay_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(delay_s, self._poll)

    def _poll(self) -> None:
        if self._busy:
            self._again = True
            return
        self._busy = True
        self._worker.submit(self._refresh, self._agreed, self._failed)

    def _refresh(self) -> Assignment | None:
        """In the worker's thread."""
        now = self._floor.effective(self._clock())
        try:
            return self._store.refresh(self._hub.fetch_metadata, datetime.fromtimestamp(now, UTC))
        finally:
            self._floor.raise_to(self._store.signed_at)

    def _agreed(self, assignment: Assignment | None) -> None:
        self._known_version = self._store.director_version
        self._refusals, self.problem = 0, ""
        self._done()
        if assignment is None:
            self._updater.offer(None)
            return
        try:
            target = target_of(assignment)
            check_assignment(assignment, self._hardware_profile, self._updater.counters())
        except RefusedError as error:
            self.problem = str(error)
            self._updater.refuse(_named(assignment), str(error))
            return
        self._updater.offer(target)

    def _failed(self, error: Exception) -> None:
        self._done(ASK_AGAIN_S if isinstance(error, RefusedError) and self._refusals < REFUSALS_BEFORE_ALARM else None)
        if isinstance(error, RefusedError):
            self._refused(error)
        elif isinstance(error, UserError):
            self.problem = error.what
        elif isinstance(error, OSError):
            self.problem = f"The device cannot keep what its hub signs ({error.strerror}). Free some space on its disk."
        else:
            raise error

    def _refused(self, error: RefusedError) -> None:
        self._refusals += 1
        if self._refusals < REFUSALS_BEFORE_ALARM:
            return
        if self._refusals == REFUSALS_BEFORE_ALARM or self.problem != str(error):
            self._note("alarm", f"refused-{error.attack.replace(' ', '-')}", str(error))
        self.problem = str(error)
        assigned = self._store.assigned
        # What is too old to be believed may be signed anew; anything else about this assignment stays wrong.
        if assigned is not None and assigned.execution and error.attack != "freeze":
            self._updater.refuse(_unknown(assigned, self._store.director_version), str(error))

    def _done(self, soon_s: float | None = None) -> None:
        self._busy = False
        delay_s = min(self._period_s, soon_s or self._period_s) * random.uniform(1 - JITTER, 1 + JITTER)
        self._schedule(0.0 if self._again else delay_s)
        self._again = False


def target_of(assignment: Assignment) -> Target:
    """The assignment as the update path remembers it; raises `RefusedError` for a policy that cannot be read."""
    target = _named(assignment)
    try:
        gate = msgspec.convert(assignment.director.gate, GatePolicy)
    except msgspec.ValidationError as error:
        raise RefusedError(
            "arbitrary software", f"The gate of the assignment cannot be used: {error}.", "Check the hub's version."
        ) from error
    return msgspec.structs.replace(target, gate=gate)


def _unknown(assigned: AssignedTarget, director_version: int) -> Target:
    """What only the director names: enough to report on, never to be run."""
    blank = ReleaseCustom([], "", 0, "", "", 0, "", [], "", {}, {}, {}, {})
    return Target(
        assigned.execution,
        director_version,
        assigned.path,
        assigned.sha256,
        assigned.size_bytes,
        False,
        blank,
        GatePolicy(),
    )


def _named(assignment: Assignment) -> Target:
    golden = assignment.golden
    return Target(
        execution=assignment.director.execution,
        director_version=assignment.director_version,
        path=assignment.target_path,
        digest=assignment.sha256,
        size_bytes=assignment.size_bytes,
        undo=assignment.director.undo,
        release=assignment.release,
        gate=GatePolicy(),
        golden_digest=golden.sha256 if golden else "",
        golden_size_bytes=golden.size_bytes if golden else 0,
    )
