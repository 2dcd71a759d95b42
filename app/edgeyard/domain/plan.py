"""Planning a rollout: which device gets which variant, who is left out and why, and what it costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from edgeyard.domain.device import Device, DeviceStatus, device_status
from edgeyard.domain.hardware import profile_title
from edgeyard.domain.model import ModelVersion, Variant


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """One device that takes part: it goes from `previous_digest` (own current model, may be empty) to `digest`."""

    device_id: str
    hardware_profile: str
    digest: str
    previous_digest: str
    bytes: int
    silent: bool
    """It was not heard lately: it takes part and counts as unknown until it reports."""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """One device that stays out, and the reason in one sentence."""

    device_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class ProfilePlan:
    """What one hardware profile gets; `variant` is `None` when nothing fits it."""

    hardware_profile: str
    devices: int
    variant: Variant | None
    reason: str


@dataclass(frozen=True, slots=True)
class RolloutPlan:
    """The whole answer, before anything starts."""

    version: ModelVersion
    devices: tuple[DevicePlan, ...]
    excluded: tuple[Exclusion, ...]
    profiles: tuple[ProfilePlan, ...]
    bytes: int

    @property
    def refusal(self) -> str:
        """Why this cannot start at all, or empty."""
        if self.devices:
            return ""
        if not self.excluded:
            return "The group has no devices."
        reason, count = Counter(exclusion.reason for exclusion in self.excluded).most_common(1)[0]
        return reason if count == len(self.excluded) == 1 else f"No device can take it. {count} of them: {reason}"

    @property
    def summary(self) -> str:
        """`12 of 15 · 3 excluded`, as shown while hovering."""
        total = len(self.devices) + len(self.excluded)
        excluded = f" · {len(self.excluded)} excluded" if self.excluded else ""
        return f"{len(self.devices)} of {total}{excluded}"


def plan_rollout(
    version: ModelVersion,
    devices: Sequence[Device],
    now: float,
    failed: Mapping[str, Iterable[str]] | None = None,
    busy: Mapping[str, str] | None = None,
    counters: Mapping[str, int] | None = None,
) -> RolloutPlan:
    """Decide for each device of a group.

    `failed` maps device ids to digests that failed on them before (not offered again), `busy` maps device ids to the
    rollout that has them in work, `counters` maps digests to release counters: a device refuses a release that is older
    than the one it runs. `now` is Unix seconds.
    """
    chosen = {profile: variant for variant in version.variants for profile in variant.profiles}
    taken: list[DevicePlan] = []
    excluded: list[Exclusion] = []
    for device in devices:
        variant = chosen.get(device.hardware_profile)
        reason = _exclusion_reason(device, version, variant, failed or {}, busy or {})
        reason = reason or _older_reason(device, version, counters or {})
        if reason or variant is None:
            excluded.append(Exclusion(device.id, reason))
            continue
        silent = device_status(device, now) in (DeviceStatus.OFFLINE, DeviceStatus.UNKNOWN)
        # The self-test set travels with the model unless the device has it; the upper bound is what is shown.
        size_bytes = variant.size_bytes + version.golden_size_bytes
        taken.append(
            DevicePlan(device.id, device.hardware_profile, variant.digest, device.running_digest, size_bytes, silent)
        )
    return RolloutPlan(
        version,
        tuple(taken),
        tuple(excluded),
        _profile_plans(version, devices, chosen),
        sum(plan.bytes for plan in taken),
    )


def _exclusion_reason(
    device: Device,
    version: ModelVersion,
    variant: Variant | None,
    failed: Mapping[str, Iterable[str]],
    busy: Mapping[str, str],
) -> str:
    if device.revoked_at is not None:
        return "Its certificate was revoked."
    if variant is None:
        return f"{version.label} has no variant for {profile_title(device.hardware_profile)}."
    if device.id in busy:
        return f"It is part of {busy[device.id]}, which has not ended."
    if variant.digest == device.running_digest:
        return f"It already runs {version.label} ({variant.name})."
    if variant.digest in failed.get(device.id, ()):
        return f"{version.label} ({variant.name}) failed on it before."
    return ""


def _older_reason(device: Device, version: ModelVersion, counters: Mapping[str, int]) -> str:
    older = 0 < version.release_counter < counters.get(device.running_digest, 0)
    if not older or device.running_model != version.model:
        return ""
    later = f"{device.running_model} {device.running_version}"
    return f"It runs {later}, a later release; devices go back only by “Undo” on the rollout that brought it."


def _profile_plans(
    version: ModelVersion, devices: Sequence[Device], chosen: Mapping[str, Variant]
) -> tuple[ProfilePlan, ...]:
    counts = Counter(device.hardware_profile for device in devices)
    plans = []
    for profile, count in sorted(counts.items()):
        variant = chosen.get(profile)
        reason = variant.reasons.get(profile, "") if variant else f"No variant of {version.label} fits this hardware."
        plans.append(ProfilePlan(profile, count, variant, reason))
    return tuple(plans)
