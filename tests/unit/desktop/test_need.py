"""What needs a person: the same problem of many devices is one line, alarms come first."""

from __future__ import annotations

from edgeyard.desktop.fleet_page.need import MAX_NEEDS, needs_of, progress_of
from edgeyard.desktop.page import Place
from edgeyard.domain.device import DeviceStatus, device_status
from edgeyard.domain.execution import ExecutionState
from edgeyard.domain.filter import parse_filter
from edgeyard.domain.rollout import Rollout, RolloutPolicy, RolloutState, Wave, WaveState
from edgeyard.store.rollout import RolloutSummary
from tests.unit.desktop.fleet_world import NOW, device, frame_of


def rollout(state: RolloutState, since: float = NOW - 60, wave: WaveState = WaveState.RUNNING) -> RolloutSummary:
    waves = (Wave(0, WaveState.PASSED, NOW, devices=2), Wave(1, wave, NOW, devices=6, reason="Two are silent."))
    made = Rollout(
        7, "yard-vision", 2, 1, "press", state, since, RolloutPolicy(), NOW, "anna", waves, reason="By hand."
    )
    counts = ({ExecutionState.SUCCEEDED: 2}, {ExecutionState.SUCCEEDED: 1, ExecutionState.ROLLED_BACK: 1})
    back = {ExecutionState.SUCCEEDED: 1, ExecutionState.NOTIFIED: 2}
    return RolloutSummary(made, counts, back)


def test_one_device_leads_to_it_and_many_to_a_filter_that_finds_exactly_them() -> None:
    hot = 'It is at 84 °C, says "sensor 1" (twice).'
    devices = [
        *(device(f"hot-{n}", problem=hot, problem_severity="attention") for n in range(3)),
        device("press", problem="Dark.", problem_severity="alarm"),
    ]
    needs = needs_of(frame_of(devices), [], NOW)
    assert [need.title for need in needs] == ["press", "3 devices"]
    assert needs[0].place == Place("fleet", "device:press")
    wanted = parse_filter(needs[1].filter_text)
    assert [d.id for d in devices if wanted.matches(d, device_status(d, NOW), NOW)] == ["hot-0", "hot-1", "hot-2"]


def test_paused_and_failed_rollouts_need_a_person_and_running_ones_do_not() -> None:
    frame = frame_of([device("a")])
    assert needs_of(frame, [rollout(RolloutState.PAUSED)], NOW)[0].detail == "Paused 1 min ago. By hand."
    assert needs_of(frame, [rollout(RolloutState.FAILED)], NOW)[0].status is DeviceStatus.ALARM
    assert needs_of(frame, [rollout(RolloutState.FAILED, NOW - 90_000)], NOW) == []
    assert needs_of(frame, [rollout(RolloutState.RUNNING)], NOW) == []


def test_an_inconclusive_wave_waits_for_a_person() -> None:
    needs = needs_of(frame_of([device("a")]), [rollout(RolloutState.RUNNING, wave=WaveState.INCONCLUSIVE)], NOW)
    assert needs[0].detail == "Wave 2 is inconclusive. Two are silent."
    assert needs[0].place == Place("rollouts", "7")


def test_progress_counts_devices_and_waves() -> None:
    (line,) = progress_of([rollout(RolloutState.RUNNING), rollout(RolloutState.SUCCEEDED)])
    assert line.title == "yard-vision 2 → press"
    assert line.detail == "Wave 2 of 2 · 3 of 8 devices · 1 went back or failed"
    (back,) = progress_of([rollout(RolloutState.UNDOING)])
    assert back.detail == "Going back · 1 of 3 devices"


def test_the_list_stays_short() -> None:
    devices = [device(f"d-{n:02}", problem=f"Problem {n}.", problem_severity="attention") for n in range(40)]
    needs = needs_of(frame_of(devices), [], NOW)
    assert len(needs) == MAX_NEEDS
    assert needs[-1].title == "and 29 more problems"
