"""The filter language: what matches, and how a mistake is explained."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeyard.domain.device import Device, DeviceStatus
from edgeyard.domain.error import UserError
from edgeyard.domain.filter import parse_filter

PI = Device(
    "press-pi-01", "pi5", {"line": "3", "hall": "north wing"}, running_model="yard-vision", running_version=2,
    running_variant="int8", latency_p95_ms=25.0, last_seen_at=100.0, problem="disk full",
)  # fmt: skip
JETSON = Device("weld-07", "jetson-orin-nano", {"line": "1"}, update_state="trial")


def matching(text: str) -> set[str]:
    devices = ((PI, DeviceStatus.ALARM), (JETSON, DeviceStatus.UPDATING))
    wanted = parse_filter(text)
    return {device.id for device, status in devices if wanted.matches(device, status, now=160.0)}


BOTH, ONE, OTHER, NONE = {"press-pi-01", "weld-07"}, {"press-pi-01"}, {"weld-07"}, set[str]()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", BOTH),
        ("   ", BOTH),
        ("hw:pi5", ONE),
        ("hw:PI5", ONE),
        ("hw:pi*", ONE),
        ("hw:*o*", OTHER),
        ("id:weld-07", OTHER),
        ("id:weld", NONE),
        ("status:alarm", ONE),
        ("!status:alarm", OTHER),
        ("line=3", ONE),
        ("line=*", BOTH),
        ("hall=*", ONE),
        ('hall="north wing"', ONE),
        ("line=3 hw:jetson*", NONE),
        ("line=3 & hw:pi5", ONE),
        ("line=3 | line=1", BOTH),
        ("!(line=3 | line=1)", NONE),
        ("(line=3 | line=1) !status:alarm", OTHER),
        ("press", ONE),
        ("vision", ONE),
        ("north", ONE),
        ("model:yard-vision version<3", ONE),
        ("version>2", NONE),
        ("p95>20", ONE),
        ("p95<20", NONE),
        ("seen>59", ONE),
        ("seen>61", NONE),
        ("state:trial", OTHER),
        ("problem:*disk*", ONE),
        ("[x]", NONE),
        ("id:press-pi-0?", NONE),
    ],
)
def test_a_filter_finds(text: str, found: set[str]) -> None:
    assert matching(text) == found


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("colour:red", "knows no"),
        ("status:green", "no status"),
        ("(line=3", "not closed"),
        ("line=3)", "should end"),
        ("line=3 |", "term is expected"),
        ("| line=3", "term is expected"),
        ("!", "term is expected"),
        ('hall="north', "quotation mark"),
        ("(" * 50 + "a" + ")" * 50, "nested too deeply"),
        ("a" * 1001, "characters long"),
    ],
)
def test_a_mistake_is_explained(text: str, what: str) -> None:
    with pytest.raises(UserError, match=what) as caught:
        parse_filter(text)
    assert caught.value.todo


@given(st.text(alphabet='ab:=!|&()<>* "', max_size=60))
def test_any_text_is_a_filter_or_an_explained_mistake(text: str) -> None:
    try:
        wanted = parse_filter(text)
    except UserError:
        return
    wanted.matches(PI, DeviceStatus.ALARM, 160.0)
