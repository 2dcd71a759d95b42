"""A real agent when things go wrong around it: broker, hub, disk, clock, state files, its own death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from edgeyard.domain.execution import ExecutionState as S
from edgeyard.domain.gate import GatePolicy
from edgeyard.wire.topic import durable_topic, live_topic
from tests.e2e.agent_site import AgentSite, kill, runner_of
from tests.e2e.hub_parts import eventually
from tests.services import require
from tests.unit.agent import toy_model
from tests.unit.agent.toy_hub import SITE

pytestmark = pytest.mark.e2e

SHORT = GatePolicy(trial_s=1.0, min_inferences=5)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[AgentSite]:
    with AgentSite(tmp_path).running() as site:
        yield site


def births(site: AgentSite) -> list[int | None]:
    site.ear.listen()
    return [bd_seq for kind, bd_seq, _ in site.ear.live if kind == "NBIRTH"]


def last_figures(site: AgentSite, after: float = 0.0):  # type: ignore[no-untyped-def]
    site.ear.listen()
    figures = [f for kind, _, f in site.ear.live if kind in {"NBIRTH", "NDATA"} and f.clock_at > after]
    return figures[-1] if figures else None


def running_digest(site: AgentSite) -> str:
    word = site.running_word()
    return word.digest if word else ""


def test_live_figures_metrics_and_a_rebirth_on_demand(site: AgentSite) -> None:
    good = site.release(1, toy_model.linear_model())
    site.start_agent()
    assert site.roll_out(good, 1, policy=SHORT).state is S.SUCCEEDED
    figures = eventually(lambda: (f := last_figures(site)) and f.latency_p95_ms is not None and f)
    assert figures.running_digest == good.sha256
    assert figures.running_target == good.path
    assert figures.problem == ""
    assert figures.inferences_total > 0
    assert 5 < figures.inferences_per_s < 25
    assert figures.memory_bytes > 1 << 20
    assert abs(figures.clock_at - time.time()) < 10
    metrics = eventually(lambda: [m for m in site.metrics() if m.inferences])
    assert metrics[-1].digest == good.sha256
    assert sum(metrics[-1].class_counts) == metrics[-1].inferences
    known = len(births(site))
    site.ear.ask_for_rebirth()
    eventually(lambda: len(births(site)) == known + 1)
    assert births(site)[-1] == births(site)[-2]


def test_garbage_from_the_broker_changes_nothing(site: AgentSite) -> None:
    good = site.release(1, toy_model.linear_model())
    agent = site.start_agent()
    eventually(lambda: births(site))
    for kind in ("ack", "desired"):
        for payload in (b"", b"\xff" * 100, b"{}", b'{"boot":-1,"seq":1}', b"[" * 2000, b"x" * 100_000):
            site.ear.probe.publish(durable_topic(SITE, site.device, kind), payload)
    site.ear.probe.publish(live_topic(SITE, "NCMD", site.device), b"\xff" * 300)
    assert site.roll_out(good, 1, policy=SHORT).state is S.SUCCEEDED
    assert agent.poll() is None


def test_records_made_while_the_broker_is_away_arrive_afterwards_and_each_session_has_its_number(
    site: AgentSite,
) -> None:
    good = site.release(1, toy_model.linear_model())
    site.start_agent()
    eventually(lambda: births(site))
    site.broker.kill()
    site.hub.assign(site.device, good, 1, policy=SHORT)  # found by polling, without a hint
    eventually(lambda: "execution 1: succeeded" in site.log(), 30)
    site.broker.start()
    assert site.end(1).state is S.SUCCEEDED
    assert running_digest(site) == good.sha256
    # Whoever came back to the broker after the device did has missed its birth, and asks for it, as a host does.
    site.ear.ask_for_rebirth()
    eventually(lambda: len(set(births(site))) >= 2, what="births of two sessions, each with its number")


def test_what_is_not_acknowledged_is_sent_again(site: AgentSite) -> None:
    site.ear.acknowledges = False
    good = site.release(1, toy_model.linear_model())
    agent = site.start_agent()
    site.assign(good, 1, policy=SHORT)
    eventually(lambda: site.ear.listen() or "execution 1: succeeded" in site.log(), 30)
    kill(agent)
    site.ear.listen()
    assert site.ear.records == []
    site.ear.acknowledges = True
    site.start_agent()
    assert site.end(1).state is S.SUCCEEDED
    assert site.ear.states(1) == [S.DOWNLOADING, S.VERIFIED, S.SELF_TESTING, S.TRIAL, S.SUCCEEDED]


def test_a_hub_that_goes_away_during_a_download_is_waited_for(site: AgentSite) -> None:
    good = site.release(1, toy_model.linear_model(note="x" * 3_000_000))

    def stall(handler, data: bytes) -> bool:  # type: ignore[no-untyped-def]
        if len(data) < 1_000_000:
            return False
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[:1_000_000])
        handler.close_connection = True
        handler.connection.close()
        site.hub.misbehave = None
        site.hub.stop()
        return True

    site.start_agent()
    eventually(lambda: births(site))
    site.hub.misbehave = stall
    site.assign(good, 1, policy=SHORT)
    eventually(lambda: site.hub._server is None, 30)
    time.sleep(2)
    assert site.ear.end(1) is None
    site.hub.start()
    assert site.end(1).state is S.SUCCEEDED
    resumed = [range_ for path, range_, _ in site.hub.requests if path.endswith(good.sha256) and range_]
    assert resumed
    assert resumed[0] != "bytes=0-"


def test_a_killed_agent_is_announced_by_its_will_and_counts_a_new_boot(site: AgentSite) -> None:
    site.start_agent()
    eventually(lambda: births(site))
    boot = last_figures(site).boot
    kill(site.agents[0])
    eventually(lambda: site.ear.listen() or site.ear.live[-1][0] == "NDEATH")
    assert site.ear.live[-1][1] == births(site)[-1]
    site.start_agent()
    eventually(lambda: last_figures(site).boot == boot + 1)


def test_a_second_agent_on_the_same_folder_refuses(site: AgentSite) -> None:
    site.start_agent()
    eventually(lambda: births(site))
    second = site.start_agent()
    assert second.wait(10) == 2
    assert "Another agent runs on" in site.log()
    assert site.agents[0].poll() is None


def test_the_end_of_standard_input_ends_agent_and_runner(site: AgentSite) -> None:
    good = site.release(1, toy_model.linear_model())
    agent = site.start_agent("--exit-with-parent")
    assert site.roll_out(good, 1, policy=SHORT).state is S.SUCCEEDED
    runner = runner_of(agent)
    assert agent.stdin is not None
    agent.stdin.close()
    assert agent.wait(10) == 0
    eventually(lambda: not psutil.pid_exists(runner.pid), 5)
    agent.stdin = None


def test_without_input_the_device_waits_and_says_so_and_a_rollout_still_ends(site: AgentSite) -> None:
    good = site.release(1, toy_model.linear_model())
    site.start_agent(input_path="")
    assert site.roll_out(good, 1, policy=SHORT).state is S.SUCCEEDED
    figures = eventually(lambda: (f := last_figures(site)) and f.problem and f)
    assert "no input source" in figures.problem
    assert figures.inferences_total == 0


def test_a_crashed_runner_is_started_again_and_told(site: AgentSite) -> None:
    good = site.release(1, toy_model.linear_model())
    agent = site.start_agent()
    assert site.roll_out(good, 1, policy=SHORT).state is S.SUCCEEDED
    first = runner_of(agent)
    first.kill()
    eventually(lambda: runner_of(agent).pid != first.pid)
    eventually(lambda: any(event.code == "runner" and "SIGKILL" in event.text for event in site.events()))
    assert running_digest(site) == good.sha256


def test_a_damaged_slot_falls_back_and_is_repaired_by_itself(site: AgentSite) -> None:
    first = site.release(1, toy_model.linear_model())
    second = site.release(2, toy_model.linear_model(note="two"))
    agent = site.start_agent()
    for number, target in enumerate((first, second), 1):
        assert site.roll_out(target, number, policy=SHORT).state is S.SUCCEEDED
    kill(agent)
    (model,) = [path for path in site.state.glob("slots/*/model.onnx") if path.stat().st_size == second.size_bytes]
    model.write_bytes(b"\0" * second.size_bytes)
    # Without its hub it runs the previous model; with it, the assigned one comes again.
    site.hub.stop()
    site.start_agent()
    eventually(lambda: running_digest(site) == first.sha256)
    assert any(event.code == "slots" and "damaged" in event.text for event in site.events())
    site.hub.start()
    eventually(lambda: running_digest(site) == second.sha256, 30)
    assert site.ear.states(2).count(S.SUCCEEDED) == 1


def test_damaged_state_files_do_not_keep_a_device_from_running(site: AgentSite) -> None:
    good = site.release(1, toy_model.linear_model())
    agent = site.start_agent()
    assert site.roll_out(good, 1, policy=SHORT).state is S.SUCCEEDED
    kill(agent)
    for name in ("update.json", "counters.json", "time-floor", "outbox.db", "slots/state.json"):
        (site.state / name).write_bytes(b"\0garbage" * 100)
    for path in site.state.glob("trust/*/*.json"):
        path.write_bytes(b"garbage")
    site.start_agent()
    eventually(lambda: (f := last_figures(site)) and f.boot > 1e12 and f.running_digest == good.sha256)
    eventually(lambda: {"update-memory", "slots", "state"} <= {event.code for event in site.events()})
    better = site.release(2, toy_model.linear_model(note="two"))
    assert site.roll_out(better, 2, policy=SHORT).state is S.SUCCEEDED


@pytest.mark.parametrize("name", ["device.key", "device.pem", "ca.pem", "identity.json"])
@pytest.mark.parametrize("damage", [None, b"garbage"])
def test_a_damaged_identity_is_told_with_what_to_do(site: AgentSite, name: str, damage: bytes | None) -> None:
    agent = site.start_agent()
    eventually(lambda: births(site))
    kill(agent)
    path = site.state / name
    path.unlink() if damage is None else path.write_bytes(damage)
    agent = site.start_agent()
    if (name, damage) == ("identity.json", None):
        # As a join that died: the hub knows this key, so the same token works once more.
        eventually(lambda: len(births(site)) == 2)
        return
    assert agent.wait(10) == 2
    assert "Traceback" not in site.log()
    assert "Restore" in site.log()


def test_a_disk_that_is_too_small_fails_the_rollout_with_what_is_needed_and_the_device_goes_on(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(state)], capture_output=True, check=False
    ) if sys.platform == "linux" else None  # fmt: skip
    if mounted is None or mounted.returncode:
        pytest.skip("mounting a small file system needs root on Linux")
    try:
        with AgentSite(tmp_path).running() as site:
            good = site.release(1, toy_model.linear_model())
            agent = site.start_agent()
            assert site.roll_out(good, 1, policy=SHORT).state is S.SUCCEEDED
            large = site.release(2, toy_model.linear_model(note="x" * 6_000_000))
            report = site.roll_out(large, 2, policy=SHORT)
            assert report.state is S.FAILED
            assert "the download needs 7.0 MB of free disk space" in report.reason
            assert running_digest(site) == good.sha256
            # A disk that is full to the last byte: it runs and is heard all the same.
            with (state / "ballast").open("wb", buffering=0) as ballast, pytest.raises(OSError, match="No space"):
                while True:
                    ballast.write(bytes(4096))
            site.assign(site.release(3, toy_model.linear_model(note="three")), 3, policy=SHORT)
            time.sleep(4)
            full_since = time.time()
            figures = eventually(lambda: last_figures(site, full_since))
            assert "disk" in figures.problem
            assert agent.poll() is None
            (state / "ballast").unlink()
            assert site.end(3).state is S.SUCCEEDED or site.roll_out(good, 4, undo=True)
            agent.send_signal(signal.SIGTERM)
            assert agent.wait(10) == 0
    finally:
        subprocess.run(["umount", "--lazy", str(state)], check=True)


IN_1970 = """
import os, sys, threading, time
# faketime's own sleep fails so early in time, and the runner has no use for the wall clock.
del os.environ["LD_PRELOAD"]
time.sleep = lambda seconds: threading.Event().wait(seconds)
assert time.time() < 10 * 86400
from edgeyard.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_clock_in_1970_does_not_keep_a_device_from_its_site(site: AgentSite) -> None:
    faketime = require("faketime")
    good = site.release(1, toy_model.linear_model())
    agent = site.start_agent()
    assert site.roll_out(good, 1, policy=SHORT).state is S.SUCCEEDED
    boot = last_figures(site).boot
    kill(agent)
    command = [str(faketime), "-f", "@1970-01-02 00:00:00", sys.executable, "-c", IN_1970]
    os.environ["FAKETIME_DONT_FAKE_MONOTONIC"] = "1"
    try:
        # faketime starts the agent as a child of its own: only the end of its input ends that.
        site.start_agent("--exit-with-parent", command=command)
    finally:
        del os.environ["FAKETIME_DONT_FAKE_MONOTONIC"]
    figures = eventually(lambda: (f := last_figures(site)) and f.boot == boot + 1 and f, 20)
    assert figures.clock_at < 10 * 86_400
    better = site.release(2, toy_model.linear_model(note="two"))
    assert site.roll_out(better, 2, policy=SHORT).state is S.SUCCEEDED
    assert running_digest(site) == better.sha256
