"""The update path, driven event by event: what it does, and what it never does."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgeyard.agent import update_event as event
from edgeyard.agent.update_machine import UpdateMachine
from edgeyard.agent.update_path import MAX_DOWNLOADS, MAX_RESTARTS
from edgeyard.agent.update_state import SlotFacts, Stage
from edgeyard.domain.execution import ExecutionState, TrialEvidence
from tests.unit.agent.update_world import World, digest_of, make_target

S = ExecutionState


def world_running(name: str = "old") -> World:
    return World(active=name)


def states_reported(world: World, execution: int) -> list[ExecutionState]:
    return [state for number, state, _ in world.disk.outbox.values() if number == execution]


def bring_to(world: World, stage: Stage, name: str = "new", execution: int = 1) -> None:
    world.tell(event.Offered(make_target(execution, name)))
    while world.machine.snapshot.stage is not stage:
        world.step()
    if stage is Stage.TRIAL:
        world.step()


def test_a_good_model_goes_all_the_way_and_every_state_is_reported_once() -> None:
    world = world_running()
    world.tell(event.Offered(make_target(1, "new")))
    world.settle()
    assert states_reported(world, 1) == [S.DOWNLOADING, S.VERIFIED, S.SELF_TESTING, S.TRIAL, S.SUCCEEDED]
    assert (world.disk.active, world.disk.other) == (digest_of("new"), digest_of("old"))
    assert world.machine.snapshot.counters == {"yard": 1}


def test_a_model_that_fails_its_self_test_never_runs() -> None:
    world = world_running()
    world.tell(event.Offered(make_target(1, "bad")))
    world.settle()
    assert world.ends(1) == [S.ROLLED_BACK]
    assert world.disk.active == digest_of("old")
    assert "30.0 %" in next(reason for _, state, reason in world.disk.outbox.values() if state is S.ROLLED_BACK)


def test_a_crash_in_the_trial_leads_back() -> None:
    world = world_running()
    bring_to(world, Stage.TRIAL)
    assert world.disk.active == digest_of("new")
    world.tell(event.TrialBroke(world.machine.snapshot.attempt, "The runner was ended by SIGKILL."))
    world.settle()
    assert world.ends(1) == [S.ROLLED_BACK]
    assert world.disk.active == digest_of("old")


def test_too_many_errors_in_the_trial_lead_back() -> None:
    world = world_running()
    bring_to(world, Stage.TRIAL)
    world.tell(event.TrialFigures(world.machine.snapshot.attempt, 100, 30))
    world.now += 11
    world.tell(event.Ticked())
    world.settle()
    assert world.ends(1) == [S.ROLLED_BACK]


def test_a_trial_with_too_few_inferences_is_extended_and_then_accepted_without_errors() -> None:
    world = world_running()
    bring_to(world, Stage.TRIAL)
    for elapsed in (11, 20, 29):
        world.now = elapsed
        world.tell(event.Ticked())
        assert world.machine.snapshot.stage is Stage.TRIAL
    world.now = 31
    world.tell(event.Ticked())
    assert world.ends(1) == [S.SUCCEEDED]


def test_the_first_model_of_a_device_that_fails_its_trial_leaves_it_without_one_as_before() -> None:
    world = World()
    bring_to(world, Stage.TRIAL)
    world.tell(event.TrialBroke(world.machine.snapshot.attempt, "crash"))
    world.settle()
    assert world.ends(1) == [S.ROLLED_BACK]
    assert world.disk.active == ""


def test_what_the_other_slot_holds_is_not_downloaded_again() -> None:
    world = world_running()
    world.tell(event.Offered(make_target(1, "new")))
    world.settle()
    world.tell(event.Offered(make_target(2, "old", undo=True)))
    (command,) = world.queue
    assert isinstance(command, event.Download)
    assert not command.model_needed
    world.settle()
    assert world.ends(2) == [S.SUCCEEDED]
    assert world.disk.active == digest_of("old")


def test_an_undo_accepts_a_model_that_measures_worse_than_the_one_it_leaves() -> None:
    world = world_running("bad-but-known")
    world.tell(event.Offered(make_target(1, "new")))
    world.settle()
    world.tell(event.Offered(make_target(2, "bad-but-known", undo=True)))
    world.settle(inferences=1)
    assert world.ends(2) == [S.SUCCEEDED]


def test_an_ended_execution_does_not_begin_again_however_often_it_is_offered() -> None:
    world = world_running()
    for _ in range(3):
        world.tell(event.Offered(make_target(1, "bad")))
        world.settle()
    assert world.ends(1) == [S.ROLLED_BACK]
    world.tell(event.Offered(make_target(2, "bad")))
    assert world.machine.snapshot.stage is Stage.DOWNLOADING


def test_an_assignment_of_what_runs_succeeds_at_once() -> None:
    world = world_running()
    world.tell(event.Offered(make_target(5, "old")))
    assert states_reported(world, 5) == [S.SUCCEEDED]


@pytest.mark.parametrize("stage", [Stage.DOWNLOADING, Stage.VERIFIED, Stage.SELF_TESTING])
def test_a_newer_word_drops_what_was_not_switched_yet(stage: Stage) -> None:
    world = world_running()
    bring_to(world, stage)
    world.tell(event.Offered(make_target(2, "newer")))
    world.settle()
    assert world.ends(1) == []
    assert world.ends(2) == [S.SUCCEEDED]


@pytest.mark.parametrize("stage", [Stage.DOWNLOADING, Stage.VERIFIED, Stage.SELF_TESTING])
def test_a_withdrawn_assignment_is_dropped(stage: Stage) -> None:
    world = world_running()
    bring_to(world, stage)
    world.tell(event.Offered(None))
    world.settle()
    assert world.ends(1) == []
    assert world.disk.active == digest_of("old")


def test_a_newer_word_waits_until_the_trial_has_ended() -> None:
    world = world_running()
    bring_to(world, Stage.TRIAL)
    world.tell(event.Offered(make_target(2, "newer")))
    assert world.machine.snapshot.stage is Stage.TRIAL
    world.settle()
    assert (world.ends(1), world.ends(2)) == ([S.SUCCEEDED], [S.SUCCEEDED])
    assert world.disk.active == digest_of("newer")


def test_the_word_to_go_back_ends_a_trial_at_once() -> None:
    world = world_running()
    bring_to(world, Stage.TRIAL)
    world.tell(event.Offered(make_target(2, "old", undo=True)))
    world.step()
    assert world.disk.active == digest_of("old")
    assert (world.ends(1), world.ends(2)) == ([], [S.SUCCEEDED])


def test_a_restated_word_without_an_execution_is_no_new_attempt() -> None:
    world = world_running()
    bring_to(world, Stage.SELF_TESTING)
    attempt = world.machine.snapshot.attempt
    world.tell(event.Offered(make_target(0, "new")))
    assert world.machine.snapshot.attempt == attempt
    world.settle()
    assert world.ends(1) == [S.SUCCEEDED]


def test_a_word_without_an_execution_makes_it_run_and_reports_none() -> None:
    world = world_running()
    world.tell(event.Offered(make_target(0, "new")))
    world.settle()
    assert world.disk.active == digest_of("new")
    assert world.disk.outbox == {}


def test_a_refused_target_is_rejected_once() -> None:
    world = world_running()
    for _ in range(2):
        world.tell(event.Refused(make_target(1, "new"), "Wrong hardware: this is a pi4."))
    assert states_reported(world, 1) == [S.REJECTED]
    assert world.machine.snapshot.stage is Stage.IDLE


def test_lost_bytes_are_fetched_again_but_not_for_ever() -> None:
    world = world_running()
    world.tell(event.Offered(make_target(1, "new")))
    downloads = 0
    while world.machine.snapshot.stage is not Stage.IDLE:
        downloads += isinstance(world.queue[0], event.Download)
        world.disk.downloads.clear()
        world.step()
        world.disk.downloads.clear()
    assert downloads == MAX_DOWNLOADS
    assert world.ends(1) == [S.FAILED]


def test_a_machine_that_restarts_in_every_trial_goes_back() -> None:
    world = world_running()
    bring_to(world, Stage.TRIAL)
    for _ in range(MAX_RESTARTS + 1):
        world.kill()
    world.settle()
    assert world.ends(1) == [S.ROLLED_BACK]
    assert world.disk.active == digest_of("old")


def test_a_machine_that_restarts_in_every_self_test_gives_up() -> None:
    world = world_running()
    bring_to(world, Stage.SELF_TESTING)
    for _ in range(MAX_RESTARTS + 1):
        world.kill()
    world.settle()
    assert world.ends(1) == [S.FAILED]
    assert world.disk.active == digest_of("old")


def test_a_download_that_waits_too_long_fails_and_names_what_it_waited_for() -> None:
    world = world_running()
    world.tell(event.Offered(make_target(1, "new")))
    world.step("wait")
    world.now += 3601
    world.tell(event.Ticked())
    assert world.ends(1) == [S.FAILED]
    assert "The hub is away." in next(reason for _, state, reason in world.disk.outbox.values() if state is S.FAILED)


def test_a_device_that_cannot_switch_back_tries_again() -> None:
    world = world_running()
    bring_to(world, Stage.TRIAL)
    world.tell(event.TrialBroke(world.machine.snapshot.attempt, "crash"))
    world.step("fail")
    assert world.machine.snapshot.stage is Stage.GOING_BACK
    world.settle()
    assert world.disk.active == digest_of("old")


def test_a_damaged_way_back_keeps_the_new_model_rather_than_none() -> None:
    world = world_running()
    bring_to(world, Stage.TRIAL)
    world.disk.other = ""
    world.tell(event.TrialBroke(world.machine.snapshot.attempt, "crash"))
    world.settle()
    assert world.ends(1) == [S.FAILED]
    assert world.disk.active == digest_of("new")


def test_a_lost_slot_is_repaired_by_the_next_offer_without_reporting_the_execution_again() -> None:
    world = world_running()
    world.tell(event.Offered(make_target(1, "new")))
    world.settle()
    world.disk.active, world.disk.other = digest_of("old"), ""
    world.machine = UpdateMachine(world.machine.snapshot, SlotFacts(digest_of("old"), "", lost=(digest_of("new"),)))
    world.machine.resume(world.now)
    world.tell(event.Offered(make_target(1, "new")))
    assert world.machine.snapshot.stage is Stage.DOWNLOADING
    world.settle()
    assert world.disk.active == digest_of("new")
    assert world.ends(1) == [S.SUCCEEDED]


def test_answers_of_a_dropped_attempt_change_nothing() -> None:
    world = world_running()
    bring_to(world, Stage.SELF_TESTING)
    stale = world.machine.snapshot.attempt
    world.tell(event.Offered(make_target(2, "newer")))
    world.tell(event.SelfTested(stale, TrialEvidence(samples=1, accuracy=1.0)))
    assert world.machine.snapshot.stage is Stage.DOWNLOADING


# --- at random -------------------------------------------------------------------------------------------------------

KILLS = st.sampled_from(["", "", "", "", "before", "after", "reported", "effect"])
OFFERS = st.sampled_from(
    [None, (1, "new"), (2, "bad"), (3, "newer"), (4, "old"), (0, "newer"), (5, "bad-too"), (6, "new")]
)
ACTS = st.one_of(
    st.tuples(st.just("step"), st.sampled_from(["ok", "ok", "ok", "ok", "fail", "wait", "reject"]), KILLS),
    st.tuples(st.just("offer"), OFFERS, KILLS),
    st.tuples(st.just("tick"), st.sampled_from([0.5, 6.0, 40.0, 4000.0]), KILLS),
    st.tuples(st.just("figures"), st.sampled_from([(3, 0), (50, 0), (50, 20)]), KILLS),
    st.tuples(st.just("crash"), st.booleans(), KILLS),
    st.tuples(st.just("kill"), st.none(), st.just("")),
)


def act(world: World, kind: str, detail: object, killed: str) -> None:
    attempt = world.machine.snapshot.attempt
    killed_in_tell = "" if killed == "effect" else killed
    match kind, detail:
        case "step", str(outcome):
            world.step(outcome, killed)
        case "offer", (int(execution), str(name)):
            world.tell(event.Offered(make_target(execution, name, undo=name == "old")), killed=killed_in_tell)
        case "offer", None:
            world.tell(event.Offered(None), killed=killed_in_tell)
        case "tick", float(elapsed):
            world.now += elapsed
            world.tell(event.Ticked(), killed=killed_in_tell)
        case "figures", (int(inferences), int(errors)) if world.trial is not None:
            world.tell(event.TrialFigures(attempt, inferences, errors), killed=killed_in_tell)
        case "crash", bool(crashed) if world.trial is not None:
            world.tell(event.TrialBroke(attempt, "It broke.", crashed), killed=killed_in_tell)
        case "kill", _:
            world.kill()


def check(world: World) -> None:
    disk = world.disk
    assert disk.active, "the device lost its model"
    assert disk.active == digest_of("old") or disk.active in world.passed
    assert disk.active != disk.other
    for execution in range(1, 7):
        assert len(world.ends(execution)) <= 1
    assert not any(number == 0 for number, _, _ in disk.outbox.values())


@settings(max_examples=400, deadline=None)
@given(st.lists(ACTS, max_size=60))
@example([("offer", (4, "old"), ""), ("offer", (1, "new"), ""), ("tick", 4000.0, ""), ("offer", (4, "old"), "")])
def test_whatever_happens_in_whatever_order_a_verified_model_runs_and_each_end_is_reported_once(
    acts: list[tuple[str, object, str]],
) -> None:
    world = world_running()
    for kind, detail, killed in acts:
        act(world, kind, detail, killed)
        check(world)
    world.settle()
    world.tell(event.Offered(make_target(9, "last")))
    world.settle()
    check(world)
    assert world.ends(9) == [S.SUCCEEDED]
    assert world.disk.active == digest_of("last")


@pytest.mark.parametrize("killed", ["before", "after", "reported", "effect"])
@pytest.mark.parametrize("name", ["new", "bad"])
def test_a_kill_at_any_single_command_changes_nothing_about_the_end(killed: str, name: str) -> None:
    expected = [S.SUCCEEDED] if name == "new" else [S.ROLLED_BACK]
    for at in range(7):
        world = world_running()
        world.tell(event.Offered(make_target(1, name)))
        for step in range(at + 1):
            world.step(killed=killed if step == at else "")
        # The hub still says the same; a word that was lost with the process is heard again.
        world.tell(event.Offered(make_target(1, name)))
        world.settle()
        assert world.ends(1) == expected
        assert world.disk.active == digest_of("new" if name == "new" else "old")
