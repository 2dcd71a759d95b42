"""Records wait for the hub's word: in order, across restarts, bounded, and through a full disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeyard.agent.outbox import Outbox
from edgeyard.domain.execution import ExecutionState
from edgeyard.wire.limit import MAX_RECORDS_PER_BATCH
from edgeyard.wire.message import DeviceEvent, ExecutionReport, MetricsSummary, RecordAck, RunningReport
from edgeyard.wire.record_codec import decode_body


def event(text: str = "x") -> DeviceEvent:
    return DeviceEvent("info", "test", text)


def metrics() -> MetricsSummary:
    return MetricsSummary(0.0, 60.0, "", 1, 0)


def execution(number: int) -> ExecutionReport:
    return ExecutionReport(number, ExecutionState.SUCCEEDED)


def kinds(outbox: Outbox) -> list[str]:
    return [record.kind for record in outbox.pending()[1]]


def test_records_come_back_in_order_and_typed(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db", 3)
    outbox.append(RunningReport(b"statement", b"signature"), 1.0)
    outbox.append(execution(7), 2.0)
    boot, records = outbox.pending()
    assert (boot, [record.seq for record in records]) == (3, [1, 2])
    assert decode_body(records[0]) == RunningReport(b"statement", b"signature")
    assert decode_body(records[1]) == execution(7)


def test_what_was_not_acknowledged_survives_a_restart_under_its_own_boot(tmp_path: Path) -> None:
    first = Outbox(tmp_path / "outbox.db", 1)
    first.append(event("old"), 1.0)
    first.append(event("old too"), 1.0)
    first.acknowledge(RecordAck(1, 1))
    # Not closed: the process was killed.
    second = Outbox(tmp_path / "outbox.db", 2)
    second.append(event("new"), 2.0)
    assert [record.seq for record in second.pending()[1]] == [2]
    assert second.pending()[0] == 1
    second.acknowledge(RecordAck(1, 2))
    boot, records = second.pending()
    assert (boot, [record.seq for record in records]) == (2, [1])
    assert len(second) == 1
    first.close()
    second.close()


def test_an_origin_is_kept_once(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db", 1)
    for _ in range(2):
        outbox.append(execution(1), 1.0, origin="e:1")
    assert len(outbox) == 1


def test_the_oldest_metrics_go_first_then_events_and_executions_never(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db", 1, max_records=30)
    for number in range(1, 16):
        outbox.append(metrics(), number)
        outbox.append(event(), number)
        outbox.append(execution(number), number)
    assert len(outbox) <= 30
    assert kinds(outbox).count("execution") == 15
    assert outbox.dropped >= 15
    assert kinds(outbox).count("metrics") < kinds(outbox).count("event")
    for number in range(16, 60):
        outbox.append(execution(number), number)
    assert kinds(outbox) == ["execution"] * 59


def test_the_bytes_are_bounded_too(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db", 1, max_records=1000, max_bytes=10_000)
    for _ in range(200):
        outbox.append(event("x" * 400), 1.0)
    assert len(outbox) < 100


def test_a_batch_is_bounded(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db", 1)
    for _ in range(MAX_RECORDS_PER_BATCH + 5):
        outbox.append(event(), 1.0)
    assert len(outbox.pending()[1]) == MAX_RECORDS_PER_BATCH
    outbox.acknowledge(RecordAck(1, MAX_RECORDS_PER_BATCH))
    assert len(outbox.pending()[1]) == 5


@pytest.mark.parametrize("damage", [b"garbage" * 1000, b"SQLite format 3\0" + bytes(5000)])
def test_a_damaged_file_is_set_aside_and_said(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "outbox.db").write_bytes(damage)
    outbox = Outbox(tmp_path / "outbox.db", 1)
    assert "made anew" in outbox.damage
    outbox.append(event(), 1.0)
    assert len(outbox) == 1
    assert (tmp_path / "outbox.db.damaged").exists()


def test_a_folder_that_cannot_be_written_leaves_records_in_memory(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "no-such-folder" / "outbox.db", 1)
    assert "not kept across a restart" in outbox.damage
    outbox.append(event(), 1.0)
    assert len(outbox.pending()[1]) == 1


def test_a_full_disk_keeps_records_in_memory_until_there_is_room(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(small)], capture_output=True, check=False
    ) if sys.platform == "linux" else None  # fmt: skip
    if mounted is None or mounted.returncode:
        pytest.skip("mounting a small file system needs root on Linux")
    try:
        outbox = Outbox(small / "outbox.db", 1)
        outbox.append(execution(1), 1.0)
        ballast = small / "ballast"
        with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
            while True:
                file.write(bytes(4096))
        for number in range(2, 200):
            outbox.append(execution(number), 1.0)
        assert "disk" in outbox.problem
        boot, records = outbox.pending()
        assert boot == 1
        assert [record.seq for record in records] == list(range(1, 200))
        outbox.acknowledge(RecordAck(1, 150))
        ballast.unlink()
        # What could not be deleted is sent again, which the hub takes for what it is.
        assert [record.seq for record in outbox.pending()[1]][-49:] == list(range(151, 200))
        outbox.append(execution(200), 1.0)
        assert outbox.problem == ""
        outbox.close()
        again = Outbox(small / "outbox.db", 2)
        assert again.pending()[1][-1].seq == 200
        again.close()
    finally:
        subprocess.run(["umount", "--lazy", str(small)], check=True)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["append", "restart", "ack", "send"]), max_size=40))
def test_nothing_unacknowledged_is_lost_and_nothing_comes_twice(
    tmp_path_factory: pytest.TempPathFactory, acts: list[str]
) -> None:
    path = tmp_path_factory.mktemp("outbox") / "outbox.db"
    boot, made, heard = 1, 0, []
    outbox = Outbox(path, boot)
    sent = (0, 0)
    for act in [*acts, *["send", "ack"] * 40]:
        if act == "append":
            made += 1
            outbox.append(execution(made), 1.0)
        elif act == "restart":
            outbox.close()
            boot += 1
            outbox = Outbox(path, boot)
        elif act == "send":
            sent_boot, records = outbox.pending()
            if records:
                heard += [record.body["execution"] for record in records if (sent_boot, record.seq) > sent]
                sent = (sent_boot, records[-1].seq)
        elif sent[0]:
            outbox.acknowledge(RecordAck(*sent))
    assert heard == list(range(1, made + 1))
    assert len(outbox) == 0
    outbox.close()
