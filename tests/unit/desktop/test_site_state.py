"""What the status bar says, and what to do when it is red."""

from __future__ import annotations

from dataclasses import replace

from edgeyard.desktop.shell.site_state import (
    broker_state,
    database_state,
    hub_is_away,
    hub_state,
    jobs_state,
)
from edgeyard.domain.device import DeviceStatus
from edgeyard.domain.error import UserError
from edgeyard.store.job import Job
from edgeyard.store.lease import ComponentStatus

NOW = 1_800_000_000.0
HUB = ComponentStatus("hub", "ok", "Running on this machine.", "", NOW - 3)
BROKER = ComponentStatus("broker", "down", "The certificate expired.", "Renew it.", NOW - 3)
JOB = Job(1, "optimize", "Optimize yard-vision 2", "2", "me", "running", 0.5, "Quantizing", NOW, NOW, None)


def test_a_running_hub_is_calm() -> None:
    assert hub_state([HUB], NOW).status is DeviceStatus.HEALTHY


def test_a_hub_that_fell_silent_is_an_alarm_that_says_what_it_means_and_what_to_do() -> None:
    state = hub_state([HUB], NOW + 60)
    assert state.status is DeviceStatus.ALARM
    assert "rollouts do not advance" in state.text
    assert "edgeyard hub run" in state.todo
    assert hub_is_away([HUB], NOW + 60)


def test_a_site_without_any_hub_says_so() -> None:
    assert "No hub has worked on this site yet" in hub_state([], NOW).text


def test_the_broker_shows_the_hubs_own_words() -> None:
    state = broker_state([HUB, BROKER], NOW)
    assert (state.status, state.text, state.todo) == (DeviceStatus.ALARM, "The certificate expired.", "Renew it.")


def test_nobody_knows_the_broker_while_the_hub_is_away() -> None:
    assert broker_state([HUB, BROKER], NOW + 60).status is DeviceStatus.UNKNOWN


def test_database_trouble_is_shown_in_its_words() -> None:
    state = database_state(UserError("The disk is full.", "Make room."), "x.db", is_open=True)
    assert (state.status, state.text, state.todo) == (DeviceStatus.ALARM, "The disk is full.", "Make room.")
    assert database_state(None, "", is_open=False).status is DeviceStatus.UPDATING
    assert "x.db" in database_state(None, "x.db", is_open=True).text


def test_jobs_count_what_runs_and_remember_a_failure() -> None:
    assert jobs_state([JOB, replace(JOB, id=2, state="queued")]).word == "2 running"
    assert jobs_state([replace(JOB, state="failed", text="No room.")]).status is DeviceStatus.ATTENTION
    assert jobs_state([]).status is DeviceStatus.HEALTHY
