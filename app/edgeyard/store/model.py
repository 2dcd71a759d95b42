"""Models: their versions and the variants made of them, with what was measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from edgeyard.domain.error import UserError
from edgeyard.domain.identifier import check_identifier
from edgeyard.domain.model import ModelVersion, Preprocessing, TensorContract, Variant
from edgeyard.store.bound import bound
from edgeyard.store.change import touch
from edgeyard.store.json_text import from_text, to_text
from edgeyard.store.raw import fetch, fetch_locked, fetch_one, insert_row, lock_name, run
from edgeyard.store.variant import add_variant, set_variant_choice, variants_of

__all__ = [
    "ModelSummary",
    "add_variant",
    "add_version",
    "delete_version",
    "find_version",
    "get_version",
    "highest_release_counter",
    "list_models",
    "running_counts",
    "set_variant_choice",
    "set_version_released",
    "set_version_stage",
    "update_version_note",
]

STAGES = ("imported", "optimized", "released")

_SELECT = (
    "SELECT id, model, version, source_digest, source_size_bytes, stage, created_at, parameters, multiply_adds, opset,"
    " inputs, outputs, preprocessing, golden_digest, golden_size_bytes, release_counter, note FROM model_version"
)


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """A model and its versions, the newest first."""

    name: str
    versions: tuple[ModelVersion, ...]


def add_version(
    c: Connection,
    *,
    model: str,
    source_digest: str,
    source_size_bytes: int,
    now: float,
    version: int = 0,
    parameters: int = 0,
    multiply_adds: int = 0,
    opset: int = 0,
    inputs: Sequence[TensorContract] = (),
    outputs: Sequence[TensorContract] = (),
    preprocessing: Preprocessing | None = None,
    golden_digest: str = "",
    golden_size_bytes: int = 0,
    note: str = "",
) -> ModelVersion:
    """Keep an imported version; number 0 asks for the next free one. Raises `UserError` for a number that is taken."""
    check_identifier(model, "model name")
    lock_name(c, f"model {model}")
    last = fetch_one(c, "SELECT max(version) FROM model_version WHERE model = ?", (model,))
    number = version or ((last[0] or 0) + 1 if last else 1)
    if find_version(c, model, number) is not None:
        raise UserError(
            f"{model} already has a version {number}.", "Choose another number, or delete that version first."
        )
    values = {
        "model": model,
        "version": number,
        "source_digest": source_digest,
        "source_size_bytes": source_size_bytes,
        "stage": STAGES[0],
        "created_at": now,
        "parameters": parameters,
        "multiply_adds": multiply_adds,
        "opset": opset,
        "inputs": to_text(list(inputs)),
        "outputs": to_text(list(outputs)),
        "preprocessing": to_text(preprocessing or Preprocessing()),
        "golden_digest": golden_digest,
        "golden_size_bytes": golden_size_bytes,
        "release_counter": 0,
        "note": bound(note),
    }
    version_id = insert_row(c, "model_version", values)
    touch(c, "models", now)
    added = get_version(c, version_id)
    assert added is not None
    return added


def list_models(c: Connection) -> list[ModelSummary]:
    """All models by name, with versions and variants."""
    grouped: defaultdict[str, list[ModelVersion]] = defaultdict(list)
    for version in _read_all(c, fetch(c, _SELECT)):
        grouped[version.model].append(version)
    newest_first = {name: sorted(versions, key=lambda v: -v.version) for name, versions in grouped.items()}
    return [ModelSummary(name, tuple(newest_first[name])) for name in sorted(newest_first)]


def get_version(c: Connection, version_id: int) -> ModelVersion | None:
    """One version with its variants, or `None`."""
    found = _read_all(c, fetch(c, f"{_SELECT} WHERE id = ?", (version_id,)))
    return found[0] if found else None


def find_version(c: Connection, model: str, version: int) -> ModelVersion | None:
    """The version of this name and number, or `None`."""
    found = _read_all(c, fetch(c, f"{_SELECT} WHERE model = ? AND version = ?", (model, version)))
    return found[0] if found else None


def set_version_stage(
    c: Connection, version_id: int, stage: str, now: float, release_counter: int | None = None
) -> None:
    """Say how far the version has come: imported, optimized or released. A released version stays released."""
    assert stage in STAGES, stage
    run(
        c,
        "UPDATE model_version SET stage = ?, release_counter = coalesce(?, release_counter)"
        " WHERE id = ? AND (stage <> 'released' OR stage = ?)",
        (stage, release_counter, version_id, stage),
    )
    touch(c, "models", now)


def set_version_released(c: Connection, version_id: int, release_counter: int, now: float) -> None:
    """Say that the version was signed into the release repository under this counter."""
    set_version_stage(c, version_id, "released", now, release_counter)


def highest_release_counter(c: Connection, model: str) -> int:
    """The greatest release counter of any version of the model; 0 before the first release."""
    row = fetch_one(c, "SELECT max(release_counter) FROM model_version WHERE model = ?", (model,))
    return int(row[0] or 0) if row else 0


def update_version_note(c: Connection, version_id: int, note: str, now: float) -> None:
    """Replace the version's note."""
    run(c, "UPDATE model_version SET note = ? WHERE id = ?", (bound(note), version_id))
    touch(c, "models", now)


def delete_version(c: Connection, version_id: int, now: float) -> None:
    """Remove a version and its variants. Raises `UserError` for one that was released: devices may run it."""
    row = fetch_locked(c, "SELECT model, version, stage FROM model_version WHERE id = ?", (version_id,))
    if row is None:
        return
    planned = fetch_one(c, "SELECT id FROM rollout WHERE version_id = ?", (version_id,))
    if row[2] == "released" or planned:
        raise UserError(
            f"{row[0]} {row[1]} was released; devices may run it, and its record must stay.",
            "Roll out another version instead of deleting this one.",
        )
    run(c, "DELETE FROM model_version WHERE id = ?", (version_id,))
    touch(c, "models", now)


def running_counts(c: Connection) -> dict[str, int]:
    """How many devices that are not revoked run each digest."""
    return dict(
        fetch(
            c,
            "SELECT running_digest, count(*) FROM device WHERE revoked_at IS NULL AND running_digest <> ''"
            " GROUP BY running_digest",
        )
    )


def _read_all(c: Connection, rows: list[tuple[Any, ...]]) -> list[ModelVersion]:
    variants = variants_of(c, [row[0] for row in rows])
    return [_read(row, variants[row[0]]) for row in rows]


def _read(row: tuple[Any, ...], variants: tuple[Variant, ...]) -> ModelVersion:
    return ModelVersion(
        id=row[0],
        model=row[1],
        version=row[2],
        source_digest=row[3],
        source_size_bytes=row[4],
        stage=row[5],
        created_at=row[6],
        parameters=row[7],
        multiply_adds=row[8],
        opset=row[9],
        inputs=from_text(row[10], tuple[TensorContract, ...]),
        outputs=from_text(row[11], tuple[TensorContract, ...]),
        preprocessing=from_text(row[12], Preprocessing),
        golden_digest=row[13],
        golden_size_bytes=row[14],
        release_counter=row[15],
        note=row[16],
        variants=variants,
    )
