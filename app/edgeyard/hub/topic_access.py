"""Who may use which MQTT topics, said once: as a Mosquitto ACL file, and as the same rules for the embedded broker.

A client is known by the common name of its certificate. A device writes its own births, figures, deaths and records
and reads what is addressed to it; an operator's desktop reads the whole site and writes nothing; the hub does both.
A revoked device may do nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from edgeyard.domain.identifier import is_identifier
from edgeyard.wire.topic import DURABLE, LIVE, durable_topic, host_state_topic, live_topic

_WRITTEN_LIVE = ("NBIRTH", "NDATA", "NDEATH")
_CLIENT_ID_MARK = ":"


def client_id_belongs(client_id: str, certificate_name: str) -> bool:
    """Whether a client may call itself `client_id`: its certificate name, alone or with `:` and anything behind.

    Brokers end the older of two sessions with one client id, so without this rule a device could disconnect others.
    """
    return client_id == certificate_name or client_id.startswith(certificate_name + _CLIENT_ID_MARK)


def device_writes(site: str, device: str) -> tuple[str, ...]:
    """Topics a device may publish on."""
    return (*(live_topic(site, kind, device) for kind in _WRITTEN_LIVE), durable_topic(site, device, "records"))


def device_reads(site: str, device: str) -> tuple[str, ...]:
    """Topic filters a device may receive from."""
    return (
        live_topic(site, "NCMD", device),
        durable_topic(site, device, "ack"),
        durable_topic(site, device, "desired"),
        host_state_topic("+"),
    )


def site_filters(site: str) -> tuple[str, ...]:
    """Everything of a site: what its hub uses and its operators may read."""
    return (f"{LIVE}/{site}/#", f"{DURABLE}/{site}/#", host_state_topic("+"))


def may_publish(site: str, role: str, name: str, topic: str) -> bool:
    """Whether the bearer of a certificate may publish on `topic`."""
    if role == "device":
        return topic in device_writes(site, name)
    return role == "hub" and any(covers(known, topic) for known in site_filters(site))


def may_receive(site: str, role: str, name: str, topic_filter: str) -> bool:
    """Whether the bearer may subscribe to a filter, or receive from a topic (a filter without wildcards)."""
    if role == "device":
        return any(covers(known, topic_filter) for known in device_reads(site, name))
    return role in {"hub", "operator"} and any(covers(known, topic_filter) for known in site_filters(site))


def covers(known: str, topic_filter: str) -> bool:
    """Whether every topic matching `topic_filter` also matches the filter `known`."""
    known_levels, levels = known.split("/"), topic_filter.split("/")
    for position, level in enumerate(known_levels):
        if level == "#":
            return True
        if position >= len(levels) or levels[position] == "#":
            return False
        if level not in ("+", levels[position]):
            return False
    return len(known_levels) == len(levels)


def mosquitto_acl(site: str, hub_name: str, operators: Iterable[str], revoked: Iterable[str]) -> str:
    """The text of Mosquitto's ACL file. Names are certificate names (`hub.main`, `operator.anna`, `press-7`).

    Mosquitto checks a user's own lines first, so `deny` for a revoked device wins over the patterns below.
    """
    lines = ["# Written by the Edgeyard hub; changes made here are lost.", f"user {hub_name}"]
    lines += [f"topic readwrite {known}" for known in site_filters(site)]
    for operator in sorted(operators):
        lines += ["", f"user {operator}", *(f"topic read {known}" for known in site_filters(site))]
    for device in sorted(revoked):
        if is_identifier(device):
            lines += ["", f"user {device}", "topic deny #"]
    lines += ["", *(f"pattern write {topic}" for topic in device_writes(site, "%u"))]
    lines += [f"pattern read {topic}" for topic in device_reads(site, "%u")]
    return "\n".join(lines) + "\n"
