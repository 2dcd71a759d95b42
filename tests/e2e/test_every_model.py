"""Architectures that nobody here trained go through the whole command without a crash, and say what became of them.

All of them, and the shared models with their data: `python tests/benchmark/every_model.py --data DATA`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmark.every_model import light_models, row_of, try_model
from tests.benchmark.optimization.run_tool import ToolRun

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def test_a_foreign_architecture_is_inspected_and_optimized(tmp_path: Path) -> None:
    model = next(path for path in light_models() if path.stem == "light_squeezenet")
    inspected, optimized = try_model(model, tmp_path / "no-shared-data", tmp_path / "scratch", budget_s=15)
    assert inspected["exit_code"] == 0
    assert not optimized["crashed"], optimized
    (picked,) = optimized["picked"]
    assert picked["why"].startswith("Chosen: ")
    assert all(optimized["left_out"].values()), "what was not made says why"


@pytest.mark.parametrize(
    ("exit_code", "stdout", "stderr", "crashed"),
    [
        (0, "{}", "", False),
        (1, "{}", "", False),
        (2, "", "edgeyard: error: no such file", False),
        (1, "", "Traceback (most recent call last):\n  …\nKeyError: 'x'", True),
        (-9, "", "Killed", True),
        (2, "", "", True),
    ],
)
def test_what_counts_as_a_crash(exit_code: int, stdout: str, stderr: str, crashed: bool) -> None:
    run = ToolRun(wall_s=1.0, cpu_s=1.0, peak_bytes=1, exit_code=exit_code, stdout=stdout, stderr=stderr)
    assert row_of("a.onnx", "optimize", run)["crashed"] is crashed
