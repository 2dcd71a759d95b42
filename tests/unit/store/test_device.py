from __future__ import annotations

import itertools
from dataclasses import fields

import pytest

from edgeyard.domain.device import Device, DeviceStatus, device_status
from edgeyard.domain.error import UserError
from edgeyard.store import tables
from edgeyard.store.certificate import certified_names, fingerprint_of, revoked_fingerprints
from edgeyard.store.database import Database
from edgeyard.store.device import (
    add_device,
    count_by_status,
    device_certificate,
    devices_by_id,
    get_device,
    list_devices,
    revoke_device,
    revoked_device_ids,
    set_labels,
    set_problem,
)
from edgeyard.store.live import LiveUpdate, update_live
from tests.unit.store.sample import NOW, join, pem


def test_table_and_object_have_the_same_columns_in_the_same_order() -> None:
    assert [column.name for column in tables.device.columns] == [field.name for field in fields(Device)]


def test_a_device_comes_back_as_it_was_added(database: Database) -> None:
    device = Device(
        "press-1",
        "pi5",
        {"line": "3", "hall": "Süd ✓"},
        NOW,
        agent_version="0.1.0",
        memory_bytes=1 << 40,
        cpu_percent=2.5,
    )
    with database.write() as c:
        add_device(c, device, pem("press-1"), NOW)
    with database.read() as c:
        read = get_device(c, "press-1")
        assert read is not None
        assert read.changed_at >= NOW
        assert {**_facts(read), "changed_at": 0.0} == _facts(device)
        assert isinstance(read.online, bool)
        assert device_certificate(c, "press-1") == pem("press-1")
        assert get_device(c, "press-2") is None


def test_a_name_is_taken_until_its_device_is_revoked_or_replaced(database: Database) -> None:
    with database.write() as c:
        join(c, "press-1")
        with pytest.raises(UserError, match="already in this site"):
            join(c, "press-1")
        assert revoke_device(c, "press-1", NOW + 1)
        assert not revoke_device(c, "press-1", NOW + 2)
        assert device_certificate(c, "press-1") is None
        assert revoked_fingerprints(c) == {fingerprint_of(pem("press-1"))}
        assert (revoked_device_ids(c), certified_names(c, "device")) == ({"press-1"}, set())
        add_device(c, Device("press-1", "pi4"), pem("second"), NOW + 3)
        assert device_certificate(c, "press-1") == pem("second")
        assert (revoked_device_ids(c), certified_names(c, "device")) == (set(), {"press-1"})
        assert certified_names(c, "operator") == set()
        add_device(c, Device("press-1", "x86"), pem("third"), NOW + 4, replace=True)
        assert device_certificate(c, "press-1") == pem("third")
        device = get_device(c, "press-1")
        assert device is not None
        assert (device.hardware_profile, device.revoked_at, device.joined_at) == ("x86", None, NOW + 4)


def test_devices_are_listed_by_id_and_in_pages(database: Database) -> None:
    with database.write() as c:
        join(c, "c-2", "a", "c-10", "b")
    with database.read() as c:
        assert [device.id for device in list_devices(c)] == ["a", "b", "c-10", "c-2"]
        pages, after = [], ""
        while page := list_devices(c, limit=3, after_id=after):
            pages.append(len(page))
            after = page[-1].id
        assert pages == [3, 1]
        assert [device.id for device in devices_by_id(c, ["b", "nowhere", "a"])] == ["a", "b"]
        assert devices_by_id(c, []) == []


def test_reading_only_what_changed_misses_nothing_even_when_the_clock_goes_back(database: Database) -> None:
    with database.write() as c:
        join(c, "a", "b", "c")
    with database.read() as c:
        seen = max(device.changed_at for device in list_devices(c))
        assert list_devices(c, changed_after=seen) == []
    for now in (NOW + 10, NOW + 10, NOW - 500, 0.0):
        with database.write() as c:
            set_labels(c, "b", {"line": str(now)}, now)
        with database.read() as c:
            [changed] = list_devices(c, changed_after=seen)
            assert (changed.id, changed.labels) == ("b", {"line": str(now)})
            seen = changed.changed_at


