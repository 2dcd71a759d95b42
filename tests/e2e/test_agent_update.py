"""A real agent process, a real broker, real signatures: rollouts that succeed, that are bad, and the way back."""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from edgeyard.domain.execution import ExecutionState as S
from edgeyard.domain.gate import GatePolicy
from tests.e2e.agent_site import AgentSite, evidence, kill, runner_of
from tests.e2e.hub_parts import eventually
from tests.unit.agent import toy_model

pytestmark = pytest.mark.e2e

SHORT = GatePolicy(trial_s=1.5, min_inferences=5)
LONG = GatePolicy(trial_s=8.0, min_inferences=5)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[AgentSite]:
    with AgentSite(tmp_path).running() as site:
        yield site


def test_a_rollout_a_better_one_a_bad_one_and_the_way_back(site: AgentSite) -> None:
    first = site.release(1, toy_model.linear_model(wrong=True), accuracy=0.0)
    agent = site.start_agent()
    report = site.roll_out(first, 1, policy=SHORT)
    assert report.state is S.SUCCEEDED
    assert site.ear.states(1) == [S.DOWNLOADING, S.VERIFIED, S.SELF_TESTING, S.TRIAL, S.SUCCEEDED]
    assert evidence(report).inferences >= 5
    assert report.downloaded_bytes == first.size_bytes + len(toy_model.golden_set())
    word = site.running_word()
    assert word is not None
    assert (word.digest, word.target, word.previous_digest) == (first.sha256, "yard/1/fp32.onnx", "")

    second = site.release(2, toy_model.linear_model())
    report = site.roll_out(second, 2, policy=SHORT)
    assert report.state is S.SUCCEEDED
    measured = evidence(report)
    assert measured.accuracy == 1.0
    assert measured.previous_accuracy is not None
    assert measured.previous_accuracy < 0.5
    assert measured.latency_p95_ms is not None
    assert measured.previous_latency_p95_ms is not None
    assert measured.memory_peak_bytes is not None
    word = site.running_word()
    assert word is not None
    assert (word.digest, word.previous_digest) == (second.sha256, first.sha256)

    third = site.release(3, toy_model.linear_model(wrong=True, note="three"), accuracy=0.0)
    report = site.roll_out(third, 3, policy=SHORT)
    assert report.state is S.ROLLED_BACK
    assert "below" in report.reason
    assert S.TRIAL not in site.ear.states(3)
    word = site.running_word()
    assert word is not None
    assert word.digest == second.sha256

    requests = len([path for path, _, _ in site.hub.requests if path.endswith(first.sha256)])
    report = site.roll_out(first, 4, policy=SHORT, undo=True)
    assert report.state is S.SUCCEEDED
    word = site.running_word()
    assert word is not None
    assert word.digest == first.sha256
    # It was replaced in its slot by the third model meanwhile, so it came again; a direct way back needs no download.
    assert len([path for path, _, _ in site.hub.requests if path.endswith(first.sha256)]) >= requests
    requests = len([path for path, _, _ in site.hub.requests if "/artifacts/" in path])
    assert site.roll_out(second, 5, policy=SHORT, undo=True).state is S.SUCCEEDED
    assert len([path for path, _, _ in site.hub.requests if "/artifacts/" in path]) == requests

    agent.send_signal(signal.SIGTERM)
    assert agent.wait(10) == 0
    eventually(lambda: site.ear.listen() or site.ear.live[-1][0] == "NDEATH")
    assert site.ear.live[-1][1] == [bd_seq for kind, bd_seq, _ in site.ear.live if kind == "NBIRTH"][-1]


def test_a_runner_that_is_killed_in_its_trial_leads_back(site: AgentSite) -> None:
    good = site.release(1, toy_model.linear_model())
    agent = site.start_agent()
    assert site.roll_out(good, 1, policy=SHORT).state is S.SUCCEEDED
    old = runner_of(agent).pid
    new = site.release(2, toy_model.linear_model(note="two"))
    site.assign(new, 2, policy=LONG)
    eventually(lambda: S.TRIAL in site.ear.states(2), 30)
    eventually(lambda: runner_of(agent).pid != old)
    runner_of(agent).kill()
    report = site.end(2)
    assert report.state is S.ROLLED_BACK
    assert "SIGKILL" in report.reason
    assert evidence(report).crashes == 1
    word = site.running_word()
    assert word is not None
    assert word.digest == good.sha256


