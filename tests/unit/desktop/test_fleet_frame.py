"""The columns say what the devices say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgeyard.desktop.fleet_frame import SLOT_S, SLOTS, FrameBuilder
from edgeyard.domain.device import DeviceStatus, device_status
from tests.unit.desktop.fleet_world import NOW, device, frame_of, mixed_fleet


def test_statuses_follow_the_rules_of_the_domain() -> None:
    devices = mixed_fleet()
    frame = frame_of(devices)
    assert [frame.status_of(row) for row in range(len(devices))] == [device_status(d, NOW) for d in devices]
    assert frame.count(DeviceStatus.OFFLINE) == 2


def test_a_device_falls_silent_by_time_alone() -> None:
    builder = FrameBuilder()
    builder.start([device("a", last_seen_at=NOW)], NOW)
    frame = builder.update([], NOW + 31)
    assert frame is not None
    assert frame.status_of(0) is DeviceStatus.OFFLINE
    assert list(frame.changed) == [0]


def test_nothing_new_makes_no_frame() -> None:
    builder = FrameBuilder()
    start = NOW - NOW % SLOT_S
    builder.start([device("a", last_seen_at=start)], start)
    assert builder.update([], start + 1) is None


def test_an_update_changes_only_its_rows_and_leaves_the_frame_before_as_it_was() -> None:
    builder = FrameBuilder()
    before = builder.start(mixed_fleet(), NOW)
    after = builder.update([device("c-healthy", latency_p95_ms=99.0)], NOW + 1)
    assert after is not None
    assert before.p95_ms[2] == 10.0
    assert after.p95_ms[2] == 99.0
    assert 2 in after.changed
    assert after.members == before.members


def test_only_new_names_count_as_renamed() -> None:
    builder = FrameBuilder()
    builder.start(mixed_fleet(), NOW)
    figures = builder.update([device("c-healthy", latency_p95_ms=11.0)], NOW + 1)
    labels = builder.update([device("c-healthy", labels={"line": "9"})], NOW + 2)
    assert figures is not None
    assert labels is not None
    assert list(figures.renamed) == []
    assert list(labels.renamed) == [2]


def test_members_grow_when_a_device_comes_and_its_neighbours_keep_their_lines() -> None:
    builder = FrameBuilder()
    first = builder.start([device("b")], NOW)
    second = builder.start([device("a"), device("b")], NOW + SLOT_S)
    assert second.members == first.members + 1
    assert not np.isnan(second.history[1, -2])
    assert np.isnan(second.history[0, -2])


def test_silence_is_a_gap_in_the_line_and_not_a_value_carried_on() -> None:
    builder = FrameBuilder()
    start = NOW - NOW % SLOT_S
    builder.start([device("a", last_seen_at=start)], start)
    for step in range(1, 8):
        builder.update([], start + step * SLOT_S)
    back = builder.update([device("a", last_seen_at=start + 80, latency_p95_ms=20.0)], start + 80)
    assert back is not None
    line = back.history[0]
    assert line[-1] == 20.0
    assert np.isnan(line[-4:-1]).all()
    assert not np.isnan(line[-9:-5]).any()


def test_measured_windows_fill_the_past_but_never_what_was_heard_live() -> None:
    builder = FrameBuilder()
    start = NOW - NOW % SLOT_S
    builder.start([device("a", last_seen_at=start, latency_p95_ms=10.0)], start)
    frame = builder.fill_history({"a": [(start - 120, 5.0), (start - 60, 6.0)], "gone": [(start, 1.0)]})
    assert frame.history[0, SLOTS - 1 - 12] == 5.0
    assert frame.history[0, SLOTS - 1 - 7] == 5.0
    assert frame.history[0, SLOTS - 1 - 6] == 6.0
    assert frame.history[0, -1] == 10.0


def test_a_long_pause_between_windows_stays_empty() -> None:
    builder = FrameBuilder()
    start = NOW - NOW % SLOT_S
    builder.start([device("a", last_seen_at=start)], start)
    frame = builder.fill_history({"a": [(start - 340, 5.0), (start - 20, 6.0)]})
    assert np.isnan(frame.history[0, SLOTS - 20])


def test_rows_of_ids_skip_those_that_are_gone() -> None:
    frame = frame_of(mixed_fleet())
    assert list(frame.rows(["c-healthy", "nobody"])) == [2]


def test_a_frame_is_never_changed_by_a_later_one() -> None:
    builder = FrameBuilder()
    first = builder.start(mixed_fleet(), NOW)
    with pytest.raises(AttributeError):
        first.at = 0.0  # type: ignore[misc]
    kept = first.history.copy()
    builder.update([replace(first.devices[2], latency_p95_ms=50.0)], NOW + SLOT_S)
    assert np.array_equal(first.history, kept, equal_nan=True)
