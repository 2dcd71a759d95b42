from __future__ import annotations

from edgeyard.store.database import Database
from edgeyard.store.device import get_device
from edgeyard.store.event import MAX_EVENTS, StoredEvent, add_events, device_events
from edgeyard.store.running import StoredReport, model_history, running_report
from tests.unit.store.sample import NOW, digest, join, run_model


def test_what_runs_is_taken_from_the_signed_report_and_kept_with_its_proof(database: Database) -> None:
    with database.write() as c:
        join(c, "a")
        assert run_model(c, "a", "1", "yard-vision/2/int8.onnx", counter=7)
    with database.read() as c:
        device = get_device(c, "a")
        assert device is not None
        assert (device.running_digest, device.running_model) == (digest("1"), "yard-vision")
        assert (device.running_version, device.running_variant) == (2, "int8")
        assert running_report(c, "a") == StoredReport(b"{}", b"signature", 7, NOW)
        assert running_report(c, "b") is None


def test_a_repeated_or_older_report_changes_nothing(database: Database) -> None:
    with database.write() as c:
        join(c, "a")
        assert run_model(c, "a", "1", "m/1/fp32.onnx", counter=7)
        assert not run_model(c, "a", "2", "m/2/fp32.onnx", counter=7)
        assert not run_model(c, "a", "2", "m/2/fp32.onnx", counter=3)
        assert not run_model(c, "stranger", "2", "m/2/fp32.onnx", counter=9)
        device = get_device(c, "a")
        assert device is not None
        assert device.running_digest == digest("1")


def test_the_history_has_one_entry_for_each_change(database: Database) -> None:
    with database.write() as c:
        join(c, "a")
        run_model(c, "a", "1", "m/1/fp32.onnx", counter=1)
        run_model(c, "a", "1", "m/1/fp32.onnx", counter=2)
        run_model(c, "a", "2", "m/2/fp32.onnx", counter=3, previous="1")
        run_model(c, "a", "1", "m/1/fp32.onnx", counter=4, previous="2")
        run_model(c, "a", "", "", counter=5)
        history = [(run.version, run.why) for run in model_history(c, "a")]
        assert history == [
            (0, "reported by the device"),
            (1, "went back by itself"),
            (2, "reported by the device"),
            (1, "reported by the device"),
        ]


def test_an_odd_target_names_no_model(database: Database) -> None:
    with database.write() as c:
        join(c, "a")
        for counter, target in enumerate(("x", "m/²/v.onnx", "m/99999999999/v.onnx", "a/b/c/d", "m//v"), start=1):
            assert run_model(c, "a", "1", target, counter)
            device = get_device(c, "a")
            assert device is not None
            assert (device.running_model, device.running_version) == ("", 0)


def test_only_the_newest_events_of_a_device_are_kept(database: Database) -> None:
    events = [StoredEvent("a", NOW + n, "info", "tick", f"number {n}\x00") for n in range(MAX_EVENTS + 50)]
    with database.write() as c:
        join(c, "a", "b")
        add_events(c, [StoredEvent("b", NOW, "alarm", "hot", "80 °C"), *events])
        add_events(c, [])
    with database.read() as c:
        kept = device_events(c, "a", limit=5000)
        assert len(kept) == MAX_EVENTS
        assert kept[0].text == f"number {MAX_EVENTS + 49}\ufffd"
        assert [event.code for event in device_events(c, "b")] == ["hot"]
