"""Rollouts through a real hub: signed assignments, waves, the way back, acts of people, kills in between."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgeyard.domain.execution import ExecutionState
from edgeyard.domain.gate import GatePolicy
from edgeyard.domain.rollout import Rollout, RolloutAct, RolloutPolicy, RolloutState, WaveState
from edgeyard.store.assignment import all_assignments, get_assignment
from edgeyard.store.model import add_version
from edgeyard.store.rollout import ExecutionPlan, NewRollout, add_command, create_rollout, get_rollout
from edgeyard.store.variant import add_variant
from edgeyard.wire.record_codec import decode_desired
from edgeyard.wire.topic import durable_topic
from tests.e2e.hub_agent import ScriptedAgent, all_running
from tests.e2e.hub_parts import eventually
from tests.e2e.hub_process import SITE, DeviceProbe, HubProcess, HubSite, Operator
from tests.services import require

pytestmark = [pytest.mark.e2e]

POLICY = RolloutPolicy(
    wave_percents=(25, 100), soak_s=0.3, execution_deadline_s=60, wave_deadline_s=120, gate=GatePolicy(trial_s=1)
)
NAMES = ("dev-1", "dev-2", "dev-3", "dev-4")


class Fleet:
    """Four devices on version 1 of a model; versions 2 and 3 are released and wait."""

    def __init__(self, site: HubSite) -> None:
        self.site = site
        self.hub = HubProcess(site)
        self.hub.ready()
        self.operator = Operator(site)
        self.operator.set_root()
        self.database = site.database()
        self.digests = [self._release(number) for number in (1, 2, 3)]
        tokens = self.operator.tokens(count=len(NAMES))
        devices = [DeviceProbe(site, token, name) for token, name in zip(tokens, NAMES, strict=True)]
        self.agents = [ScriptedAgent(device, running=self.digests[0]) for device in devices]

    def _release(self, number: int) -> str:
        path = f"yard/{number}/fp32.onnx"
        custom = {
            "hardware_profiles": ["pi4"],
            "model": "yard",
            "version": number,
            "variant": "fp32",
            "precision": "fp32",
            "counter": number,
            "input_name": "x",
            "input_shape": [None, 3],
            "output_name": "y",
            "preprocessing": {},
            "golden": {},
            "evidence": {},
            "lineage": {},
        }
        digest = self.operator.release(path, f"model {number}".encode() * 100, **custom)
        with self.database.write() as c:
            version = add_version(c, model="yard", source_digest=digest, source_size_bytes=700, now=time.time())
            add_variant(
                c, version.id, name="fp32", precision="fp32", digest=digest, size_bytes=700, now=time.time(),
                profiles=["pi4"],
            )  # fmt: skip
        return digest

    def start(self, number: int, policy: RolloutPolicy = POLICY) -> int:
        """Roll version `number` out: one device, then the rest."""
        digest = self.digests[number - 1]
        previous = self.running()
        plans = [ExecutionPlan(name, digest, previous[name]) for name in NAMES]
        with self.database.write() as c:
            draft = NewRollout("yard", number, "all", policy, "anna", [plans[:1], plans[1:]])
            return create_rollout(c, draft, time.time())

    def ask(self, rollout_id: int, act: RolloutAct) -> None:
        with self.database.write() as c:
            add_command(c, rollout_id, act, "anna", time.time())

    def rollout(self, rollout_id: int) -> Rollout:
        with self.database.read() as c:
            return get_rollout(c, rollout_id)

    def running(self) -> dict[str, str]:
        return {agent.device.name: agent.running for agent in self.agents}

    def wait(self, rollout_id: int, *states: RolloutState, timeout_s: float = 45) -> Rollout:
        def ended() -> Rollout | None:
            rollout = self.rollout(rollout_id)
            return rollout if rollout.state in states else None

        try:
            found: Rollout = eventually(ended, timeout_s)
        except AssertionError:
            rollout = self.rollout(rollout_id)
            log = (self.site.folder.logs / "hub.log").read_text()[-4000:]
            raise AssertionError(f"{rollout.state}, {rollout.waves}, {rollout.executions}\n{log}") from None
        return found

    def close(self) -> None:
        self.database.close()
        self.hub.stop()


@pytest.fixture(params=["mosquitto", "embedded"])
def fleet(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fleet]:
    if request.param == "mosquitto":
        require("mosquitto")
    fleet = Fleet(HubSite(tmp_path / "site", broker=request.param))
    with all_running(fleet.agents):
        yield fleet
    fleet.close()


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Fleet]:
    fleet = Fleet(HubSite(tmp_path / "site", broker="embedded"))
    with all_running(fleet.agents):
        yield fleet
    fleet.close()


def _executions(rollout: Rollout, state: ExecutionState, *, undo: bool = False) -> list[str]:
    return [e.device_id for e in rollout.executions if e.state is state and e.undo is undo]


def test_a_good_version_reaches_everyone_wave_by_wave(fleet: Fleet) -> None:
    rollout_id = fleet.start(2)
    rollout = fleet.wait(rollout_id, RolloutState.SUCCEEDED)
    assert [wave.state for wave in rollout.waves] == [WaveState.PASSED, WaveState.PASSED]
    assert rollout.waves[1].started_at is not None
    assert rollout.waves[1].started_at >= rollout.waves[0].state_since
    assert sorted(_executions(rollout, ExecutionState.SUCCEEDED)) == list(NAMES)
    assert set(fleet.running().values()) == {fleet.digests[1]}
    with fleet.database.read() as c:
        for row in all_assignments(c):
            assert (row.digest, row.target_path) == (fleet.digests[1], "yard/2/fp32.onnx")
            assert row.published_at is not None
    hints = fleet.agents[0].device.probe.payloads(durable_topic(SITE, "dev-1", "desired"))
    assert decode_desired(hints[-1]).director_version == 1


def test_a_bad_version_goes_no_further_than_the_first_wave(fleet: Fleet) -> None:
    for agent in fleet.agents:
        agent.bad = (fleet.digests[2],)
    rollout = fleet.wait(fleet.start(3), RolloutState.FAILED)
    assert rollout.waves[0].state is WaveState.FAILED
    assert "40.0 %" in rollout.waves[0].reason
    assert rollout.waves[1].state is WaveState.PENDING
    assert _executions(rollout, ExecutionState.ROLLED_BACK) == ["dev-1"]
    assert set(fleet.running().values()) == {fleet.digests[0]}
    with fleet.database.read() as c:
        assert get_assignment(c, "dev-2") is None, "nobody else was ever offered it"


def test_undo_brings_every_device_back_to_its_own(embedded: Fleet) -> None:
    rollout_id = embedded.start(2)
    embedded.wait(rollout_id, RolloutState.SUCCEEDED)
    embedded.ask(rollout_id, RolloutAct.UNDO)
    rollout = embedded.wait(rollout_id, RolloutState.UNDONE)
    assert sorted(_executions(rollout, ExecutionState.SUCCEEDED, undo=True)) == list(NAMES)
    assert set(embedded.running().values()) == {embedded.digests[0]}


def test_pause_holds_the_next_wave_and_resume_lets_it_go(embedded: Fleet) -> None:
    embedded.agents[0].silent = True
    rollout_id = embedded.start(2)
    embedded.wait(rollout_id, RolloutState.RUNNING)
    embedded.ask(rollout_id, RolloutAct.PAUSE)
    embedded.wait(rollout_id, RolloutState.PAUSED)
    embedded.agents[0].silent = False
    eventually(lambda: _executions(embedded.rollout(rollout_id), ExecutionState.SUCCEEDED) == ["dev-1"])
    time.sleep(2)
    assert embedded.rollout(rollout_id).waves[1].state is WaveState.PENDING
    embedded.ask(rollout_id, RolloutAct.RESUME)
    embedded.wait(rollout_id, RolloutState.SUCCEEDED)


def test_abort_takes_back_what_was_not_finished(embedded: Fleet) -> None:
    embedded.agents[0].silent = True
    rollout_id = embedded.start(2)

    def notified() -> bool:
        return _executions(embedded.rollout(rollout_id), ExecutionState.NOTIFIED) == ["dev-1"]

    eventually(notified, what="first wave notified")
    embedded.ask(rollout_id, RolloutAct.ABORT)
    rollout = embedded.wait(rollout_id, RolloutState.CANCELLED)
    assert sorted(_executions(rollout, ExecutionState.CANCELLED)) == list(NAMES)
    with embedded.database.read() as c:
        assignment = get_assignment(c, "dev-1")
    assert assignment is not None
    assert assignment.digest == embedded.digests[0]


def test_an_act_that_is_not_possible_is_answered_and_changes_nothing(embedded: Fleet) -> None:
    rollout_id = embedded.start(2)
    embedded.wait(rollout_id, RolloutState.SUCCEEDED)
    embedded.ask(rollout_id, RolloutAct.PAUSE)
    time.sleep(2)
    assert embedded.rollout(rollout_id).state is RolloutState.SUCCEEDED


def test_a_device_that_says_success_but_signs_something_else_is_not_believed(embedded: Fleet) -> None:
    liar = embedded.agents[0]
    liar.silent = True
    policy = RolloutPolicy(wave_percents=(25, 100), soak_s=0.3, execution_deadline_s=6, gate=GatePolicy(trial_s=1))
    rollout_id = embedded.start(2, policy)
    notified: Callable[[], list[str]] = lambda: _executions(embedded.rollout(rollout_id), ExecutionState.NOTIFIED)  # noqa: E731
    eventually(notified, what="notified")
    execution = next(e for e in embedded.rollout(rollout_id).executions if e.device_id == "dev-1")
    from edgeyard.wire.message import ExecutionReport

    seq = liar.device.send(ExecutionReport(execution.id, ExecutionState.SUCCEEDED))
    liar.device.wait_acknowledged(seq)
    found = next(e for e in embedded.rollout(rollout_id).executions if e.id == execution.id)
    assert found.state is ExecutionState.TRIAL
    assert "signed" in found.reason
    rollout = embedded.wait(rollout_id, RolloutState.FAILED)
    assert _executions(rollout, ExecutionState.TIMED_OUT) == ["dev-1"]


def test_an_unreleased_version_goes_to_nobody(embedded: Fleet) -> None:
    with embedded.database.write() as c:
        version = add_version(c, model="yard", source_digest="e" * 64, source_size_bytes=1, now=time.time())
        plans = [ExecutionPlan(name, "e" * 64, embedded.digests[0]) for name in NAMES]
        draft = NewRollout("yard", version.id, "all", POLICY, "mallory", [plans])
        rollout_id = create_rollout(c, draft, time.time())
    rollout = embedded.wait(rollout_id, RolloutState.FAILED)
    assert sorted(_executions(rollout, ExecutionState.REJECTED)) == list(NAMES)
    with embedded.database.read() as c:
        assert not all_assignments(c)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_rollout_ends_the_same_though_hub_and_broker_are_killed(fleet: Fleet, seed: int) -> None:
    import psutil

    chance = random.Random(seed)
    rollout_id = fleet.start(2)
    for _ in range(3):
        time.sleep(chance.uniform(0.05, 1.2))
        if chance.random() < 0.5:
            fleet.hub.kill()
            fleet.hub = HubProcess(fleet.site)
            fleet.hub.ready()
        else:
            for child in psutil.Process(fleet.hub.process.pid).children():
                child.kill()
    rollout = fleet.wait(rollout_id, RolloutState.SUCCEEDED, timeout_s=60)
    assert sorted(_executions(rollout, ExecutionState.SUCCEEDED)) == list(NAMES)
    assert set(fleet.running().values()) == {fleet.digests[1]}