def test_too_many_or_too_long_labels_are_refused(database: Database) -> None:
    with database.write() as c:
        join(c, "a")
        for labels in ({f"k{n}": "" for n in range(33)}, {"": "x"}, {"k" * 65: "x"}, {"k": "x" * 65}):
            with pytest.raises(UserError, match="label"):
                set_labels(c, "a", labels, NOW)


def test_counts_by_status_follow_the_rules_of_the_domain(database: Database) -> None:
    devices = []
    choices = itertools.product((None, 5.0, 29.9, 31.0), (True, False), ("", "downloading"), ("", "attention", "alarm"))
    with database.write() as c:
        for number, (age_s, online, update_state, severity) in enumerate(choices):
            last_seen_at = None if age_s is None else NOW - age_s
            device = Device(f"d-{number}", "pi5", online=online, last_seen_at=last_seen_at, update_state=update_state)
            add_device(c, device, pem(device.id), NOW)
            set_problem(c, device.id, "hot" if severity else "", severity, NOW)
        revoke_device(c, "d-0", NOW)
    with database.read() as c:
        devices = [device for device in list_devices(c) if device.revoked_at is None]
        expected = dict.fromkeys(DeviceStatus, 0)
        for device in devices:
            expected[device_status(device, NOW)] += 1
        assert count_by_status(c, NOW) == expected
        assert min(expected.values()) > 0


def test_live_figures_change_only_what_was_heard(database: Database) -> None:
    with database.write() as c:
        join(c, "a", "b", "gone")
        revoke_device(c, "gone", NOW)
        update_live(c, [LiveUpdate("a", NOW, online=True, latency_p95_ms=7.5, memory_bytes=1 << 33)])
        update_live(c, [LiveUpdate("a", NOW + 1, cpu_percent=12.0), LiveUpdate("gone", NOW, online=True)])
        update_live(c, [LiveUpdate("a", NOW - 50, update_state="trial"), LiveUpdate("stranger", NOW, online=True)])
    with database.read() as c:
        a, b, gone = list_devices(c)
        assert (a.online, a.latency_p95_ms, a.memory_bytes, a.cpu_percent) == (True, 7.5, 1 << 33, 12.0)
        assert (a.update_state, a.last_seen_at) == ("trial", NOW + 1)
        assert (b.online, b.last_seen_at) == (False, None)
        assert gone.online is False


def test_a_last_will_says_offline_without_having_been_seen(database: Database) -> None:
    with database.write() as c:
        join(c, "a")
        update_live(c, [LiveUpdate("a", NOW, online=True, update_state="trial")])
        update_live(c, [LiveUpdate("a", NOW + 40, online=False, update_state="")])
        update_live(c, [])
        a = get_device(c, "a")
        assert a is not None
        assert (a.online, a.last_seen_at, a.update_state) == (False, NOW, "")


def test_figures_no_column_can_hold_are_left_out(database: Database) -> None:
    hostile = LiveUpdate(
        "a", NOW, True, "v\x00" + "9" * 500, "x" * 500, float("nan"), float("inf"), memory_bytes=1 << 80, error_rate=0.5
    )
    with database.write() as c:
        join(c, "a")
        update_live(c, [hostile])
        a = get_device(c, "a")
        assert a is not None
        assert a.latency_p50_ms is None
        assert a.latency_p95_ms is None
        assert a.memory_bytes == (1 << 63) - 1
        assert (len(a.agent_version), len(a.update_state), a.error_rate) == (128, 128, 0.5)
        assert "\x00" not in a.agent_version


def _facts(device: Device) -> dict[str, object]:
    return {field.name: getattr(device, field.name) for field in fields(device)}
