"""The original as it came: always a candidate, and what every other variant is measured against."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.passes.declaration import PassResult
from edgeyard.optimize.summary import ModelSummary


@dataclass(frozen=True, slots=True)
class Original:
    """Bytes are copied, not written anew, so that the variant's digest is the source's."""

    id: str = "fp32"
    title: str = "Original"
    precision: str = "fp32"
    form: str = ""

    @property
    def settings(self) -> dict[str, str | int | bool]:
        """There is nothing to set."""
        return {}

    def obstacle(self, summary: ModelSummary, calibration: Dataset | None) -> str:
        """None, ever."""
        return ""

    def run(self, source: Path, out: Path, summary: ModelSummary, calibration: Dataset | None) -> PassResult:
        """Copy the file."""
        shutil.copyfile(source, out)
        return PassResult()
