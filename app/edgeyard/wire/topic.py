"""MQTT topic names of the live (Sparkplug B) and durable planes, and how to read one back."""

from __future__ import annotations

from dataclasses import dataclass

from edgeyard.domain.identifier import is_identifier

LIVE = "spBv1.0"
DURABLE = "edgeyard/v1"
LIVE_KINDS = ("NBIRTH", "NDATA", "NDEATH", "NCMD")
DURABLE_KINDS = ("records", "ack", "desired")


@dataclass(frozen=True, slots=True)
class Topic:
    """A parsed topic: `kind` is one of `LIVE_KINDS` or `DURABLE_KINDS`."""

    site: str
    kind: str
    device: str


def live_topic(site: str, kind: str, device: str) -> str:
    """`spBv1.0/{site}/{kind}/{device}`: one Sparkplug edge node per device."""
    return f"{LIVE}/{site}/{kind}/{device}"


def durable_topic(site: str, device: str, kind: str) -> str:
    """`edgeyard/v1/{site}/{device}/{kind}`."""
    return f"{DURABLE}/{site}/{device}/{kind}"


def host_state_topic(host: str) -> str:
    """Where a Sparkplug host application says whether it is there (retained JSON)."""
    return f"{LIVE}/STATE/{host}"


def parse_topic(topic: str) -> Topic | None:
    """Read a topic of ours back, or return `None` for anything else (never raises)."""
    parts = topic.split("/")
    if len(parts) == 4 and parts[0] == LIVE and parts[2] in LIVE_KINDS:
        site, kind, device = parts[1], parts[2], parts[3]
    elif len(parts) == 5 and "/".join(parts[:2]) == DURABLE and parts[4] in DURABLE_KINDS:
        site, device, kind = parts[2], parts[3], parts[4]
    else:
        return None
    if not (is_identifier(site) and is_identifier(device)):
        return None
    return Topic(site, kind, device)
