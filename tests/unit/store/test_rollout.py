from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import Connection

from edgeyard.domain.error import UserError
from edgeyard.domain.execution import ExecutionState, TrialEvidence
from edgeyard.domain.gate import GateFinding, GatePolicy, Verdict
from edgeyard.domain.rollout import RolloutAct, RolloutPolicy, RolloutState, WaveState
from edgeyard.store.assignment import (
    all_assignments,
    assign,
    assigned_digests,
    failed_digests,
    failed_digests_by_device,
    forgive,
    get_assignment,
    mark_published,
    unpublished,
)
from edgeyard.store.change import change_counter
from edgeyard.store.database import Database
from edgeyard.store.device import get_device, model_history
from edgeyard.store.model import add_version, delete_version
from edgeyard.store.rollout import (
    ExecutionPlan,
    NewRollout,
    add_command,
    add_execution,
    busy_devices,
    close_command,
    create_rollout,
    downloaded_bytes,
    excluded,
    executions_of_device,
    get_execution,
    get_rollout,
    list_rollouts,
    live_rollouts,
    open_commands,
    rollout_events,
    set_execution_state,
    set_rollout_state,
    set_wave_state,
)
from tests.unit.store.sample import NOW, digest, join, run_model

POLICY = RolloutPolicy((50, 100), soak_s=5.0, gate=GatePolicy(trial_s=3.0))


def start(c: Connection, **facts: Any) -> int:
    """A rollout of version 1 over a, b (wave 1) and c (wave 2); d is left out."""
    join(c, "a", "b", "c", "d")
    version = add_version(c, model="yard", source_digest=digest("0"), source_size_bytes=1, now=NOW)
    waves = [
        [ExecutionPlan("a", digest("2"), digest("1")), ExecutionPlan("b", digest("3"), "")],
        [ExecutionPlan("c", digest("2"), digest("1"))],
    ]
    draft = NewRollout("yard", version.id, "hall-a", POLICY, "operator.eve", waves, [("d", "no variant fits")], 4096)
    return create_rollout(c, draft, NOW, **facts)


def move(c: Connection, execution_id: int, *states: ExecutionState) -> list[bool]:
    return [set_execution_state(c, execution_id, state, state.value, None, NOW + 1) for state in states]


def test_a_rollout_comes_back_as_it_was_planned(database: Database) -> None:
    with database.write() as c:
        rollout_id = start(c)
    with database.read() as c:
        rollout = get_rollout(c, rollout_id)
        assert (rollout.model, rollout.version, rollout.group, rollout.created_by) == (
            "yard",
            1,
            "hall-a",
            "operator.eve",
        )
        assert (rollout.state, rollout.policy, rollout.bytes_planned) == (RolloutState.SCHEDULED, POLICY, 4096)
        assert [(wave.index, wave.state, wave.devices) for wave in rollout.waves] == [
            (0, WaveState.PENDING, 2),
            (1, WaveState.PENDING, 1),
        ]
        assert [(e.wave, e.device_id, e.attempt, e.digest, e.previous_digest) for e in rollout.executions] == [
            (0, "a", 1, digest("2"), digest("1")),
            (0, "b", 1, digest("3"), ""),
            (1, "c", 1, digest("2"), digest("1")),
        ]
        assert {e.state for e in rollout.executions} == {ExecutionState.QUEUED}
        assert excluded(c, rollout_id) == [("d", "no variant fits")]
        assert live_rollouts(c) == [rollout_id]
        assert busy_devices(c) == dict.fromkeys("abc", f"rollout {rollout_id} (yard 1)")


def test_a_rollout_without_devices_or_version_is_refused(database: Database) -> None:
    with database.write() as c:
        with pytest.raises(UserError, match="not in the site"):
            create_rollout(c, NewRollout("m", 99, "g", POLICY, "eve", [[ExecutionPlan("a", "", "")]]), NOW)
        version = add_version(c, model="yard", source_digest="", source_size_bytes=1, now=NOW)
        with pytest.raises(UserError, match="No device would take part"):
            create_rollout(c, NewRollout("yard", version.id, "g", POLICY, "eve", [[], []]), NOW)
        with pytest.raises(UserError, match="There is no rollout 7"):
            get_rollout(c, 7)
        assert list_rollouts(c) == []


