"""The loop that brings what devices run towards what people want: over and over, from the database alone.

Level-triggered: each pass looks at what is, decides with the pure controller, and writes the decision in one
transaction. Nothing is remembered between passes but the pace, so a hub that is killed anywhere goes on where it was.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from edgeyard.domain.controller import allowed_acts, next_steps
from edgeyard.domain.error import UserError
from edgeyard.domain.rollout import RolloutAct
from edgeyard.hub.apply_step import apply_steps
from edgeyard.hub.director_desk import DirectorDesk
from edgeyard.hub.lease_guard import LeaseGuard, LeaseLostError
from edgeyard.hub.release_desk import ReleaseDesk
from edgeyard.hub.status_board import StatusBoard
from edgeyard.store.assignment import assigned_digests
from edgeyard.store.database import Connection, Database
from edgeyard.store.rollout import RolloutCommand, close_command, get_rollout, live_rollouts, open_commands

TICK_S = 1.0
_SHARE_OF_TIME = 0.05
_LONGEST_TICK_S = 3.0
_MAX_DECISIONS = 50
"""A controller that still wants something after so many decisions has a mistake; the next tick goes on."""
_log = logging.getLogger(__name__)


class Reconciler:
    """The reconciler thread of an active hub."""

    def __init__(
        self,
        database: Database,
        lease: LeaseGuard,
        releases: ReleaseDesk,
        directors: DirectorDesk,
        board: StatusBoard,
        clock: Callable[[], float],
        every_tick: Callable[[], None],
        woken: threading.Event,
    ) -> None:
        """`every_tick` is called once a tick for the hub's other level-triggered work; `woken` ends a tick early."""
        self._database = database
        self._lease = lease
        self._releases = releases
        self._directors = directors
        self._board = board
        self._clock = clock
        self._every_tick = every_tick
        self._woken = woken
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="reconciler", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the pass in hand."""
        self._stopping = True
        self._woken.set()
        self._thread.join()

    def pass_once(self) -> None:
        """One pass over everything."""
        commands = self._open_commands()
        with self._database.read() as connection:
            rollouts = live_rollouts(connection)
        for rollout_id in rollouts:
            self._settle(rollout_id, [command for command in commands if command.rollout_id == rollout_id])
        self._directors.publish_assignments()
        self._every_tick()

    def _run(self) -> None:
        while not self._stopping:
            self._woken.clear()
            begun = time.monotonic()
            try:
                self.pass_once()
                self._board.set("hub", "ok", "Running.")
            except LeaseLostError:
                _log.warning("No rollout is moved: the hub's lease is not surely held")
            except UserError as error:
                self._board.set("hub", "warning", error.what, error.todo)
            except Exception:
                # This thread must outlive any mistake, or rollouts would stand still behind a hub that says it is well.
                _log.exception("A pass of the reconciler failed")
                self._board.set(
                    "hub", "down", "The hub made a mistake; rollouts stand still.", "See the hub's log, and report it."
                )
            # A large fleet makes a pass long: it may take a twentieth of the time, and events wake it anyway.
            took_s = time.monotonic() - begun
            self._woken.wait(min(_LONGEST_TICK_S, max(TICK_S, took_s / _SHARE_OF_TIME)))

    def _open_commands(self) -> list[RolloutCommand]:
        with self._database.read() as connection:
            return open_commands(connection)

    def _settle(self, rollout_id: int, commands: list[RolloutCommand]) -> None:
        """Decide and write until the controller wants nothing more of this rollout now."""
        waiting = list(commands)
        for _ in range(_MAX_DECISIONS):
            with self._database.read() as connection:
                idle = not waiting and not self._steps(connection, rollout_id, ())
            # Reading first keeps a quiet rollout from taking the database's write lock every second.
            if idle:
                return
            with self._lease.write() as connection:
                self._decide(connection, rollout_id, waiting.pop(0) if waiting else None)
        _log.error("Rollout %d did not settle within %d decisions", rollout_id, _MAX_DECISIONS)

    def _decide(self, connection: Connection, rollout_id: int, command: RolloutCommand | None) -> None:
        now = self._clock()
        rollout = get_rollout(connection, rollout_id)
        acts: tuple[RolloutAct, ...] = ()
        if command is not None:
            allowed = command.act in allowed_acts(rollout.state)
            outcome = "Done." if allowed else f"Not possible: the rollout is {rollout.state.value.replace('_', ' ')}."
            if not close_command(connection, command.id, outcome, now) or not allowed:
                return
            acts = (command.act,)
        steps = next_steps(rollout, acts, now, assigned_digests(connection))
        apply_steps(connection, rollout, steps, self._releases.targets(), now)

    def _steps(self, connection: Connection, rollout_id: int, acts: tuple[RolloutAct, ...]) -> bool:
        rollout = get_rollout(connection, rollout_id)
        return bool(next_steps(rollout, acts, self._clock(), assigned_digests(connection)))
