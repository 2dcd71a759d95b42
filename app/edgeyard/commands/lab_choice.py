"""Choosing again with what lab devices measured: their figures count more than this workstation's, or an estimate."""

from __future__ import annotations

from pathlib import Path

from edgeyard.commands.lab_evidence import ORIGINAL, evidence_for
from edgeyard.commands.model_command import source_folder
from edgeyard.commands.workspace import Workspace
from edgeyard.domain.error import UserError
from edgeyard.domain.hardware import PROFILES
from edgeyard.domain.model import ModelVersion, Variant
from edgeyard.optimize.engine.choose import choose
from edgeyard.optimize.engine.result import Candidate, Choice, Measurement
from edgeyard.optimize.host import host_facts
from edgeyard.optimize.import_check import MODEL_FILE
from edgeyard.optimize.step import Trait
from edgeyard.store import journal, variant
from edgeyard.store.lab import LabResult

MAX_DROP = 0.01
"""What a variant may lose on the evaluation set, as when it was optimized."""


def choose_from_lab(workspace: Workspace, version: ModelVersion) -> list[Choice]:
    """For every kind of hardware on which lab devices measured this version, choose among what they measured.

    Variants that were not measured there, or not in steady state, are out of the race for that hardware; the original
    never is. Estimates for that hardware learn from the figures. Raises `UserError` when the version is signed, or
    nothing was measured.
    """
    if version.stage == "released":
        raise UserError(f"{version.label} is signed; its choice can no longer change.", "Import it as a new version.")
    measured = _measured(workspace, version)
    if not measured:
        raise UserError(
            f"No lab device has measured {version.label}.",
            f"Order it: edgeyard lab run {version.model}:{version.version} --device DEVICE",
        )
    choices: list[Choice] = []
    for profile, results in measured.items():
        candidates = [_candidate(made, profile, results) for made in version.variants if _competes(made, results)]
        choices += choose(candidates, [PROFILES[profile]], host_facts(), MAX_DROP)
    _keep(workspace, version, choices)
    _learn(workspace, version, measured)
    return choices


def _measured(workspace: Workspace, version: ModelVersion) -> dict[str, dict[str, LabResult]]:
    """By profile and variant name: the newest result that may be believed."""
    found: dict[str, dict[str, LabResult]] = {}
    with workspace.database.read() as connection:
        for profile in PROFILES:
            for made in version.variants:
                result = evidence_for(connection, made, profile)
                if result is not None and result.figures is not None and result.figures.steady is not False:
                    found.setdefault(profile, {})[made.name] = result
    return found


def _competes(made: Variant, results: dict[str, LabResult]) -> bool:
    return made.name == ORIGINAL or made.name in results


def _candidate(made: Variant, profile: str, results: dict[str, LabResult]) -> Candidate:
    # Measured truth outranks the rule of which layout of int8 suits which processor: no form is given.
    trait = Trait(precision=made.precision)
    measurements = tuple(_measurement(profile, results[made.name]) for _ in range(made.name in results))
    return Candidate(
        made.name, made.name, trait, Path(), made.digest, made.size_bytes, made.evidence, measurements=measurements
    )


def _measurement(profile: str, result: LabResult) -> Measurement:
    figures = result.figures
    assert figures is not None
    return Measurement(
        profile=profile,
        label="device",
        measured_on=f"{result.device_id}, {figures.processor}, {figures.runtime}",
        p50_ms=figures.p50_ms,
        p95_ms=figures.p95_ms,
        ratio=figures.ratio,
        ratio_low=figures.ratio_low,
        ratio_high=figures.ratio_high,
        memory_bytes=figures.memory_peak_bytes,
        energy_mj=figures.energy_mj,
        repetitions=figures.repetitions,
    )


def _keep(workspace: Workspace, version: ModelVersion, choices: list[Choice]) -> None:
    now = workspace.clock()
    decided = {choice.profile: choice for choice in choices}
    with workspace.database.write() as connection:
        for made in version.variants:
            profiles = [profile for profile in made.profiles if profile not in decided]
            profiles += [choice.profile for choice in choices if choice.picked == made.name]
            reasons = dict(made.reasons)
            for choice in choices:
                reasons[choice.profile] = choice.reasons.get(
                    made.name, "Not chosen: it was not measured on a lab device of this hardware."
                )
            variant.set_variant_choice(connection, made.id, profiles, reasons, now)
        text = ", ".join(f"{choice.profile}: {choice.picked or 'none'}" for choice in choices)
        journal.note(connection, workspace.operator_name, "variants chosen by lab evidence", version.label, text, now)


def _learn(workspace: Workspace, version: ModelVersion, measured: dict[str, dict[str, LabResult]]) -> None:
    """Let estimates for this hardware learn. What is learned is kept per user, and nothing depends on it."""
    from edgeyard.optimize.correction_store import learn_correction
    from edgeyard.optimize.estimate import estimate_summary
    from edgeyard.optimize.pipeline import inspect_in_worker

    source = source_folder(workspace, version.source_digest) / MODEL_FILE
    if not source.is_file():
        return
    summary = inspect_in_worker(source)
    precisions = {made.name: made.precision for made in version.variants}
    for profile, results in measured.items():
        for name, result in results.items():
            estimate = estimate_summary(summary, PROFILES[profile], precisions[name])
            if estimate is not None and result.figures is not None:
                learn_correction(
                    profile, precisions[name], estimate.latency_ms, result.figures.p50_ms, result.device_id
                )
