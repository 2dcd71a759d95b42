"""Who may use which topics, as rules and as Mosquitto's file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeyard.hub.topic_access import (
    client_id_belongs,
    covers,
    device_reads,
    device_writes,
    may_publish,
    may_receive,
    mosquitto_acl,
)

LEVEL = st.sampled_from(["a", "b", "+", "#"])
FILTER = st.lists(LEVEL, min_size=1, max_size=4).map("/".join).filter(lambda text: "#" not in text[:-1])
TOPIC = st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=4).map("/".join)


def matches(topic_filter: str, topic: str) -> bool:
    """MQTT 3.1.1, section 4.7, written independently of `covers`."""
    wanted, levels = topic_filter.split("/"), topic.split("/")
    for position, level in enumerate(wanted):
        if level == "#":
            return True
        if position >= len(levels) or level not in ("+", levels[position]):
            return False
    return len(wanted) == len(levels)


@given(FILTER, FILTER, TOPIC)
def test_what_a_filter_covers_it_also_matches(known: str, narrower: str, topic: str) -> None:
    if covers(known, narrower) and matches(narrower, topic):
        assert matches(known, topic)


@given(FILTER, TOPIC)
def test_a_topic_is_covered_exactly_when_it_matches(known: str, topic: str) -> None:
    assert covers(known, topic) == matches(known, topic)


def test_a_device_writes_and_reads_only_its_own() -> None:
    for topic in device_writes("plant", "press-a"):
        assert may_publish("plant", "device", "press-a", topic)
        assert not may_publish("plant", "device", "press-b", topic)
        assert not may_publish("other", "device", "press-a", topic)
        assert not may_publish("plant", "operator", "operator.anna", topic)
        assert may_publish("plant", "hub", "hub.main", topic)
    for topic in device_reads("plant", "press-a")[:3]:
        assert may_receive("plant", "device", "press-a", topic)
        assert not may_receive("plant", "device", "press-b", topic)
        assert may_receive("plant", "operator", "operator.anna", topic)


@pytest.mark.parametrize("topic_filter", ["#", "+/#", "edgeyard/v1/plant/+/ack", "edgeyard/v1/plant/#", "spBv1.0/#"])
def test_a_device_may_not_subscribe_to_more_than_itself(topic_filter: str) -> None:
    assert not may_receive("plant", "device", "press-a", topic_filter)


def test_no_one_else_may_do_anything() -> None:
    assert not may_publish("plant", "stranger", "x", "edgeyard/v1/plant/x/records")
    assert not may_receive("plant", "stranger", "x", "edgeyard/v1/plant/x/ack")
    assert not may_receive("plant", "hub", "hub.main", "$SYS/#")


def test_a_client_id_is_tied_to_the_certificate() -> None:
    assert client_id_belongs("press-a", "press-a")
    assert client_id_belongs("press-a:17", "press-a")
    assert not client_id_belongs("press-a1", "press-a")
    assert not client_id_belongs("", "press-a")


def test_the_acl_file_names_everyone_and_denies_the_revoked_first() -> None:
    text = mosquitto_acl("plant", "hub.main", ["operator.anna"], ["press-x", "not/a/name"])
    lines = text.splitlines()
    assert lines.index("user press-x") < lines.index("pattern write edgeyard/v1/plant/%u/records")
    assert lines[lines.index("user press-x") + 1] == "topic deny #"
    assert lines[lines.index("user operator.anna") + 1].startswith("topic read ")
    assert "pattern read spBv1.0/plant/NCMD/%u" in lines
    assert "not/a/name" not in text
    assert not any(line.startswith("topic write") for line in lines)
