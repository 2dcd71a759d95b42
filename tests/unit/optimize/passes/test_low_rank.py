"""Low-rank factorization as a pass."""

from dataclasses import replace
from pathlib import Path

import pytest

from edgeyard.domain.error import UserError
from edgeyard.optimize.passes.low_rank import LowRank, LowRankSettings
from tests.unit.optimize import net
from tests.unit.optimize.passes.step_given import given_for, run_pass
from tests.unit.optimize.prune.test_low_rank import dense

PASS = LowRank()


def test_it_names_the_layers_and_their_ranks(tmp_path: Path) -> None:
    given = given_for(dense(6), net.samples(), tmp_path)
    _, done = run_pass(PASS, given, tmp_path / "out.onnx", rows=1000)
    assert "64 to 8" in done.notes[0]
    assert done.figures["layers"][0]["saved"] > 0.5
    assert (tmp_path / "out.onnx").stat().st_size < 0.4 * given.source.stat().st_size


def test_it_refuses_where_it_pays_nowhere(tmp_path: Path) -> None:
    given = given_for(net.residual(), net.samples(), tmp_path)
    with pytest.raises(UserError, match="No layer can be factored"):
        PASS.run(LowRankSettings(), given, tmp_path / "out.onnx")


def test_convolutions_count_only_when_asked_for(tmp_path: Path) -> None:
    given = given_for(net.residual(), net.samples(), tmp_path)
    without = replace(given, summary=replace(given.summary, operators={"Conv": 5}))
    assert "no Gemm or MatMul" in PASS.obstacle(LowRankSettings(), without)
    assert PASS.obstacle(LowRankSettings(convolutions=True), without) == ""
