"""Carry out what the pure controller decided, all of one decision in the caller's transaction."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from edgeyard.domain.execution import ExecutionState
from edgeyard.domain.rollout import Rollout
from edgeyard.domain.step import AddExecution, Assign, SetExecution, SetRollout, SetWave, Step
from edgeyard.hub.release_desk import TargetIndex
from edgeyard.store.assignment import assign
from edgeyard.store.database import Connection
from edgeyard.store.rollout import add_execution, set_execution_state, set_rollout_state, set_wave_state

NOT_RELEASED = "The site's release repository does not name this model file; it has to be released first."
_log = logging.getLogger(__name__)


def apply_steps(
    connection: Connection, rollout: Rollout, steps: Sequence[Step], targets: TargetIndex, now: float
) -> None:
    """Write the steps of one decision about `rollout`."""
    for step in steps:
        _log.info("Rollout %d: %s", rollout.id, step)
        match step:
            case SetRollout():
                set_rollout_state(connection, rollout.id, step.state, step.reason, now)
            case SetWave():
                set_wave_state(connection, rollout.id, step.index, step.state, step.reason, step.findings, now)
            case SetExecution():
                set_execution_state(connection, step.execution_id, step.state, step.reason, None, now)
            case AddExecution():
                add_execution(connection, rollout.id, step.wave, step.device_id, step.digest, step.previous_digest, now)
            case Assign():
                _assign(connection, rollout, step, targets, now)


def _assign(connection: Connection, rollout: Rollout, step: Assign, targets: TargetIndex, now: float) -> None:
    target_path = targets.path_of(step.digest, f"{rollout.model}/{rollout.version}/") if step.digest else ""
    if target_path is None:
        # Nothing unsigned ever goes out: an execution ends here, a mere restatement becomes "keep what you run".
        if step.execution_id is not None:
            set_execution_state(connection, step.execution_id, ExecutionState.REJECTED, NOT_RELEASED, None, now)
            return
        target_path = ""
    assign(
        connection,
        step.device_id,
        step.execution_id,
        step.digest if target_path else "",
        target_path,
        step.undo,
        rollout.policy.gate,
        now,
    )
    if step.execution_id is not None:
        set_execution_state(connection, step.execution_id, ExecutionState.NOTIFIED, "", None, now)
