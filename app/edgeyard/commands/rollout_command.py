"""Rolling a version out: the plan shown before, the start, and a person's acts afterwards. Every act is a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgeyard.commands.workspace import Workspace
from edgeyard.domain.controller import allowed_acts, undo_refusal
from edgeyard.domain.error import UserError
from edgeyard.domain.forecast import WaveForecast, forecast_waves
from edgeyard.domain.plan import RolloutPlan, plan_rollout
from edgeyard.domain.quantity import count
from edgeyard.domain.rollout import RolloutAct, RolloutPolicy
from edgeyard.domain.wave import plan_waves
from edgeyard.store import assignment, group, journal, model, rollout
from edgeyard.store.database import Connection


@dataclass(frozen=True, slots=True)
class PreparedRollout:
    """Everything an operator sees before the start. `waves` are device ids in order."""

    plan: RolloutPlan
    group: str
    policy: RolloutPolicy
    waves: tuple[tuple[str, ...], ...]
    forecast: tuple[WaveForecast, ...]


def prepare_rollout(
    workspace: Workspace, version_id: int, group_name: str, policy: RolloutPolicy | None = None
) -> PreparedRollout:
    """Plan a version for a group; reads only. Raises `UserError` when version or group does not exist."""
    policy = policy or RolloutPolicy()
    now = workspace.clock()
    with workspace.database.read() as connection:
        version = model.get_version(connection, version_id)
        found = next((g for g in group.list_groups(connection) if g.name == group_name), None)
        if version is None or found is None:
            missing = "version" if version is None else f"group “{group_name}”"
            raise UserError(f"The {missing} does not exist any more.", "Choose another one.")
        devices = group.group_devices(connection, found, now)
        failed = assignment.failed_digests_by_device(connection)
        busy = rollout.busy_devices(connection)
        counters = _release_counters(connection, version.model)
    plan = plan_rollout(version, devices, now, failed, busy, counters)
    waves = plan_waves([d.device_id for d in plan.devices], policy.wave_percents, f"{version.label} {group_name}")
    sizes = {d.device_id: d.bytes for d in plan.devices}
    forecast = forecast_waves([[sizes[device] for device in wave] for wave in waves], policy)
    return PreparedRollout(plan, group_name, policy, tuple(map(tuple, waves)), forecast)


def start_rollout(workspace: Workspace, prepared: PreparedRollout) -> int:
    """Write the rollout; the hub takes it from there. Returns its id. Raises `UserError` when it may not start."""
    plan = prepared.plan
    if plan.refusal:
        raise UserError(plan.refusal, "Choose another group or version.")
    now = workspace.clock()
    by_id = {device.device_id: device for device in plan.devices}
    draft = rollout.NewRollout(
        model=plan.version.model,
        version_id=plan.version.id,
        group=prepared.group,
        policy=prepared.policy,
        created_by=workspace.operator_name,
        waves=[
            [rollout.ExecutionPlan(d, by_id[d].digest, by_id[d].previous_digest) for d in wave]
            for wave in prepared.waves
        ],
        excluded=[(exclusion.device_id, exclusion.reason) for exclusion in plan.excluded],
        bytes_planned=plan.bytes,
    )
    with workspace.database.write() as connection:
        version = model.get_version(connection, plan.version.id)
        if version is None or version.stage != "released":
            raise UserError(f"{plan.version.label} is not signed.", "Sign it first; devices refuse what is not signed.")
        _refuse_busy(rollout.busy_devices(connection), list(by_id))
        rollout_id = rollout.create_rollout(connection, draft, now)
        extent = f"{count(len(by_id), 'device')} in {count(len(prepared.waves), 'wave')}"
        text = f"{plan.version.label} to {prepared.group}: {extent}."
        journal.note(connection, workspace.operator_name, "rollout started", f"rollout {rollout_id}", text, now)
    return rollout_id


def request_act(workspace: Workspace, rollout_id: int, act: RolloutAct) -> None:
    """Ask the hub to pause, resume, abort or undo. Raises `UserError` when the rollout's state does not allow it."""
    now = workspace.clock()
    with workspace.database.write() as connection:
        found = rollout.get_rollout(connection, rollout_id)
        if act not in allowed_acts(found.state):
            raise UserError(
                f"Rollout {rollout_id} is {found.state.value}, which does not allow “{act.value}”.",
                "Look at its page for what it is doing.",
            )
        if act is RolloutAct.UNDO:
            refusal = undo_refusal(found)
            if refusal:
                raise UserError(refusal, "To change what its devices run, roll out another version.")
        rollout.add_command(connection, rollout_id, act, workspace.operator_name, now)
        subject = f"rollout {rollout_id}"
        journal.note(connection, workspace.operator_name, act.value, subject, f"{act.value} of {found.model}", now)


def _release_counters(connection: Connection, name: str) -> dict[str, int]:
    """The release counter of each signed variant of a model, by digest."""
    summaries = [summary for summary in model.list_models(connection) if summary.name == name]
    versions = [version for summary in summaries for version in summary.versions]
    return {variant.digest: version.release_counter for version in versions for variant in version.variants}


def _refuse_busy(busy: dict[str, str], device_ids: Sequence[str]) -> None:
    """Another desktop may have started a rollout since the plan was made."""
    taken = [device for device in device_ids if device in busy]
    if taken:
        raise UserError(
            f"{count(len(taken), 'device is', 'devices are')} by now part of {busy[taken[0]]}.",
            "Wait for its end, or plan again without them.",
        )
