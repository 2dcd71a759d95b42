"""Hardware profiles: what a kind of device can run. Ids are stable; they are signed into releases."""

from __future__ import annotations

from edgeyard.domain.hardware.accelerator import ACCELERATORS, MICROCONTROLLERS
from edgeyard.domain.hardware.processor import ARM, X86
from edgeyard.domain.hardware.profile import HardwareProfile, PowerMode, Speed
from edgeyard.domain.hardware.runtime import RUNTIMES, Runtime
from edgeyard.domain.identifier import is_identifier

__all__ = [
    "PROFILES",
    "RUNTIMES",
    "USER_PREFIX",
    "HardwareProfile",
    "PowerMode",
    "Runtime",
    "Speed",
    "default_profiles",
    "deployable_profiles",
    "is_deployable",
    "profile_title",
]

USER_PREFIX = "user-"
"""Ids of profiles that people define themselves; `host` and the built-in ones never begin so."""

PROFILES: dict[str, HardwareProfile] = {
    profile.id: profile for profile in (*ARM, *X86, *ACCELERATORS, *MICROCONTROLLERS)
}


def profile_title(profile_id: str) -> str:
    """The profile's title, or its id where this program does not know it (a newer site may)."""
    profile = PROFILES.get(profile_id)
    return profile.title if profile else profile_id


def deployable_profiles() -> dict[str, HardwareProfile]:
    """The built-in profiles of devices that can run an agent."""
    return {name: profile for name, profile in PROFILES.items() if not profile.estimate_only}


def default_profiles() -> dict[str, HardwareProfile]:
    """What variants are made for unless somebody chooses: hardware for which the agent has a runtime."""
    return {name: profile for name, profile in deployable_profiles().items() if "onnxruntime" in profile.runtimes}


def is_deployable(profile_id: str) -> bool:
    """Whether a device may have this profile: a built-in one where an agent runs, or one that people defined."""
    profile = PROFILES.get(profile_id)
    if profile is not None:
        return not profile.estimate_only
    return profile_id.startswith(USER_PREFIX) and is_identifier(profile_id)
