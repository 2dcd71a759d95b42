"""What lab devices say of a version or a variant: read from the database, and said in facts. No Qt in here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from edgeyard.desktop.plan.evidence_words import milliseconds
from edgeyard.desktop.plan.fact import Fact
from edgeyard.desktop.widget import words
from edgeyard.domain.hardware import profile_title
from edgeyard.domain.lab import OPEN_STATES, LabFigures, LabState
from edgeyard.domain.model import ModelVersion, Variant
from edgeyard.store.database import Connection
from edgeyard.store.lab import LabResult, LabRun, latest_lab_results, list_lab_runs

_STATES = {
    LabState.WAITING: "waits for the device",
    LabState.RUNNING: "is measuring",
    LabState.DONE: "done",
    LabState.REFUSED: "refused",
    LabState.EXPIRED: "expired",
    LabState.CANCELLED: "cancelled",
}


@dataclass(frozen=True, slots=True)
class LabPicture:
    """Results by the digest of the file, and runs by the id of the version; the newest first."""

    results: Mapping[str, list[LabResult]] = field(default_factory=dict)
    runs: Mapping[int, list[LabRun]] = field(default_factory=dict)

    def open_runs(self, version: ModelVersion) -> list[LabRun]:
        """Runs of a version that are not finished."""
        return [run for run in self.runs.get(version.id, ()) if run.state in OPEN_STATES]

    def newest(self, variant: Variant) -> list[LabResult]:
        """What each device said of a variant last."""
        found: dict[str, LabResult] = {}
        for result in self.results.get(variant.digest, ()):
            found.setdefault(result.device_id, result)
        return list(found.values())


def read_lab(connection: Connection, _now: float) -> LabPicture:
    """For a feed."""
    results, runs = defaultdict(list), defaultdict(list)
    for result in latest_lab_results(connection):
        results[result.digest].append(result)
    for run in list_lab_runs(connection):
        runs[run.version_id].append(run)
    return LabPicture(results, runs)


def variant_lab_facts(variant: Variant, lab: LabPicture) -> tuple[Fact, ...]:
    """What each lab device measured of a variant last."""
    return tuple(_fact(result.device_id, result) for result in lab.newest(variant))


def version_lab_facts(version: ModelVersion, lab: LabPicture) -> tuple[Fact, ...]:
    """Runs that are not finished or ended without a result, then the newest results of every variant."""
    unfinished = (run for run in lab.runs.get(version.id, ()) if run.state is not LabState.DONE)
    facts = [Fact(run.device_id, _STATES[run.state], run.reason) for run in unfinished]
    for variant in version.variants:
        facts += [_fact(f"{variant.name}, {result.device_id}", result) for result in lab.newest(variant)]
    return tuple(facts)


def _fact(name: str, result: LabResult) -> Fact:
    if result.figures is None:
        return Fact(name, "not measured", result.reason)
    return Fact(name, _speed(result.figures), _sentence(result, result.figures))


def _speed(figures: LabFigures) -> str:
    return f"{figures.ratio:.2f} × faster" if figures.ratio >= 1 else f"{1 / figures.ratio:.2f} × slower"


def _sentence(result: LabResult, figures: LabFigures) -> str:
    parts = [f"p50 {milliseconds(figures.p50_ms)}, p95 {milliseconds(figures.p95_ms)}"]
    parts.append(f"the original {milliseconds(figures.original_p50_ms)}")
    if figures.accuracy is not None:
        parts.append(f"accuracy {words.percent(figures.accuracy)} of {figures.samples:,}")
    if figures.memory_peak_bytes is not None:
        parts.append(f"{words.size(figures.memory_peak_bytes)} of memory")
    if figures.temperature_end_c is not None:
        parts.append(f"{figures.temperature_end_c:.0f} °C{'' if figures.steady else ', still changing'}")
    if figures.energy_mj is not None:
        parts.append(f"{figures.energy_mj:.2f} mJ")
    day = words.both_clocks(result.at).split("\n", maxsplit=1)[0]
    return f"{'; '.join(parts)}. {profile_title(result.hardware_profile)}, {day}."
