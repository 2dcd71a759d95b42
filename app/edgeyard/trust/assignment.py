"""What both repositories agree a device should run, and whether this device may take it. Light: loads no TUF."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgeyard.trust.refusal import refused
from edgeyard.wire.message import DirectorCustom, ReleaseCustom


@dataclass(frozen=True, slots=True)
class GoldenTarget:
    """The self-test set of a release: an own signed target."""

    path: str
    sha256: str
    size_bytes: int
    samples: int


@dataclass(frozen=True, slots=True)
class AssignedTarget:
    """What the director alone asks for: enough to report a refusal by, not enough to act on."""

    path: str
    sha256: str
    size_bytes: int
    execution: int
    """0 where the director names none."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One verified assignment: length and digest are equal in both repositories."""

    target_path: str
    sha256: str
    size_bytes: int
    release: ReleaseCustom
    director: DirectorCustom
    director_version: int
    golden: GoldenTarget | None


def check_assignment(assignment: Assignment, hardware_profile: str, own_counters: Mapping[str, int]) -> None:
    """Raises `RefusedError` when the assignment is for other hardware, or older than what the device has had.

    `own_counters` maps model names to the highest release counter that this device has run. The director's `undo`
    allows a lower one: it leads back only to what approvers signed and what is still in the release.
    """
    release, director = assignment.release, assignment.director
    if hardware_profile not in release.hardware_profiles:
        meant = ", ".join(release.hardware_profiles) or "no hardware"
        raise refused("wrong hardware", f"{assignment.target_path} is for {meant}; this device is {hardware_profile}.")
    if director.hardware_profile != hardware_profile:
        raise refused(
            "wrong hardware",
            f"The assignment is for {director.hardware_profile[:80]}; this device is {hardware_profile}.",
        )
    known = own_counters.get(release.model, 0)
    if release.counter < known and not director.undo:
        raise refused(
            "rollback", f"{assignment.target_path} is release {release.counter}; this device has had {known}."
        )
