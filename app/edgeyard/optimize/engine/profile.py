"""The hardware profiles that a job names, `host` among them."""

from __future__ import annotations

from collections.abc import Iterable

from edgeyard.domain.error import UserError
from edgeyard.domain.hardware import HardwareProfile


def find_profiles(ids: Iterable[str]) -> tuple[HardwareProfile, ...]:
    """The profiles of these ids, each once, in that order.

    Raises:
        UserError: there is no such profile, or none is named.
    """
    from edgeyard.optimize.hardware_catalog import find_profile

    found = tuple(find_profile(name) for name in dict.fromkeys(ids))
    if not found:
        raise UserError("No hardware profile is chosen.", "Name at least one, such as host for this machine.")
    return found
