"""Presence and figures of devices, as the live plane tells them."""

from __future__ import annotations

from typing import Any

import pytest

from edgeyard.domain.device import SILENT_AFTER_S, Device
from edgeyard.hub.live_plane import REBIRTH_EVERY_S, LivePlane
from edgeyard.store.live import LiveUpdate
from edgeyard.wire.error import WireError
from edgeyard.wire.live import LiveFigures, birth_payload, data_payload, death_payload
from edgeyard.wire.sparkplug import encode_payload

NOW = 1_760_000_000.0


def birth(bd_seq: int = 1, **figures: Any) -> bytes:
    return encode_payload(
        birth_payload(LiveFigures(**{"boot": 1, "clock_at": NOW, **figures}), bd_seq, int(NOW * 1000))
    )


def data(**figures: Any) -> bytes:
    return encode_payload(data_payload(LiveFigures(**{"boot": 1, "clock_at": NOW, **figures}), 1, int(NOW * 1000)))


def death(bd_seq: int) -> bytes:
    return encode_payload(death_payload(bd_seq, int(NOW * 1000)))


def taken(live: LivePlane) -> dict[str, LiveUpdate]:
    return {update.device_id: update for update in live.take()[0]}


def test_messages_of_one_device_become_one_update() -> None:
    live = LivePlane()
    live.birth("a", birth(agent_version="1"), NOW)
    live.data("a", data(latency_p50_ms=2.0), NOW + 1)
    live.data("a", data(latency_p95_ms=9.0), NOW + 2)
    update = taken(live)["a"]
    assert (update.at, update.online, update.latency_p50_ms, update.latency_p95_ms) == (NOW + 2, True, 2.0, 9.0)
    assert update.agent_version == "1"
    assert not taken(live)


def test_a_death_of_an_older_session_changes_nothing() -> None:
    live = LivePlane()
    live.birth("a", birth(bd_seq=4), NOW)
    live.death("a", death(3), NOW + 1)
    assert taken(live)["a"].online is True
    live.death("a", death(4), NOW + 2)
    assert taken(live)["a"].online is False


def test_silence_is_offline_also_for_devices_a_former_hub_knew() -> None:
    live = LivePlane()
    live.know([Device("old", "pi4", online=True, last_seen_at=NOW - 20), Device("off", "pi4")])
    live.birth("new", birth(), NOW)
    taken(live)
    live.sweep(NOW + SILENT_AFTER_S - 15)
    assert {name: update.online for name, update in taken(live).items()} == {"old": False}
    live.sweep(NOW + SILENT_AFTER_S + 1)
    assert {name: update.online for name, update in taken(live).items()} == {"new": False}
    live.sweep(NOW + 1000)
    assert not taken(live)


def test_a_device_without_birth_is_asked_now_and_then() -> None:
    live = LivePlane()
    assert live.data("a", data(), NOW)
    assert not live.data("a", data(), NOW + 1)
    assert live.data("a", data(), NOW + REBIRTH_EVERY_S + 1)
    live.birth("a", birth(), NOW + 12)
    assert not live.data("a", data(), NOW + 30)
    live.forget_births()
    assert live.data("a", data(), NOW + 31)


def test_the_error_rate_is_of_the_last_interval_and_of_one_run() -> None:
    live = LivePlane()
    live.birth("a", birth(inferences_total=1000, errors_total=500), NOW)
    live.data("a", data(inferences_total=1100, errors_total=501), NOW + 1)
    assert taken(live)["a"].error_rate == pytest.approx(0.01)
    live.data("a", data(inferences_total=1200, errors_total=511), NOW + 2)
    assert taken(live)["a"].error_rate == pytest.approx(0.1)
    live.data("a", data(boot=2, inferences_total=10, errors_total=0), NOW + 3)
    assert taken(live)["a"].error_rate is None


def test_the_clock_skew_is_measured() -> None:
    live = LivePlane()
    live.birth("a", birth(clock_at=NOW - 3600), NOW)
    assert live.skew_s("a") == -3600
    assert taken(live)["a"].clock_skew_s == -3600
    assert live.skew_s("unknown") == 0


def test_a_problem_is_told_when_it_changes() -> None:
    live = LivePlane()
    live.birth("a", birth(problem="dark"), NOW)
    live.data("a", data(problem="dark"), NOW + 1)
    assert live.take()[1] == {"a": "dark"}
    live.data("a", data(problem="dark"), NOW + 2)
    assert live.take()[1] == {}
    live.data("a", data(), NOW + 3)
    assert live.take()[1] == {"a": ""}


def test_what_could_not_be_written_comes_again_under_what_is_newer() -> None:
    live = LivePlane()
    live.birth("a", birth(latency_p50_ms=1.0, cpu_percent=50.0, problem="dark"), NOW)
    updates, problems = live.take()
    live.data("a", data(latency_p50_ms=2.0), NOW + 1)
    live.put_back(updates, problems)
    update, problems = live.take()[0][0], live.take()[1]
    assert (update.latency_p50_ms, update.cpu_percent, update.at) == (2.0, 50.0, NOW + 1)


@pytest.mark.parametrize("payload", [b"\xff" * 20, b"\x12\xff", b"x" * 40_000])
def test_malformed_messages_are_refused(payload: bytes) -> None:
    live = LivePlane()
    for hear in (live.birth, live.data, live.death):
        with pytest.raises(WireError):
            hear("a", payload, NOW)
