"""The rollout controller: what starts, stops and goes back, told as behaviour."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeyard.domain.controller import ACTIVE_STATES, allowed_acts, undo_refusal
from edgeyard.domain.execution import BAD_ENDS, LIVE_STATES, ExecutionState, TrialEvidence
from edgeyard.domain.rollout import RolloutAct, RolloutPolicy, RolloutState, WaveState
from tests.unit.domain.fleet_world import GOOD, NEW, OLD, World, make_rollout


def finish_wave(world: World, state: ExecutionState = ExecutionState.SUCCEEDED) -> None:
    for execution in world.live():
        world.report(execution.id, state)
    world.settle()
    world.now += 10.0
    world.settle()


def test_only_the_first_wave_starts() -> None:
    world = World(make_rollout([1, 2, 3]))
    world.settle()
    assert world.rollout.state is RolloutState.RUNNING
    assert world.wave_states() == [WaveState.RUNNING, WaveState.PENDING, WaveState.PENDING]
    assert world.offered == {"d0"}


def test_waves_follow_each_other_until_all_succeed() -> None:
    world = World(make_rollout([1, 2, 3]))
    world.settle()
    for _ in range(3):
        finish_wave(world)
    assert world.rollout.state is RolloutState.SUCCEEDED
    assert set(world.running.values()) == {NEW}
    assert len(world.running) == 6


def test_a_wave_soaks_before_the_next_one_starts() -> None:
    world = World(make_rollout([1, 1]))
    world.settle()
    world.report(1, ExecutionState.SUCCEEDED)
    world.settle()
    assert world.wave_states() == [WaveState.SOAKING, WaveState.PENDING]
    world.now += 4.9
    world.settle()
    assert world.wave_states() == [WaveState.SOAKING, WaveState.PENDING]
    world.now += 0.2
    world.settle()
    assert world.wave_states() == [WaveState.PASSED, WaveState.RUNNING]


@pytest.mark.parametrize("end", BAD_ENDS)
def test_a_bad_first_wave_stops_the_rollout_and_reaches_nobody_else(end: ExecutionState) -> None:
    world = World(make_rollout([2, 10]))
    world.settle()
    world.report(1, end)
    world.settle()
    assert world.rollout.state is RolloutState.FAILED
    assert world.offered == {"d0", "d1"}
    assert world.assigned == {"d0": OLD, "d1": OLD}
    assert {e.state for e in world.rollout.executions if e.wave == 1} == {ExecutionState.CANCELLED}


def test_devices_of_a_failed_wave_that_had_succeeded_go_back_before_it_ends() -> None:
    world = World(make_rollout([2]))
    world.settle()
    world.report(1, ExecutionState.SUCCEEDED)
    world.report(2, ExecutionState.ROLLED_BACK)
    world.settle()
    assert world.rollout.state is RolloutState.RUNNING, "it is not over while a device is on its way back"
    (back,) = world.live()
    assert (back.device_id, back.digest, back.undo) == ("d0", OLD, True)
    world.report(back.id, ExecutionState.SUCCEEDED)
    world.settle()
    assert world.rollout.state is RolloutState.FAILED
    assert world.running == {"d0": OLD}


def test_devices_of_earlier_passed_waves_keep_the_new_model_when_a_later_wave_fails() -> None:
    world = World(make_rollout([1, 2]))
    world.settle()
    finish_wave(world)
    finish_wave(world, ExecutionState.FAILED)
    assert world.rollout.state is RolloutState.FAILED
    assert world.assigned["d0"] == NEW


def test_a_gate_that_fails_takes_the_wave_back() -> None:
    worse = replace(GOOD, accuracy=0.5)
    world = World(make_rollout([1, 1]))
    world.settle()
    world.report(1, ExecutionState.SUCCEEDED, worse)
    world.settle()
    world.now += 10
    world.settle()
    assert world.wave_states() == [WaveState.FAILED, WaveState.PENDING]
    assert "points lower" in world.rollout.waves[0].reason
    assert world.assigned["d0"] == OLD


def test_an_inconclusive_gate_waits_for_a_person_and_goes_on_when_told() -> None:
    world = World(make_rollout([1, 1]))
    world.settle()
    world.report(1, ExecutionState.SUCCEEDED, TrialEvidence(samples=100, accuracy=0.9, inferences=1))
    world.settle()
    world.now += 10
    world.settle()
    assert world.rollout.state is RolloutState.PAUSED
    assert world.wave_states() == [WaveState.INCONCLUSIVE, WaveState.PENDING]
    world.settle([RolloutAct.RESUME])
    assert world.wave_states() == [WaveState.PASSED, WaveState.RUNNING]


def test_a_silent_device_times_out_and_is_assigned_its_own_model_again() -> None:
    world = World(make_rollout([1], RolloutPolicy(execution_deadline_s=100.0)))
    world.settle()
    world.now = 101.0
    world.settle()
    assert world.rollout.executions[0].state is ExecutionState.TIMED_OUT
    assert world.assigned == {"d0": OLD}
    assert world.rollout.state is RolloutState.FAILED


def test_a_late_success_after_the_deadline_is_not_believed() -> None:
    world = World(make_rollout([1], RolloutPolicy(execution_deadline_s=100.0)))
    world.settle()
    world.now = 101.0
    world.settle()
    world.report(1, ExecutionState.SUCCEEDED)
    assert world.rollout.executions[0].state is ExecutionState.TIMED_OUT


def test_pause_lets_devices_in_work_finish_and_starts_no_others() -> None:
    world = World(make_rollout([1, 1]))
    world.settle()
    world.settle([RolloutAct.PAUSE])
    finish_wave(world)
    assert world.rollout.state is RolloutState.PAUSED
    assert world.offered == {"d0"}
    world.settle([RolloutAct.RESUME])
    world.now += 10
    world.settle()
    assert world.offered == {"d0", "d1"}


def test_abort_cancels_what_is_in_work_and_leaves_what_succeeded() -> None:
    world = World(make_rollout([1, 1]))
    world.settle()
    finish_wave(world)
    world.settle([RolloutAct.ABORT])
    assert world.rollout.state is RolloutState.CANCELLED
    assert world.assigned == {"d0": NEW, "d1": OLD}
    assert world.wave_states() == [WaveState.PASSED, WaveState.INCONCLUSIVE], "no wave seems to go on"


def test_abort_leaves_no_way_back_that_nobody_follows() -> None:
    world = World(make_rollout([2]))
    world.settle()
    world.report(1, ExecutionState.SUCCEEDED)
    world.report(2, ExecutionState.FAILED)
    world.settle()
    assert [(e.device_id, e.undo) for e in world.live()] == [("d0", True)], "the wave failed, and goes back"
    world.settle([RolloutAct.ABORT])
    assert world.rollout.state is RolloutState.CANCELLED
    assert world.live() == []
    assert world.assigned == {"d0": OLD, "d1": OLD}


def test_undo_returns_each_device_to_its_own_previous_model_in_stages() -> None:
    world = World(make_rollout([1, 2]))
    world.settle()
    finish_wave(world)
    finish_wave(world)
    assert world.rollout.state is RolloutState.SUCCEEDED
    world.settle([RolloutAct.UNDO])
    assert [e.device_id for e in world.live()] == ["d0"], "the way back is staged as the way out"
    world.report(world.live()[0].id, ExecutionState.SUCCEEDED)
    world.settle()
    assert [e.device_id for e in world.live()] == ["d1", "d2"]
    for execution in world.live():
        world.report(execution.id, ExecutionState.SUCCEEDED)
    world.settle()
    assert world.rollout.state is RolloutState.UNDONE
    assert set(world.running.values()) == {OLD}


def test_undo_is_refused_where_it_could_change_nothing() -> None:
    first = World(make_rollout([1, 1], previous=""))
    first.settle()
    finish_wave(first)
    assert undo_refusal(first.rollout) == "", "what is under way can be stopped by it"
    finish_wave(first)
    assert first.rollout.state is RolloutState.SUCCEEDED
    assert "had no model before" in undo_refusal(first.rollout)
    second = World(make_rollout([1]))
    second.settle()
    second.report(1, ExecutionState.ROLLED_BACK)
    second.settle()
    assert "No device runs" in undo_refusal(second.rollout)


def test_undo_leaves_a_device_alone_that_another_rollout_moved_on() -> None:
    world = World(make_rollout([2]))
    world.settle()
    finish_wave(world)
    world.assigned["d0"] = "2" * 64
    world.settle([RolloutAct.UNDO])
    assert [e.device_id for e in world.live()] == ["d1"]


def test_a_device_without_an_earlier_model_has_nothing_to_go_back_to() -> None:
    world = World(make_rollout([1], previous=""))
    world.settle()
    world.report(1, ExecutionState.ROLLED_BACK)
    world.settle()
    assert world.rollout.state is RolloutState.FAILED
    assert world.assigned == {"d0": ""}


def test_one_failure_among_many_is_tolerated_below_the_error_threshold() -> None:
    world = World(make_rollout([20]))
    world.settle()
    world.report(1, ExecutionState.FAILED)
    world.settle()
    assert world.wave_states() == [WaveState.RUNNING]
    finish_wave(world)
    assert world.rollout.state is RolloutState.SUCCEEDED


ENDS = [ExecutionState.SUCCEEDED, *BAD_ENDS]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_every_rollout_ends_and_what_is_wanted_agrees_with_what_ended(data: st.DataObject) -> None:
    """Any order of reports, acts and time: it settles, ends, and later waves never start after a failed one."""
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    world = World(make_rollout(sizes, RolloutPolicy(soak_s=5.0, execution_deadline_s=50.0, wave_deadline_s=200.0)))
    for _ in range(data.draw(st.integers(0, 40))):
        world.settle()
        kind = data.draw(st.sampled_from(["report", "act", "time"]))
        if kind == "report" and world.live():
            execution = data.draw(st.sampled_from(world.live()))
            world.report(execution.id, data.draw(st.sampled_from([*LIVE_STATES[1:], *ENDS])))
        elif kind == "act":
            world.settle([data.draw(st.sampled_from(list(RolloutAct)))])
        else:
            world.now += data.draw(st.sampled_from([1.0, 6.0, 60.0]))
        started = [wave.started_at is not None for wave in world.rollout.waves]
        assert started == sorted(started, reverse=True), "waves start in order"
    _run_to_the_end(world)
    assert world.rollout.state not in ACTIVE_STATES
    for execution in world.rollout.executions:
        assert execution.state not in LIVE_STATES
    failed = [wave.index for wave in world.rollout.waves if wave.state is WaveState.FAILED]
    if failed:
        assert all(wave.started_at is None for wave in world.rollout.waves if wave.index > failed[0])


def _run_to_the_end(world: World) -> None:
    for _ in range(200):
        world.settle()
        if world.rollout.state is RolloutState.PAUSED:
            world.settle([RolloutAct.RESUME])
        if world.rollout.state not in ACTIVE_STATES:
            return
        world.now += 60.0
    raise AssertionError(f"does not end: {world.rollout}")


@pytest.mark.parametrize("state", list(RolloutState))
def test_acts_are_only_taken_in_states_that_allow_them(state: RolloutState) -> None:
    for act in RolloutAct:
        world = World(replace(make_rollout([1]), state=state))
        if act not in allowed_acts(state) and state not in ACTIVE_STATES:
            world.settle([act])
            assert world.rollout.state is state
