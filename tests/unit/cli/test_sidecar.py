"""`edgeyard sidecar`."""

import json
from pathlib import Path

import pytest

from edgeyard.cli.main import main
from edgeyard.optimize.sidecar.catalog import SIDECARS


@pytest.fixture(autouse=True)
def nothing_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEYARD_SIDECARS", str(tmp_path / "sidecars"))


def test_the_list_says_what_is_missing_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sidecar", "list", "--json"]) == 0
    states = {row["name"]: row["state"] for row in json.loads(capsys.readouterr().out)}
    assert list(states) == list(SIDECARS)
    assert "edgeyard sidecar make litert" in states["litert"]
    assert main(["sidecar", "list"]) == 0
    assert "LiteRT converter" in capsys.readouterr().out


def test_an_unknown_sidecar_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sidecar", "make", "other"]) == 2
    assert "There is no sidecar 'other'. Choose from litert" in capsys.readouterr().err


def test_removing_what_is_not_there_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sidecar", "remove", "litert"]) == 0
    assert "There was no environment of litert." in capsys.readouterr().out
