"""What every group says to a version that is dragged over it. Worked out on a worker before the pointer gets there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgeyard.commands.workspace import Workspace
from edgeyard.desktop.drag import DropAnswer
from edgeyard.domain.device import Device, DeviceStatus, device_status
from edgeyard.domain.error import UserError
from edgeyard.domain.filter import parse_filter
from edgeyard.domain.model import ModelVersion
from edgeyard.domain.plan import plan_rollout
from edgeyard.store import assignment, group, model, rollout
from edgeyard.store.device import list_devices
from edgeyard.store.group import Group
from edgeyard.store.model import ModelSummary


@dataclass(frozen=True, slots=True)
class _Known:
    failed: Mapping[str, frozenset[str]]
    busy: Mapping[str, str]
    counters: Mapping[str, int]


def answer_groups(workspace: Workspace, version_id: int) -> dict[int, DropAnswer]:
    """The answer of every group, by its id. Reads only; for a worker thread. Raises `UserError`."""
    now = workspace.clock()
    with workspace.database.read() as connection:
        version = model.get_version(connection, version_id)
        groups = group.list_groups(connection)
        devices = [device for device in list_devices(connection) if device.revoked_at is None]
        failed = assignment.failed_digests_by_device(connection)
        busy = rollout.busy_devices(connection)
        models = model.list_models(connection)
    if version is None:
        raise UserError("This version is not in the site any more.", "Choose another one.")
    known = _Known(failed, busy, release_counters(models, version.model))
    statuses = [device_status(device, now) for device in devices]
    return {found.id: _answer(version, found, _members(found, devices, statuses, now), now, known) for found in groups}


def release_counters(models: Sequence[ModelSummary], name: str) -> dict[str, int]:
    """Release counters of the model by the digests of its variants: a device refuses a release older than its own."""
    versions = [version for found in models if found.name == name for version in found.versions]
    return {variant.digest: version.release_counter for version in versions for variant in version.variants}


def check_drop(
    version: ModelVersion,
    devices: Sequence[Device],
    now: float,
    failed: Mapping[str, frozenset[str]],
    busy: Mapping[str, str],
    counters: Mapping[str, int],
) -> DropAnswer:
    """Whether these devices can take the version: `12 of 15 · 3 excluded`, or the sentence that refuses. Pure."""
    if not version.variants:
        return DropAnswer(accepts=False, words=f"{version.label} has no variants yet. Optimize it first.")
    plan = plan_rollout(version, devices, now, failed, busy, counters)
    if plan.refusal:
        return DropAnswer(accepts=False, words=plan.refusal)
    return DropAnswer(accepts=True, words=plan.summary)


def _answer(
    version: ModelVersion,
    found: Group,
    devices: Sequence[Device] | UserError,
    now: float,
    known: _Known,
) -> DropAnswer:
    if isinstance(devices, UserError):
        return DropAnswer(accepts=False, words=f"The filter of {found.name} cannot be read. {devices.what}")
    return check_drop(version, devices, now, known.failed, known.busy, known.counters)


def _members(
    found: Group, devices: Sequence[Device], statuses: Sequence[DeviceStatus], now: float
) -> list[Device] | UserError:
    if found.kind == "static":
        members = set(found.members)
        return [device for device in devices if device.id in members]
    try:
        chosen = parse_filter(found.filter_text)
    except UserError as error:
        return error
    return [d for d, status in zip(devices, statuses, strict=True) if chosen.matches(d, status, now)]
