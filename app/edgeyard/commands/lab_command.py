"""Lab runs: have devices measure a version's variants for real, read what came of it, and demand it of releases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import msgspec

from edgeyard.commands.lab_evidence import ORIGINAL
from edgeyard.commands.model_command import artifact_folder
from edgeyard.commands.patience import patiently
from edgeyard.commands.release_signing import APPROVER_KEY, ensure_release_root
from edgeyard.commands.workspace import Workspace
from edgeyard.domain.device import Device
from edgeyard.domain.error import UserError
from edgeyard.domain.hardware import PROFILES
from edgeyard.domain.model import ModelVersion, Variant
from edgeyard.store import journal
from edgeyard.store.database import Connection
from edgeyard.store.device import get_device
from edgeyard.store.lab import (
    add_lab_run,
    cancel_lab_run,
    demand_lab,
    drop_lab_demand,
    next_serial,
)
from edgeyard.trust.artifact_file import artifact_path
from edgeyard.trust.key_vault import Unlock
from edgeyard.trust.lab_order import sign_lab_order
from edgeyard.wire.lab import LabFile, LabOrder
from edgeyard.wire.limit import MAX_LAB_CANDIDATES

LAB_LABEL = "lab"
"""Devices are lab devices by this label, whatever its value, and by having been started with --lab."""


@dataclass(frozen=True, slots=True)
class LabSettings:
    """How thoroughly to measure. `life_s`: an order that is not carried out by then expires."""

    repetitions: int = 7
    settle_s: float = 120.0
    life_s: float = 86_400.0


def start_lab_run(
    workspace: Workspace,
    version: ModelVersion,
    device_ids: Sequence[str],
    unlock: Unlock,
    *,
    variants: Sequence[str] = (),
    settings: LabSettings | None = None,
    on_text: Callable[[str], None] = lambda _: None,
) -> list[int]:
    """Sign and hand out one order for each device; returns the ids of the runs.

    `variants` are names, by default every variant whose data type the device's hardware runs. Raises `UserError` when
    a device is no lab device, or there is nothing to measure on it; then nothing was ordered.
    """
    settings = settings or LabSettings()
    with workspace.database.read() as connection:
        devices = [_lab_device(connection, device_id) for device_id in dict.fromkeys(device_ids)]
    if not devices:
        raise UserError("No device is named.", "Name lab devices with --device.")
    wanted = {device.id: _candidates(version, device, variants) for device in devices}
    ensure_release_root(workspace, unlock)
    signer = workspace.vault.signer(APPROVER_KEY, unlock)
    digests = {version.golden_digest, _original(version).digest}
    digests |= {variant.digest for found in wanted.values() for variant in found}
    patiently(lambda: _upload(workspace, sorted(digests), on_text))
    now = workspace.clock()
    runs = []
    with workspace.database.write() as connection:
        for device in devices:
            serial = next_serial(connection, device.id, now)
            order = _order(workspace, version, device, wanted[device.id], settings, serial, now + settings.life_s)
            signed = sign_lab_order(order, signer)
            runs.append(add_lab_run(connection, order, signed, version.id, workspace.operator_name, now))
            text = f"{len(order.candidates)} candidates of {version.label}"
            journal.note(connection, workspace.operator_name, "lab run ordered", f"device {device.id}", text, now)
    return runs


def cancel_run(workspace: Workspace, run_id: int) -> None:
    """Take an order back. A device that has begun finishes the candidate at hand. Raises `UserError`."""
    now = workspace.clock()
    with workspace.database.write() as connection:
        cancel_lab_run(connection, run_id, now)
        journal.note(connection, workspace.operator_name, "lab run cancelled", f"lab run {run_id}", "", now)


def demand_evidence(workspace: Workspace, model: str, hardware_profile: str, *, demanded: bool = True) -> None:
    """Say whether a release of `model` needs lab evidence for this hardware before it may be signed."""
    if hardware_profile not in PROFILES:
        raise UserError(f"There is no hardware profile {hardware_profile!r}.", f"Choose from {', '.join(PROFILES)}.")
    now = workspace.clock()
    with workspace.database.write() as connection:
        if demanded:
            demand_lab(connection, model, hardware_profile, workspace.operator_name, now)
        else:
            drop_lab_demand(connection, model, hardware_profile, now)
        action = "lab evidence demanded" if demanded else "lab evidence demanded no more"
        journal.note(connection, workspace.operator_name, action, f"model {model}", hardware_profile, now)


def _lab_device(connection: Connection, device_id: str) -> Device:
    device = get_device(connection, device_id)
    if device is None or device.revoked_at is not None:
        raise UserError(f"There is no device {device_id}.", "List them with: edgeyard device list")
    if LAB_LABEL not in device.labels:
        raise UserError(
            f"{device_id} is not a lab device.",
            f"Mark it with: edgeyard device label {device_id} lab=yes, and start its agent with --lab.",
        )
    return device


def _candidates(version: ModelVersion, device: Device, names: Sequence[str]) -> list[Variant]:
    known = {variant.name: variant for variant in version.variants}
    missing = [name for name in names if name not in known]
    if missing:
        raise UserError(
            f"{version.label} has no variant {missing[0]}.", f"It has: {', '.join(known) or 'none; optimize it first'}."
        )
    profile = PROFILES.get(device.hardware_profile)
    found = [known[name] for name in names] or [
        variant
        for variant in version.variants
        if variant.name != ORIGINAL and (profile is None or variant.precision in profile.precisions)
    ]
    if not found:
        raise UserError(
            f"{version.label} has no variant for {device.hardware_profile} besides the original.", "Optimize it first."
        )
    return found[:MAX_LAB_CANDIDATES]


def _original(version: ModelVersion) -> Variant:
    for variant in version.variants:
        if variant.name == ORIGINAL:
            return variant
    raise UserError(f"{version.label} was not optimized yet.", "Optimize it first.")


def _upload(workspace: Workspace, digests: Sequence[str], say: Callable[[str], None]) -> None:
    with closing(workspace.hub()) as hub:
        for digest in digests:
            if not hub.has_artifact(digest):
                say(f"Uploading {digest[:12]}")
                hub.upload_artifact(artifact_path(artifact_folder(workspace), digest), digest)


def _order(
    workspace: Workspace,
    version: ModelVersion,
    device: Device,
    candidates: Sequence[Variant],
    settings: LabSettings,
    serial: int,
    expires_at: float,
) -> LabOrder:
    preprocessing: dict[str, Any] = msgspec.to_builtins(version.preprocessing)
    return LabOrder(
        site=workspace.settings.site,
        device=device.id,
        serial=serial,
        expires_at=expires_at,
        hardware_profile=device.hardware_profile,
        title=version.label,
        original=_file(_original(version)),
        candidates=[_file(variant) for variant in candidates],
        samples=LabFile("golden", version.golden_digest, version.golden_size_bytes),
        input_name=version.inputs[0].name,
        input_shape=list(version.inputs[0].shape),
        output_name=version.outputs[0].name,
        preprocessing={name: value for name, value in preprocessing.items() if value is not None},
        repetitions=settings.repetitions,
        settle_s=settings.settle_s,
    )


def _file(variant: Variant) -> LabFile:
    return LabFile(variant.name, variant.digest, variant.size_bytes)
