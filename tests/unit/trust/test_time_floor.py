"""A clock that is surely wrong is not believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeyard.trust.time_floor import BUILD_TIME, TimeFloor


def test_a_clock_of_1970_is_lifted_to_the_build_time(tmp_path: Path) -> None:
    floor = TimeFloor(tmp_path / "floor")
    assert floor.effective(0.0) == BUILD_TIME
    assert floor.effective(BUILD_TIME + 5) == BUILD_TIME + 5
    assert floor.is_behind(0.0)
    assert not floor.is_behind(BUILD_TIME)


def test_the_floor_rises_and_is_remembered(tmp_path: Path) -> None:
    TimeFloor(tmp_path / "floor").raise_to(BUILD_TIME + 1000.5)
    floor = TimeFloor(tmp_path / "floor")
    assert floor.effective(0.0) == BUILD_TIME + 1000.5
    floor.raise_to(BUILD_TIME + 10)
    assert floor.effective(0.0) == BUILD_TIME + 1000.5


def test_a_hub_that_is_a_little_ahead_does_not_make_the_clock_wrong(tmp_path: Path) -> None:
    floor = TimeFloor(tmp_path / "floor")
    floor.raise_to(BUILD_TIME + 10_000)
    assert not floor.is_behind(BUILD_TIME + 9_000)
    assert floor.is_behind(BUILD_TIME + 1_000)


@pytest.mark.parametrize("time", [0.0, -1.0, float("nan"), float("inf"), 1e18])
def test_impossible_times_are_ignored(tmp_path: Path, time: float) -> None:
    floor = TimeFloor(tmp_path / "floor")
    floor.raise_to(time)
    assert floor.effective(0.0) == BUILD_TIME
    assert not (tmp_path / "floor").exists()


@pytest.mark.parametrize("content", [b"", b"soon", b"\xff" * 5, b"nan", b"inf", b"9" * 60, b"-5", b"1" * 1_000_000])
def test_a_damaged_file_falls_back_to_the_build_time(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "floor").write_bytes(content)
    floor = TimeFloor(tmp_path / "floor")
    assert floor.effective(0.0) == BUILD_TIME
    floor.raise_to(BUILD_TIME + 1)
    assert TimeFloor(tmp_path / "floor").effective(0.0) == BUILD_TIME + 1


def test_a_full_disk_does_not_move_the_floor_in_memory_alone(tmp_path: Path) -> None:
    floor = TimeFloor(tmp_path / "missing" / "floor")
    with pytest.raises(OSError, match="No such file"):
        floor.raise_to(BUILD_TIME + 1)
    assert floor.effective(0.0) == BUILD_TIME
