"""The hardware profiles that a job names, `host` among them."""

from __future__ import annotations

from edgeyard.optimize.hardware_catalog import find_profile, find_profiles, host_profile, known_profiles

__all__ = ["find_profile", "find_profiles", "host_profile", "known_profiles"]
