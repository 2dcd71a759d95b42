"""What every pass declares about itself before it may run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.summary import ModelSummary


@dataclass(frozen=True, slots=True)
class PassResult:
    """How a run went; the file itself is what gets measured."""

    notes: tuple[str, ...] = ()


class Pass(Protocol):
    """One way to make a variant. The same input and settings give the same bytes."""

    @property
    def id(self) -> str:
        """Stable; names the variant, its file and its target: `int8-s8s8`."""

    @property
    def title(self) -> str:
        """For people."""

    @property
    def precision(self) -> str:
        """`fp32`, `fp16` or `int8`, as in `HardwareProfile.precisions`."""

    @property
    def form(self) -> str:
        """The layout of int8, as in `HardwareProfile.int8_form`; empty for other precisions."""

    @property
    def settings(self) -> dict[str, str | int | bool]:
        """All that decides the result besides its input: goes into the digest of the recipe."""

    def obstacle(self, summary: ModelSummary, calibration: Dataset | None) -> str:
        """Why it cannot run on this model, in one sentence; empty when it can."""

    def run(self, source: Path, out: Path, summary: ModelSummary, calibration: Dataset | None) -> PassResult:
        """Write the variant of `source` to `out`. May raise anything: the caller goes on without this variant."""