@pytest.mark.parametrize(
    ("model", "golden", "state", "said"),
    [
        (toy_model.crashing_model(), None, S.FAILED, "SIGFPE"),
        (b"this is no model", None, S.FAILED, "cannot load"),
        (toy_model.linear_model(note="x"), b"this is no golden set", S.FAILED, "not an NPZ file"),
        (
            toy_model.linear_model(note="y"),
            toy_model.npz(x=toy_model.samples(9)[0][:, :2], y=toy_model.samples(9)[1]),
            S.FAILED,
            "the model takes 4",
        ),
    ],
)
def test_what_cannot_be_tested_never_runs_and_the_reason_is_told(
    site: AgentSite, model: bytes, golden: bytes | None, state: S, said: str
) -> None:
    good = site.release(1, toy_model.linear_model())
    agent = site.start_agent()
    assert site.roll_out(good, 1, policy=SHORT).state is S.SUCCEEDED
    report = site.roll_out(site.release(2, model, golden=golden), 2, policy=SHORT)
    assert report.state is state
    assert said in report.reason
    word = site.running_word()
    assert word is not None
    assert word.digest == good.sha256
    assert agent.poll() is None


def test_what_is_refused_is_rejected_by_the_name_of_the_attack(site: AgentSite) -> None:
    good = site.release(1, toy_model.linear_model())
    site.start_agent()
    assert site.roll_out(good, 1, policy=SHORT).state is S.SUCCEEDED
    other = site.hub.release_model(
        2, toy_model.linear_model(note="two"), toy_model.golden_set(), input_shape=toy_model.INPUT_SHAPE,
        golden_accuracy=1.0, preprocessing={}, profiles=("pi4",),
    )  # fmt: skip
    report = site.roll_out(other, 2, policy=SHORT)
    assert report.state is S.REJECTED
    assert "wrong hardware" in report.reason

    swapped = site.release(3, toy_model.linear_model(note="three"))
    site.hub.artifacts[swapped.sha256] = bytes(swapped.size_bytes)
    report = site.roll_out(swapped, 3, policy=SHORT)
    assert report.state is S.REJECTED
    assert "arbitrary software" in report.reason

    invented = dataclasses.replace(good, path="yard/9/fp32.onnx", sha256="9" * 64)
    report = site.roll_out(invented, 7, policy=SHORT)
    assert report.state is S.REJECTED
    assert "no approver released it" in report.reason
    assert any(event.code == "refused-arbitrary-software" for event in site.events())

    newer = site.release(5, toy_model.linear_model(note="five"))
    assert site.roll_out(newer, 4, policy=SHORT).state is S.SUCCEEDED
    report = site.roll_out(good, 5, policy=SHORT)
    assert report.state is S.REJECTED
    assert "rollback" in report.reason
    # The way back to the same file is allowed when the director says that it is one.
    assert site.roll_out(good, 6, policy=SHORT, undo=True).state is S.SUCCEEDED


def test_metadata_that_has_expired_blocks_new_models_and_nothing_else(site: AgentSite) -> None:
    good = site.release(1, toy_model.linear_model())
    site.start_agent()
    assert site.roll_out(good, 1, policy=SHORT).state is S.SUCCEEDED
    new = site.release(2, toy_model.linear_model(note="two"))
    site.hub.repository.now -= timedelta(days=60)
    site.assign(new, 2, policy=SHORT)
    eventually(lambda: any(event.code == "refused-freeze" for event in site.events()), 30)
    assert site.ear.states(2) == []
    word = site.running_word()
    assert word is not None
    assert word.digest == good.sha256
    # Signed anew it is believed: nothing was decided about the execution meanwhile.
    site.hub.repository.now += timedelta(days=60)
    assert site.roll_out(new, 2, policy=SHORT).state is S.SUCCEEDED


@pytest.mark.parametrize("at", [S.DOWNLOADING, S.SELF_TESTING, S.TRIAL])
def test_an_agent_that_is_killed_goes_on_where_it_was(site: AgentSite, at: S) -> None:
    good = site.release(1, toy_model.linear_model())
    agent = site.start_agent()
    assert site.roll_out(good, 1, policy=SHORT).state is S.SUCCEEDED
    new = site.release(2, toy_model.linear_model(note="two"))
    site.assign(new, 2, policy=GatePolicy(trial_s=3.0, min_inferences=5))
    eventually(lambda: at in site.ear.states(2), 30)
    runner = runner_of(agent)
    kill(agent)
    eventually(lambda: not runner.is_running(), 5, "the runner ends with its agent")
    site.start_agent()
    assert site.end(2).state is S.SUCCEEDED
    word = site.running_word()
    assert word is not None
    assert word.digest == new.sha256
    assert len([state for state in site.ear.states(2) if state is S.SUCCEEDED]) == 1
