"""What an artifact would take on hardware that is not here: estimates, and labelled so."""

from __future__ import annotations

from collections.abc import Sequence

from edgeyard.domain.hardware import HardwareProfile
from edgeyard.optimize.correction_store import Corrections
from edgeyard.optimize.engine.result import Measurement
from edgeyard.optimize.engine.suitability import is_measured_here
from edgeyard.optimize.estimate import estimate_summary
from edgeyard.optimize.host import HostFacts
from edgeyard.optimize.step import Trait
from edgeyard.optimize.summary import ModelSummary

ESTIMATED = "estimated"


def estimate_measurements(
    layers: ModelSummary,
    trait: Trait,
    original: ModelSummary,
    profiles: Sequence[HardwareProfile],
    host: HostFacts,
    corrections: Corrections | None = None,
) -> tuple[Measurement, ...]:
    """An estimate for every profile that this machine does not stand for and whose speed is known.

    `layers` is the summary of the artifact in 32 bits (its own, or that of what it was quantized from).
    """
    found = []
    for profile in profiles:
        if is_measured_here(profile, host):
            continue
        this = estimate_summary(layers, profile, trait.precision, threads=profile.cores, corrections=corrections)
        before = estimate_summary(original, profile, "fp32", threads=profile.cores, corrections=corrections)
        if this is None or before is None or not this.latency_ms:
            continue
        found.append(
            Measurement(
                profile=profile.id,
                label=ESTIMATED,
                measured_on=f"estimated for {profile.title} from its layers, {profile.cores} threads",
                threads=profile.cores,
                p50_ms=this.latency_ms,
                ratio=before.latency_ms / this.latency_ms,
            )
        )
    return tuple(found)
