"""What lab devices say for or against a variant, and what a release demands of it."""

from __future__ import annotations

from edgeyard.domain.error import UserError
from edgeyard.domain.model import ModelVersion, Variant
from edgeyard.store.database import Connection
from edgeyard.store.lab import LabResult, lab_demands, lab_results

ORIGINAL = "fp32"


def check_lab_evidence(connection: Connection, version: ModelVersion) -> None:
    """Raise `UserError` when the model's release demands lab evidence that is missing, or that speaks against it.

    What counts is the newest result of the chosen file on a device of that hardware: measured in steady state (where
    the device can tell), and not slower than the original.
    """
    for _, profile in lab_demands(connection, version.model):
        for variant in version.variants:
            if profile in variant.profiles and variant.name != ORIGINAL:
                problem = _shortcoming(evidence_for(connection, variant, profile))
                if problem:
                    raise UserError(
                        f"{version.label} may not be signed: for {profile}, {variant.name} {problem}.",
                        f"Measure it on a lab device of that hardware: edgeyard lab run {version.model}:"
                        f"{version.version} --device DEVICE.",
                    )


def evidence_for(connection: Connection, variant: Variant, hardware_profile: str) -> LabResult | None:
    """The newest result of a variant's file on this hardware, or `None`."""
    found = lab_results(connection, digests=[variant.digest])
    return next((result for result in found if result.hardware_profile == hardware_profile), None)


def _shortcoming(result: LabResult | None) -> str:
    if result is None:
        return "was not measured on a lab device"
    if result.figures is None:
        return f"could not be measured on {result.device_id} ({result.reason.rstrip('.')})"
    if result.figures.steady is False:
        return f"was measured on {result.device_id} before its temperature stood still"
    if result.figures.ratio < 1:
        return f"is {1 / result.figures.ratio:.2f}× slower than the original on {result.device_id}"
    return ""
