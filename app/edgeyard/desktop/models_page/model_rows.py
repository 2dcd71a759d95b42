"""What the models tree shows: a model, its versions, their variants, each as one row of words. No Qt in here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edgeyard.desktop.plan import evidence_words
from edgeyard.desktop.widget import words
from edgeyard.domain.hardware import default_profiles, profile_title
from edgeyard.domain.model import Evidence, ModelVersion, Variant
from edgeyard.store.model import ModelSummary

COLUMNS = ("Name", "Stage", "Size", "Accuracy", "Latency", "Hardware", "Runs on")
NAME, STAGE, SIZE, ACCURACY, LATENCY, HARDWARE, RUNS_ON = range(len(COLUMNS))


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure: `quiet` follows it in quiet text; `why` is its tooltip."""

    text: str = ""
    quiet: str = ""
    why: str = ""


@dataclass(slots=True)
class Row:
    """One row. `key` stays the same over readings: `m:name`, `v:id` or `a:id` (an artifact, that is a variant)."""

    key: str
    cells: tuple[Cell, ...]
    parent: Row | None = None
    version: ModelVersion | None = None
    variant: Variant | None = None
    model: ModelSummary | None = None
    position: int = 0
    children: list[Row] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        """The whole row for a screen reader."""
        named = zip(COLUMNS, self.cells, strict=True)
        return ", ".join(f"{name} {cell.text} {cell.quiet}".strip() for name, cell in named if cell.text)


def worth_opening(models: Sequence[ModelSummary]) -> set[str]:
    """The keys of the rows that are open when they first appear: each model and its newest version."""
    newest = [max(model.versions, key=lambda version: version.version) for model in models if model.versions]
    return {f"m:{model.name}" for model in models} | {f"v:{version.id}" for version in newest}


def make_rows(models: Sequence[ModelSummary], running: Mapping[str, int]) -> list[Row]:
    """The tree: `running` counts devices by the digest they run."""
    roots = []
    for position, model in enumerate(models):
        root = Row(f"m:{model.name}", (), model=model, position=position)
        root.children = [_version_row(root, version, running) for version in model.versions]
        root.cells = _model_cells(model, sum(count_running(version, running) for version in model.versions))
        for place, child in enumerate(root.children):
            child.position = place
        roots.append(root)
    return roots


def count_running(version: ModelVersion, running: Mapping[str, int]) -> int:
    """How many devices run any variant of the version."""
    return sum(running.get(variant.digest, 0) for variant in version.variants)


def original(version: ModelVersion) -> Variant | None:
    """The variant that is the version as trained."""
    return next((variant for variant in version.variants if variant.precision == "fp32"), None)


def _model_cells(model: ModelSummary, running: int) -> tuple[Cell, ...]:
    count = words.count(len(model.versions), "version")
    return (Cell(model.name, count), Cell(), Cell(), Cell(), Cell(), Cell(), _running_cell(running))


def _version_row(parent: Row, version: ModelVersion, running: Mapping[str, int]) -> Row:
    row = Row(f"v:{version.id}", (), parent, version=version)
    row.children = [
        Row(f"a:{variant.id}", _variant_cells(variant, running), row, version, variant, position=position)
        for position, variant in enumerate(version.variants)
    ]
    first = original(version)
    served = sorted({profile for variant in version.variants for profile in variant.profiles})
    row.cells = (
        Cell(f"Version {version.version}", why=version.note),
        Cell(*_stage(version)),
        Cell(words.size(version.source_size_bytes), why="Size of the file as it was imported."),
        accuracy_cell(first.evidence) if first else Cell(),
        Cell(),
        _served_cell(served, version),
        _running_cell(count_running(version, running)),
    )
    return row


def _stage(version: ModelVersion) -> tuple[str, str, str]:
    match version.stage:
        case "released":
            return "Signed", f"release {version.release_counter}", "Its variants and self-test set are signed."
        case "optimized":
            return "Optimized", "", "Not signed yet. Signing is part of rolling it out, or can be done here."
        case _:
            return "Imported", "", "It has no variants yet. Optimize it to see which hardware it can serve."


def _variant_cells(variant: Variant, running: Mapping[str, int]) -> tuple[Cell, ...]:
    evidence = variant.evidence
    chosen = ", ".join(variant.profiles)
    measured = "\n".join(evidence_words.evidence_lines(evidence))
    return (
        Cell(variant.name, variant.precision if variant.precision != variant.name else ""),
        Cell(),
        Cell(words.size(variant.size_bytes), why="Size of the file that devices download."),
        accuracy_cell(evidence),
        Cell(evidence_words.speed(evidence.latency_ratio) if evidence.latency_ratio else "", why=measured),
        Cell(chosen, "" if chosen else "not chosen", _choice_why(variant)),
        _running_cell(running.get(variant.digest, 0)),
    )


def accuracy_cell(evidence: Evidence) -> Cell:
    """The accuracy with its interval; what it stands on as tooltip."""
    if evidence.accuracy is None:
        return Cell(why="It was not evaluated.")
    lines = "\n".join(evidence_words.evidence_lines(evidence))
    return Cell(evidence_words.accuracy(evidence), evidence_words.interval(evidence), lines)


def _choice_why(variant: Variant) -> str:
    return "\n".join(f"{profile_title(profile)}: {reason}" for profile, reason in sorted(variant.reasons.items()))


def _served_cell(served: Sequence[str], version: ModelVersion) -> Cell:
    if not version.variants:
        return Cell()
    titles = ", ".join(profile_title(profile) for profile in served)
    total = max(len(default_profiles()), len(served))
    return Cell(f"{len(served)} of {total} kinds", why=titles or "No hardware is served.")


def _running_cell(count: int) -> Cell:
    return Cell(words.count(count, "device")) if count else Cell()