def test_states_move_and_keep_since_when(database: Database) -> None:
    finding = GateFinding("accuracy", Verdict.PASS, "0.91 against 0.90", 0.91, 0.88)
    with database.write() as c:
        rollout_id = start(c)
        set_rollout_state(c, rollout_id, RolloutState.RUNNING, "", NOW + 1)
        set_rollout_state(c, rollout_id, RolloutState.RUNNING, "still", NOW + 2)
        set_wave_state(c, rollout_id, 0, WaveState.RUNNING, "", (), NOW + 3)
        set_wave_state(c, rollout_id, 0, WaveState.PASSED, "fine", (finding,), NOW + 4)
        rollout = get_rollout(c, rollout_id)
        assert (rollout.state_since, rollout.started_at, rollout.reason) == (NOW + 1, NOW + 1, "still")
        wave = rollout.waves[0]
        assert (wave.state_since, wave.started_at, wave.findings, wave.reason) == (NOW + 4, NOW + 3, (finding,), "fine")
        set_rollout_state(c, rollout_id, RolloutState.SUCCEEDED, "", NOW + 5)
        assert get_rollout(c, rollout_id).ended_at == NOW + 5
        assert (live_rollouts(c), busy_devices(c)) == ([], {})
        set_rollout_state(c, rollout_id, RolloutState.UNDOING, "", NOW + 6)
        assert get_rollout(c, rollout_id).ended_at is None
        set_rollout_state(c, 999, RolloutState.FAILED, "", NOW)
        set_wave_state(c, rollout_id, 9, WaveState.FAILED, "", (), NOW)
        story = [(event.kind, event.state) for event in rollout_events(c, rollout_id)]
        assert story == [
            ("rollout", "undoing"),
            ("rollout", "succeeded"),
            ("wave", "passed"),
            ("wave", "running"),
            ("rollout", "running"),
            ("rollout", "scheduled"),
        ]


def test_reports_are_believed_only_where_they_may_follow(database: Database) -> None:
    evidence = TrialEvidence(samples=100, accuracy=0.9)
    with database.write() as c:
        a, b, _ = get_rollout(c, start(c)).executions
        assert move(c, a.id, ExecutionState.DOWNLOADING, ExecutionState.QUEUED) == [True, False]
        assert set_execution_state(c, a.id, ExecutionState.TRIAL, "", evidence, NOW + 2, downloaded_bytes=70)
        assert set_execution_state(c, a.id, ExecutionState.TRIAL, "", None, NOW + 3)
        read = get_execution(c, a.id)
        assert read is not None
        assert (read.state, read.state_since, read.evidence) == (ExecutionState.TRIAL, NOW + 2, evidence)
        assert downloaded_bytes(c, a.rollout_id) == 70
        assert move(c, a.id, ExecutionState.SUCCEEDED, ExecutionState.TRIAL, ExecutionState.FAILED) == [
            True,
            False,
            False,
        ]
        assert not set_execution_state(c, 999, ExecutionState.FAILED, "", None, NOW)
        # A device may speak of its own executions only.
        assert not set_execution_state(c, b.id, ExecutionState.FAILED, "", None, NOW, device_id="a")
        assert set_execution_state(c, b.id, ExecutionState.FAILED, "x" * 900, None, NOW, device_id="b")
        assert len(get_execution(c, b.id).reason) == 500  # type: ignore[union-attr]


def test_a_repeated_report_is_no_change(database: Database) -> None:
    with database.write() as c:
        a, *_ = get_rollout(c, start(c)).executions
        move(c, a.id, ExecutionState.DOWNLOADING)
    with database.read() as c:
        before = change_counter(c)
    with database.write() as c:
        assert move(c, a.id, ExecutionState.DOWNLOADING) == [True]
    with database.read() as c:
        assert change_counter(c) == before


