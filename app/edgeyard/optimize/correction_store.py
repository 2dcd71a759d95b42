"""How far estimates are from what devices measured, learned per hardware profile and data type.

One JSON file in the user's data folder. A factor is the geometric mean of measured ÷ estimated over what was learned;
an estimate is multiplied by it. Later measurements weigh more, so that a new runtime or power mode is noticed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from edgeyard.domain.error import UserError
from edgeyard.optimize.hardware_catalog import user_folder
from edgeyard.trust.durable_file import make_folder, write_durably

FILE_NAME = "latency_corrections.json"
LEAST, MOST = 0.01, 100.0
"""Factors beyond these say that something else than the hardware is wrong."""
_MEMORY = 20
"""Measurements after which older ones fade."""
_MAX_FILE_BYTES = 4 << 20

_Factor = Annotated[float, msgspec.Meta(ge=LEAST, le=MOST)]


class Correction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Learned of one profile and data type: measured ÷ estimated, from how many measurements, the last from where."""

    profile: Annotated[str, msgspec.Meta(max_length=64)]
    precision: Annotated[str, msgspec.Meta(max_length=16)]
    factor: _Factor
    measurements: Annotated[int, msgspec.Meta(ge=1)]
    source: Annotated[str, msgspec.Meta(max_length=200)] = ""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    version: Annotated[int, msgspec.Meta(ge=1, le=1)] = 1
    corrections: Annotated[list[Correction], msgspec.Meta(max_length=10_000)] = []


Corrections = Mapping[tuple[str, str], Correction]
"""By profile id and precision."""


def read_corrections(path: Path | None = None) -> dict[tuple[str, str], Correction]:
    """What was learned so far, from `path` or the user's own file; nothing where there is no file.

    Raises:
        UserError: the file is damaged.
    """
    path = path or user_folder() / FILE_NAME
    try:
        if not path.is_file():
            return {}
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise UserError(f"{path} is too large to be what was learned.", "Remove it: it is learned again.")
        file = msgspec.json.decode(path.read_bytes(), type=_File)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}).", "Check its permissions.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{path} is damaged ({error}).", "Remove it: it is learned again.") from error
    return {(entry.profile, entry.precision): entry for entry in file.corrections}


def learn_correction(
    profile: str, precision: str, estimated_ms: float, measured_ms: float, source: str, path: Path | None = None
) -> Correction:
    """Take in one measurement on a device of `profile`; returns what is now believed.

    `estimated_ms` is the estimate without a correction. The file is replaced durably.

    Raises:
        UserError: the figures are no positive numbers, or the file cannot be read or written.
    """
    if not (0 < estimated_ms < math.inf and 0 < measured_ms < math.inf):
        raise UserError(
            f"From {measured_ms} ms measured and {estimated_ms} ms estimated nothing can be learned.",
            "Measure again.",
        )
    path = path or user_folder() / FILE_NAME
    known = read_corrections(path)
    before = known.get((profile, precision))
    seen = min(before.measurements, _MEMORY - 1) if before else 0
    logarithm = seen * math.log(before.factor) if before else 0.0
    factor = math.exp((logarithm + math.log(measured_ms / estimated_ms)) / (seen + 1))
    learned = Correction(
        profile[:64],
        precision[:16],
        min(MOST, max(LEAST, factor)),
        (before.measurements if before else 0) + 1,
        source[:200],
    )
    known[profile, precision] = learned
    file = _File(corrections=[known[key] for key in sorted(known)])
    try:
        make_folder(path.parent)
        write_durably(path, msgspec.json.format(msgspec.json.encode(file)))
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror}).", "Make room on the disk.") from error
    return learned
