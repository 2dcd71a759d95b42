"""Whether a kind of hardware can run an artifact, and what running it there costs as far as is known. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgeyard.domain.hardware import RUNTIMES, HardwareProfile
from edgeyard.optimize.engine.job import ProfileBudget
from edgeyard.optimize.engine.result import Candidate, Measurement
from edgeyard.optimize.host import HostFacts
from edgeyard.optimize.step import Trait

HOST = "host"
"""The id of the profile that is this machine."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one candidate costs on one profile. `measured` is false when it is an estimate, or nothing is known."""

    measured: bool
    measurement: Measurement | None

    @property
    def ratio(self) -> float | None:
        """Original ÷ this one."""
        return self.measurement.ratio if self.measurement else None


def cost_on(candidate: Candidate, profile: HardwareProfile, host: HostFacts) -> Cost:
    """The best that is known: measured on such a device, or on this machine where it stands for it, or estimated."""
    for measurement in candidate.measurements:
        if measurement.profile == profile.id and measurement.label == "device":
            return Cost(True, measurement)
    if is_measured_here(profile, host):
        for measurement in candidate.measurements:
            if measurement.label == HOST and measurement.threads == 1:
                return Cost(True, measurement)
    for measurement in candidate.measurements:
        if measurement.profile == profile.id and measurement.label == "estimated":
            return Cost(False, measurement)
    return Cost(False, None)


def is_measured_here(profile: HardwareProfile, host: HostFacts) -> bool:
    """Whether a latency of this machine counts for the profile."""
    return profile.id == HOST or host.stands_for(profile)


def runtime_obstacle_on(trait: Trait, profile: HardwareProfile) -> str:
    """Why the profile's runtimes cannot take a file of this kind, as the rest of a sentence; empty when one can."""
    for name in profile.runtimes:
        runtime = RUNTIMES[name]
        # By format, not by runtime: TensorRT too reads ONNX, and the Coral's compiler .tflite.
        if trait.file_format in runtime.file_formats and (trait.precision == "int8" or not runtime.int8_only):
            return ""
    titles = " and ".join(RUNTIMES[name].title for name in profile.runtimes)
    return f"{profile.title} has {titles}, which takes no {trait.file_format} file in {trait.precision}."


def form_obstacle_on(trait: Trait, profile: HardwareProfile) -> str:
    """Why its data type or layout is not for the profile, as the rest of a sentence; empty when it is."""
    if trait.precision not in profile.precisions:
        return f"{profile.title} runs {_words(profile.precisions)} natively, not {trait.precision}."
    if trait.form and trait.form != profile.int8_form and profile.id != HOST and trait.file_format in {"onnx", "ort"}:
        return f"this layout of int8 is for other processors; {profile.title} takes int8-{profile.int8_form}."
    return ""


def budget_obstacle(candidate: Candidate, profile: HardwareProfile, budget: ProfileBudget, cost: Cost) -> str:
    """What of size, memory, latency and energy is over what the profile or the budget allows; empty when nothing is."""
    if candidate.size_bytes > profile.max_model_bytes:
        room, size = mebibytes(profile.max_model_bytes), mebibytes(candidate.size_bytes)
        return f"its {size} do not fit the {room} of a slot."
    if budget.size_bytes is not None and candidate.size_bytes > budget.size_bytes:
        return f"its {mebibytes(candidate.size_bytes)} are over the budget of {mebibytes(budget.size_bytes)}."
    measurement = cost.measurement
    if measurement is None:
        return ""
    said = "" if cost.measured else " (estimated)"
    bounds = (
        (measurement.p50_ms, budget.latency_ms, "ms a sample"),
        (measurement.energy_mj if cost.measured else None, budget.energy_mj, "mJ a sample"),
    )
    for value, bound, unit in bounds:
        if value is not None and bound is not None and value > bound:
            return f"its {value:.3g} {unit}{said} are over the budget of {bound:g}."
    memory = measurement.memory_bytes
    most = min(profile.memory_bytes, budget.memory_bytes or profile.memory_bytes)
    if memory is not None and memory > most:
        return f"its {mebibytes(memory)} of memory{said} are over the {mebibytes(most)} allowed."
    return ""


def mebibytes(size_bytes: int) -> str:
    """`3.24 MiB`, `512 MiB`."""
    return f"{size_bytes / (1 << 20):.2f} MiB" if size_bytes < 10 << 20 else f"{size_bytes / (1 << 20):.0f} MiB"


def _words(names: Sequence[str]) -> str:
    return " and ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} and {names[-1]}"
