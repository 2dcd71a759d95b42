"""Planning: who takes part, who stays out and why, in which wave, and what it costs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeyard.domain.device import Device
from edgeyard.domain.error import UserError
from edgeyard.domain.forecast import forecast_waves
from edgeyard.domain.model import ModelVersion, Variant
from edgeyard.domain.plan import plan_rollout
from edgeyard.domain.rollout import RolloutPolicy
from edgeyard.domain.wave import plan_waves

INT8 = Variant(1, 1, "int8", "int8", "8" * 64, 100, ("pi4", "pi5"), reasons={"pi4": "smaller and faster"})
FP16 = Variant(2, 1, "fp16", "fp16", "f" * 64, 200, ("jetson-orin-nano",))
VERSION = ModelVersion(1, "m", 2, "s" * 64, 400, "released", 0.0, golden_size_bytes=50, variants=(INT8, FP16))
NOW = 1000.0


def device(name: str, profile: str = "pi4", **fields: object) -> Device:
    return Device(name, profile, online=True, last_seen_at=NOW, **fields)  # type: ignore[arg-type]


def test_each_device_gets_the_variant_of_its_hardware() -> None:
    plan = plan_rollout(VERSION, [device("a"), device("b", "jetson-orin-nano", running_digest="0" * 64)], NOW)
    assert [(d.device_id, d.digest[0], d.previous_digest[:1]) for d in plan.devices] == [
        ("a", "8", ""),
        ("b", "f", "0"),
    ]
    assert plan.bytes == 100 + 200 + 2 * 50
    assert plan.summary == "2 of 2"


@pytest.mark.parametrize(
    ("excluded", "why"),
    [
        (device("x", "imx8mp"), "no variant for NXP i.MX 8M Plus"),
        (device("x", running_digest=INT8.digest), "already runs"),
        (device("x", revoked_at=1.0), "revoked"),
        (device("failed"), "failed on it before"),
        (device("busy"), "part of rollout 7"),
    ],
)
def test_a_device_that_stays_out_is_named_with_the_reason(excluded: Device, why: str) -> None:
    plan = plan_rollout(
        VERSION, [device("a"), excluded], NOW, failed={"failed": [INT8.digest]}, busy={"busy": "rollout 7"}
    )
    assert [d.device_id for d in plan.devices] == ["a"]
    assert why in plan.excluded[0].reason
    assert plan.summary == "1 of 2 · 1 excluded"
    assert not plan.refusal


def test_a_device_that_runs_a_later_release_stays_out_because_it_would_refuse() -> None:
    released = replace(VERSION, release_counter=1)
    runs_later = device("x", running_digest="9" * 64, running_model="m", running_version=3)
    plan = plan_rollout(released, [device("a"), runs_later], NOW, counters={"9" * 64: 2})
    assert [d.device_id for d in plan.devices] == ["a"]
    assert "later release" in plan.excluded[0].reason
    assert "Undo" in plan.excluded[0].reason


def test_a_group_where_nobody_can_take_part_refuses_and_says_why() -> None:
    assert plan_rollout(VERSION, [], NOW).refusal == "The group has no devices."
    refusal = plan_rollout(VERSION, [device("x", "imx8mp"), device("y", "imx8mp")], NOW).refusal
    assert "No device can take it" in refusal
    assert "no variant for" in refusal


def test_silent_devices_take_part_but_are_marked() -> None:
    plan = plan_rollout(VERSION, [Device("a", "pi4", online=False, last_seen_at=NOW)], NOW)
    assert plan.devices[0].silent


def test_each_profile_is_summed_up() -> None:
    plan = plan_rollout(VERSION, [device("a"), device("b"), device("c", "imx8mp")], NOW)
    assert [(p.hardware_profile, p.devices, p.variant and p.variant.name) for p in plan.profiles] == [
        ("imx8mp", 1, None),
        ("pi4", 2, "int8"),
    ]
    assert plan.profiles[1].reason == "smaller and faster"


ids = st.lists(st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True), unique=True, max_size=200)
percents = st.sets(st.integers(1, 99), max_size=5).map(lambda found: (*sorted(found), 100))


@given(ids, percents, st.text(max_size=5))
def test_waves_hold_every_device_once_and_keep_to_the_percents(
    devices: list[str], given_percents: tuple[int, ...], seed: str
) -> None:
    waves = plan_waves(devices, given_percents, seed)
    assert sorted(device for wave in waves for device in wave) == sorted(devices)
    assert all(waves), "no wave is empty"
    if devices:
        assert len(waves[0]) <= max(1, -(-len(devices) * given_percents[0] // 100))
    assert waves == plan_waves(list(reversed(devices)), given_percents, seed), "order does not matter, the seed does"


@pytest.mark.parametrize("wrong", [(), (50,), (50, 50, 100), (60, 50, 100), (0, 100), (100, 110)])
def test_percents_that_do_not_rise_to_a_hundred_are_refused(wrong: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match="cannot be used"):
        plan_waves(["a"], wrong, "")


def test_the_forecast_follows_waves_and_counts_the_exposed() -> None:
    first, second = forecast_waves([[10], [10, 10]], RolloutPolicy(soak_s=5.0))
    assert (first.exposed, second.exposed, second.bytes) == (1, 3, 20)
    assert second.start_s == first.end_s
    assert second.end_s > second.start_s
