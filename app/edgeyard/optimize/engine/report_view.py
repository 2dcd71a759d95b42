"""A result as plain data for other programs: what `edgeyard optimize --json` prints. Names in it are stable."""

from __future__ import annotations

from typing import Any

from edgeyard.domain.hardware import HardwareProfile
from edgeyard.optimize.engine.result import Candidate, Choice, JobResult, Measurement, Rejected
from edgeyard.optimize.engine.suitability import Cost, cost_on
from edgeyard.optimize.host import HostFacts
from edgeyard.optimize.recipe.recipe import ORIGINAL

KEPT, PICKED, PROVEN, LEFT_OUT = "kept", "picked", "proven", "left out"


def report_view(result: JobResult, profiles: tuple[HardwareProfile, ...]) -> dict[str, Any]:
    """`picked`, one object per profile, and `candidates`: proven ones with their reasons, and the others with why."""
    by_id = {profile.id: profile for profile in profiles}
    return {
        "picked": [_picked(result, choice, by_id[choice.profile], result.machine) for choice in result.choices],
        "candidates": [
            *(_candidate(candidate, result) for candidate in result.candidates),
            *map(_rejected, result.rejected),
        ],
        "ended": result.ended,
        "host": result.machine.sentence,
        "samples": result.samples,
        "max_drop_points": round(result.max_drop * 100, 6),
        "duration_s": round(result.duration_s, 3),
        "log": list(result.log),
    }


def meets_budget(result: JobResult) -> bool:
    """Whether at least one profile got a variant, and none is served by something over its budget."""
    served = any(choice.picked not in {"", ORIGINAL} for choice in result.choices)
    return served and all(choice.meets_budget for choice in result.choices)


def _picked(result: JobResult, choice: Choice, profile: HardwareProfile, host: HostFacts) -> dict[str, Any]:
    if not choice.picked:
        return {
            "profile": choice.profile,
            "name": "",
            "path": None,
            "meets_budget": False,
            "reasons": choice.reasons,
        }
    candidate = result.candidate(choice.picked)
    cost = cost_on(candidate, profile, host)
    # Without a measurement on such hardware this machine's counts for nothing but itself, and says where it is from.
    shown = cost if cost.measured else Cost(False, _here(candidate))
    return {
        "profile": choice.profile,
        "name": candidate.name,
        **_artifact(candidate),
        **_accuracy(candidate),
        **_running(shown.measurement),
        "measured_for_profile": shown.measured,
        "estimated_ratio": cost.ratio if not cost.measured else None,
        "meets_budget": choice.meets_budget,
        "reasons": choice.reasons,
    }


def _candidate(candidate: Candidate, result: JobResult) -> dict[str, Any]:
    state = PICKED if candidate.profiles else PROVEN
    if candidate.name == ORIGINAL and not candidate.profiles:
        state = KEPT
    return {
        "name": candidate.name,
        "title": candidate.title,
        "state": state,
        "profiles": list(candidate.profiles),
        **_artifact(candidate),
        **_accuracy(candidate),
        **_running(_here(candidate)),
        "pareto": candidate.pareto,
        "why": candidate.reasons,
        "steps": list(candidate.steps),
        "notes": list(candidate.notes),
        "lineage": candidate.lineage,
    }


def _rejected(entry: Rejected) -> dict[str, Any]:
    return {"name": entry.name, "title": entry.title, "state": LEFT_OUT, "cause": entry.cause, "why": entry.reason}


def _artifact(candidate: Candidate) -> dict[str, Any]:
    trait = candidate.trait
    return {
        "path": str(candidate.path),
        "runtime": trait.runtime,
        "format": trait.file_format,
        "precision": trait.precision,
        "form": trait.form,
        "size_bytes": candidate.size_bytes,
        "sha256": candidate.sha256,
    }


def _accuracy(candidate: Candidate) -> dict[str, Any]:
    evidence = candidate.evidence
    known = evidence.accuracy is not None
    paired = evidence.difference is not None
    return {
        "accuracy": evidence.accuracy,
        "accuracy_interval": [evidence.accuracy_low, evidence.accuracy_high] if known else None,
        "accuracy_difference": evidence.difference,
        "accuracy_difference_interval": [evidence.difference_low, evidence.difference_high] if paired else None,
        "p_value": evidence.p_value,
        "samples": evidence.samples,
        "agreement": evidence.agreement,
        "output_sqnr_db": evidence.sqnr_db,
    }


def _running(measurement: Measurement | None) -> dict[str, Any]:
    if measurement is None:
        return {"latency_ratio": None, "measured_on": "", "label": "not run"}
    bounded = measurement.ratio_low is not None
    return {
        "latency_ratio": measurement.ratio,
        "latency_ratio_interval": [measurement.ratio_low, measurement.ratio_high] if bounded else None,
        "latency_p50_ms": measurement.p50_ms,
        "latency_p95_ms": measurement.p95_ms,
        "memory_bytes": measurement.memory_bytes,
        "energy_mj": measurement.energy_mj,
        "measured_on": measurement.measured_on,
        "label": measurement.label,
    }


def _here(candidate: Candidate) -> Measurement | None:
    return next((each for each in candidate.measurements if each.label == "host" and each.threads == 1), None)
