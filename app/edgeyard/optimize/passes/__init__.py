"""Passes: each makes one variant out of the original. A new one is declared here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable

from edgeyard.domain.hardware import HardwareProfile
from edgeyard.optimize.passes.declaration import Pass
from edgeyard.optimize.passes.fp16 import Float16
from edgeyard.optimize.passes.fp32 import Original
from edgeyard.optimize.passes.int8_static import StaticInt8

PASSES: tuple[Pass, ...] = (
    Original(),
    Float16(),
    StaticInt8("u8s8", activation="QUInt8", reduce_range=False),
    StaticInt8("u8s7", activation="QUInt8", reduce_range=True),
    StaticInt8("s8s8", activation="QInt8", reduce_range=False),
)
"""The original first: everything is measured against it."""


def passes_for(profiles: Iterable[HardwareProfile]) -> tuple[Pass, ...]:
    """The passes whose result at least one of the profiles could run, the original always among them."""
    wanted = tuple(profiles)
    return tuple(
        each
        for each in PASSES
        if each.id == "fp32"
        or any(each.precision in profile.precisions and each.form in {"", profile.int8_form} for profile in wanted)
    )