def test_of_two_ends_reported_at_once_one_is_believed(database: Database) -> None:
    with database.write() as c:
        a, *_ = get_rollout(c, start(c)).executions
    together = threading.Barrier(2)
    believed: list[bool] = []

    def end(state: ExecutionState) -> None:
        together.wait()
        with database.write() as c:
            believed.append(set_execution_state(c, a.id, state, "", None, NOW))

    threads = [threading.Thread(target=end, args=(s,)) for s in (ExecutionState.SUCCEEDED, ExecutionState.FAILED)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(believed) == [False, True]


def test_the_way_back_is_further_attempts(database: Database) -> None:
    with database.write() as c:
        rollout_id = start(c)
        ids = [add_execution(c, rollout_id, 0, "a", digest("1"), digest("2"), NOW + n) for n in (1, 2)]
        attempts = [(e.id, e.attempt, e.undo) for e in executions_of_device(c, "a")]
        assert attempts[:2] == [(ids[1], 3, True), (ids[0], 2, True)]
        assert [(e.attempt, e.undo) for e in executions_of_device(c, "a", limit=9)][-1] == (1, False)


def test_the_list_counts_executions_by_wave_and_state(database: Database) -> None:
    with database.write() as c:
        rollout_id = start(c)
        a, b, _ = get_rollout(c, rollout_id).executions
        move(c, a.id, ExecutionState.SUCCEEDED)
        move(c, b.id, ExecutionState.REJECTED)
        add_execution(c, rollout_id, 0, "a", digest("1"), digest("2"), NOW)
    with database.read() as c:
        [summary] = list_rollouts(c)
        assert summary.counts == (
            {ExecutionState.SUCCEEDED: 1, ExecutionState.REJECTED: 1},
            {ExecutionState.QUEUED: 1},
        )
        assert summary.back_counts == {ExecutionState.QUEUED: 1}
        assert (summary.devices, summary.total(ExecutionState.SUCCEEDED, ExecutionState.QUEUED)) == (3, 2)
        assert summary.rollout.executions == ()


def test_a_command_is_handled_once(database: Database) -> None:
    with database.write() as c:
        rollout_id = start(c)
        set_rollout_state(c, rollout_id, RolloutState.SUCCEEDED, "", NOW)
        command_id = add_command(c, rollout_id, RolloutAct.UNDO, "operator.eve", NOW + 1)
        [command] = open_commands(c)
        assert (command.id, command.act, command.by) == (command_id, RolloutAct.UNDO, "operator.eve")
        # An ended rollout is the controller's work again while somebody asks something of it.
        assert live_rollouts(c) == [rollout_id]
    together = threading.Barrier(4)
    closed: list[bool] = []

    def handle() -> None:
        together.wait()
        with database.write() as c:
            closed.append(close_command(c, command_id, "Undoing.", NOW + 2))

    threads = [threading.Thread(target=handle) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(closed) == [False, False, False, True]
    with database.read() as c:
        assert open_commands(c) == []
        assert live_rollouts(c) == []
        assert [event.text for event in rollout_events(c, rollout_id, kinds=("command",))] == [
            "Undoing.",
            "Asked for by operator.eve.",
        ]


def test_a_version_in_a_rollout_cannot_be_deleted(database: Database) -> None:
    with database.write() as c:
        version_id = get_rollout(c, start(c)).version_id
        with pytest.raises(UserError, match="its record must stay"):
            delete_version(c, version_id, NOW)


def test_assignments_count_up_and_are_published_one_by_one(database: Database) -> None:
    with database.write() as c:
        a, b, _ = get_rollout(c, start(c)).executions
        assert assign(c, "a", a.id, a.digest, "yard/1/int8.onnx", False, POLICY.gate, NOW) == 1
        assert assign(c, "b", b.id, b.digest, "yard/1/fp32.onnx", False, POLICY.gate, NOW + 1) == 1
        assert assign(c, "a", None, digest("1"), "yard/0/int8.onnx", True, GatePolicy(), NOW + 2) == 2
        assert [row.device_id for row in unpublished(c)] == ["b", "a"]
        assert [row.device_id for row in unpublished(c, limit=1)] == ["b"]
        # Version 1 was overtaken: publishing it must not hide version 2.
        assert not mark_published(c, "a", 1, NOW + 3)
        assert mark_published(c, "a", 2, NOW + 3)
        assert [row.device_id for row in unpublished(c)] == ["b"]
        row = get_assignment(c, "a")
        assert row is not None
        assert (row.execution_id, row.undo, row.gate, row.published_at) == (None, True, GatePolicy(), NOW + 3)
        assert get_assignment(c, "d") is None
        assert [row.device_id for row in all_assignments(c)] == ["a", "b"]
        assert assigned_digests(c) == {"a": digest("1"), "b": digest("3")}
        device = get_device(c, "a")
        assert device is not None
        assert device.assigned_digest == digest("1")


def test_two_assignments_at_once_get_different_versions(database: Database) -> None:
    with database.write() as c:
        join(c, "a")
    together = threading.Barrier(4)
    versions: list[int] = []

    def want() -> None:
        together.wait()
        with database.write() as c:
            versions.append(assign(c, "a", None, "", "", False, GatePolicy(), NOW))

    threads = [threading.Thread(target=want) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(versions) == [1, 2, 3, 4]


def test_a_digest_that_failed_on_a_device_is_remembered_until_forgiven(database: Database) -> None:
    with database.write() as c:
        rollout_id = start(c)
        a, b, third = get_rollout(c, rollout_id).executions
        move(c, a.id, ExecutionState.ROLLED_BACK)
        move(c, b.id, ExecutionState.REJECTED)
        move(c, third.id, ExecutionState.TIMED_OUT)
        back = add_execution(c, rollout_id, 0, "a", digest("1"), digest("2"), NOW)
        move(c, back, ExecutionState.FAILED)
        assert failed_digests(c, "a") == {digest("2")}
        # Switched off is not broken, and a way back that failed does not condemn the old model.
        assert failed_digests_by_device(c) == {"a": {digest("2")}, "b": {digest("3")}}
        assert forgive(c, "a", digest("2"), NOW) == 1
        assert failed_digests(c, "a") == set()


def test_the_history_says_which_rollout_brought_a_model(database: Database) -> None:
    with database.write() as c:
        rollout_id = start(c)
        a, *_ = get_rollout(c, rollout_id).executions
        run_model(c, "a", "1", "yard/0/int8.onnx", counter=1)
        assign(c, "a", a.id, a.digest, "yard/1/int8.onnx", False, POLICY.gate, NOW)
        run_model(c, "a", "2", "yard/1/int8.onnx", counter=2, previous="1")
        back = add_execution(c, rollout_id, 0, "a", digest("1"), digest("2"), NOW)
        assign(c, "a", back, digest("1"), "yard/0/int8.onnx", True, POLICY.gate, NOW)
        run_model(c, "a", "1", "yard/0/int8.onnx", counter=3, previous="2")
        why = [entry.why for entry in model_history(c, "a")]
        assert why == [f"sent back by rollout {rollout_id}", f"rollout {rollout_id}", "reported by the device"]
