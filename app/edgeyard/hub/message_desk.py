"""What each received message is for: figures to the live plane, records to the database, the rest to dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from edgeyard.hub.inbox import Message
from edgeyard.hub.live_plane import LivePlane
from edgeyard.hub.record_desk import DeviceRecords, Harvest, store_records
from edgeyard.hub.roster import Roster
from edgeyard.store.database import Connection
from edgeyard.store.record import dead_letter
from edgeyard.wire.error import WireError
from edgeyard.wire.message import RecordAck
from edgeyard.wire.record_codec import decode_batch
from edgeyard.wire.topic import Topic, parse_topic


@dataclass(slots=True)
class Sorted:
    """Messages by what is to be done: `durable` and `letters` need a transaction, `rebirths` a command."""

    durable: dict[tuple[str, int], DeviceRecords] = field(default_factory=dict)
    """By device and boot, the records of all batches at hand, as they came."""
    letters: list[tuple[Message, str]] = field(default_factory=list)
    rebirths: set[str] = field(default_factory=set)

    @property
    def needs_writing(self) -> bool:
        """Whether anything has to go into the database now."""
        return bool(self.durable or self.letters)


@dataclass(slots=True)
class Outcome:
    """What to say once the transaction is committed: acknowledgements by device, and whether rollouts may move."""

    acks: list[tuple[str, RecordAck]] = field(default_factory=list)
    steered: bool = False


class MessageDesk:
    """Reads messages of one site. Belongs to the ingest thread."""

    def __init__(self, site: str, live: LivePlane, roster: Roster) -> None:
        self._site = site
        self._live = live
        self._roster = roster

    def sort(self, connection: Connection, messages: Sequence[Message]) -> Sorted:
        """Decode every message; `connection` only reads. Live figures are taken in here."""
        found = Sorted()
        for message in messages:
            try:
                self._read(connection, message, found)
            except WireError as error:
                found.letters.append((message, str(error)))
        return found

    def write(self, connection: Connection, found: Sorted) -> Outcome:
        """Carry out what needs the caller's transaction."""
        outcome = Outcome()
        harvest = Harvest(self._site)
        # By device, so that several ingest workers on PostgreSQL take their locks in one order.
        for (device_id, boot), records in sorted(found.durable.items(), key=lambda entry: entry[0]):
            seq = store_records(connection, records, self._live.skew_s(device_id), harvest)
            outcome.acks.append((device_id, RecordAck(boot, seq)))
        harvest.write(connection)
        outcome.steered = harvest.steered
        for message, reason in found.letters:
            write_letter(connection, message, reason)
        return outcome

    def _read(self, connection: Connection, message: Message, found: Sorted) -> None:
        topic = parse_topic(message.topic)
        if topic is None or topic.site != self._site:
            raise WireError("not a topic of this site")
        member = self._roster.find(connection, topic.device, message.at)
        if member is None:
            raise WireError(f"{topic.device} is not a device of this site, or was revoked")
        if topic.kind == "records":
            batch = decode_batch(message.payload)
            waiting = found.durable.setdefault(
                (topic.device, batch.boot), DeviceRecords(member, message.topic, batch.boot, message.at)
            )
            waiting.records.extend(batch.records)
        else:
            self._hear(topic, message, found)

    def _hear(self, topic: Topic, message: Message, found: Sorted) -> None:
        match topic.kind:
            case "NBIRTH":
                self._live.birth(topic.device, message.payload, message.at)
            case "NDEATH":
                self._live.death(topic.device, message.payload, message.at)
            case "NDATA":
                if self._live.data(topic.device, message.payload, message.at):
                    found.rebirths.add(topic.device)
            case _:
                raise WireError(f"a {topic.kind} message is not for the hub")


def write_letter(connection: Connection, message: Message, reason: str) -> None:
    """Keep a message that was refused, with the reason."""
    topic = parse_topic(message.topic)
    dead_letter(connection, topic.device if topic else "", message.topic, reason, message.payload, message.at)
