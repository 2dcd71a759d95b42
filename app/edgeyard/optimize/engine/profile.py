"""The hardware profiles that a job names, `host` among them."""

from __future__ import annotations

from collections.abc import Iterable

from edgeyard.domain.error import UserError
from edgeyard.domain.hardware import PROFILES, HardwareProfile
from edgeyard.optimize.engine.suitability import HOST
from edgeyard.optimize.host import host_facts


def find_profiles(ids: Iterable[str]) -> tuple[HardwareProfile, ...]:
    """The profiles of these ids, each once, in that order.

    Raises:
        UserError: there is no such profile, or none is named.
    """
    known = {**PROFILES, HOST: host_profile()}
    wanted = tuple(dict.fromkeys(ids))
    for name in wanted:
        if name not in known:
            raise UserError(f"There is no hardware profile {name!r}.", f"Choose from {', '.join(known)}.")
    if not wanted:
        raise UserError("No hardware profile is chosen.", "Name at least one, such as host for this machine.")
    return tuple(known[name] for name in wanted)


def host_profile() -> HardwareProfile:
    """This machine, as far as its system tells."""
    import psutil

    facts = host_facts()
    vnni = "vnni" in (facts.instructions or ())
    form = ("u8s8" if vnni else "u8s7") if facts.architecture == "x86-64" else "s8s8"
    return HardwareProfile(
        HOST, "This machine", facts.processor, "onnxruntime-cpu", ("int8", "fp16", "fp32"), 2 << 30,
        psutil.virtual_memory().total, "what its system tells", facts.architecture, form, facts.instructions or (),
        cores=psutil.cpu_count(logical=False) or 1,
    )  # fmt: skip
