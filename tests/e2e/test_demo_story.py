"""The main job, end to end, with real processes: the demo's two stories, as a user would run them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.kill_story import run_round
from tests.postgres import temporary_postgres
from tests.services import require

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]


def tell(tmp_path: Path, *arguments: str) -> dict[str, Any]:
    """Run the demo without a window; standard output must be one JSON object and nothing else."""
    command = [sys.executable, "-m", "edgeyard", "demo", "--headless", "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=400, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def assert_both_stories(result: dict[str, Any], devices: int) -> None:
    good, bad = result["good_rollout"], result["bad_rollout"]
    assert result["devices"] == devices
    assert (good["state"], good["succeeded"]) == ("succeeded", devices)
    assert good["waves"] >= 2
    assert good["bytes"] > 0
    assert (bad["state"], bad["failed_wave"]) == ("failed", 1)
    assert 1 <= bad["exposed_devices"] < devices
    assert bad["rolled_back"] == bad["exposed_devices"]
    assert result["running_digests_match"] is True
    assert result["orphans"] == 0
    assert set(result["variants"]) <= {"pi4", "pi5", "jetson-orin-nano", "x86-vnni"}
    for variant in result["variants"].values():
        assert variant["size_bytes"] > 0
        assert 0.7 < variant["accuracy"] <= 1
        assert variant["latency_ms"] > 0


def test_the_stories_end_well_on_the_embedded_defaults(tmp_path: Path) -> None:
    result = tell(tmp_path, "--devices", "4", "--broker", "embedded")
    assert result["broker"] == "embedded"
    assert_both_stories(result, 4)


def test_the_stories_end_well_on_mosquitto_and_postgresql(tmp_path: Path) -> None:
    require("mosquitto")
    with temporary_postgres() as url:
        result = tell(tmp_path, "--devices", "8", "--broker", "mosquitto", "--database", url)
    assert result["broker"] == "mosquitto"
    assert_both_stories(result, 8)


def test_the_stories_end_the_same_way_when_processes_are_killed() -> None:
    told = run_round(seed=7, kills=3, arguments=["--devices", "4", "--broker", "embedded"])
    assert told.same_end, told
    assert told.kills, "nothing was killed"
