"""Write a planned rollout: the rollout, its waves, an execution for every device, and who is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from edgeyard.domain.error import UserError
from edgeyard.domain.execution import ExecutionState
from edgeyard.domain.rollout import RolloutPolicy, RolloutState, WaveState
from edgeyard.store.bound import bound, bound_name
from edgeyard.store.change import touch
from edgeyard.store.json_text import to_text
from edgeyard.store.raw import fetch_one, insert_many, insert_row
from edgeyard.store.rollout_event import add_rollout_event


@dataclass(frozen=True, slots=True)
class ExecutionPlan:
    """What one device is to get, and what it runs now (empty: nothing)."""

    device_id: str
    digest: str
    previous_digest: str


@dataclass(frozen=True, slots=True)
class NewRollout:
    """A rollout as planned. `waves` are in order; `excluded` pairs devices of the group with the reason."""

    model: str
    version_id: int
    group: str
    policy: RolloutPolicy
    created_by: str
    waves: Sequence[Sequence[ExecutionPlan]]
    excluded: Sequence[tuple[str, str]] = ()
    bytes_planned: int = 0
    state: RolloutState = RolloutState.SCHEDULED


def create_rollout(c: Connection, draft: NewRollout, now: float) -> int:
    """Write the rollout and return its id. Executions of all waves are queued at once.

    Raises `UserError` for a version that is not there, or a draft without devices.
    """
    version = fetch_one(c, "SELECT version FROM model_version WHERE id = ?", (draft.version_id,))
    if version is None:
        raise UserError(f"This version of {draft.model} is not in the site any more.", "Choose another version.")
    if not any(draft.waves):
        raise UserError("No device would take part in this rollout.", "Choose another group, or see who is excluded.")
    values = {
        "model": draft.model,
        "version": version[0],
        "version_id": draft.version_id,
        "group_name": bound_name(draft.group),
        "state": draft.state.value,
        "state_since": now,
        "policy": to_text(draft.policy),
        "created_at": now,
        "created_by": bound_name(draft.created_by),
        "reason": "",
        "bytes_planned": draft.bytes_planned,
    }
    rollout_id = insert_row(c, "rollout", values)
    _insert_waves(c, rollout_id, draft, now)
    rows = [(rollout_id, device_id, bound(reason)) for device_id, reason in draft.excluded]
    insert_many(c, "rollout_exclusion", ("rollout_id", "device_id", "reason"), rows)
    add_rollout_event(c, rollout_id, "rollout", draft.state.value, f"Created by {values['created_by']}.", now)
    touch(c, "rollouts", now)
    return rollout_id


def _insert_waves(c: Connection, rollout_id: int, draft: NewRollout, now: float) -> None:
    waves = list(enumerate(draft.waves))
    insert_many(
        c,
        "wave",
        ("rollout_id", "wave_index", "state", "state_since", "devices", "findings", "reason"),
        [(rollout_id, index, WaveState.PENDING.value, now, len(plans), "[]", "") for index, plans in waves],
    )
    queued = ExecutionState.QUEUED.value
    insert_many(
        c,
        "execution",
        (
            *("rollout_id", "wave", "device_id", "attempt", "digest", "previous_digest", "state", "state_since"),
            *("reason", "undo", "downloaded_bytes"),
        ),
        [
            (rollout_id, index, plan.device_id, 1, plan.digest, plan.previous_digest, queued, now, "", False, 0)
            for index, plans in waves
            for plan in plans
        ],
    )
