"""From the inbox to the database: decode, commit many messages at once, and only then acknowledge.

Nothing a device sends can stop ingest: what cannot be decoded, comes from a stranger or makes our own code stumble ends
in the dead-letter table with the reason, and is acknowledged. Only a database that cannot be written makes it wait;
then nothing is acknowledged, and the broker and the devices keep what they have.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from edgeyard.domain.error import UserError
from edgeyard.hub.inbox import Inbox, Message
from edgeyard.hub.lease_guard import LeaseGuard, LeaseLostError
from edgeyard.hub.live_plane import LivePlane
from edgeyard.hub.mqtt_link import MqttLink
from edgeyard.hub.record_desk import note_problem, store_batch
from edgeyard.hub.roster import Roster
from edgeyard.hub.status_board import StatusBoard
from edgeyard.store.database import Connection, Database
from edgeyard.store.device import list_devices, update_live
from edgeyard.store.record import dead_letter
from edgeyard.wire.error import WireError
from edgeyard.wire.live import rebirth_command
from edgeyard.wire.message import RecordAck
from edgeyard.wire.record_codec import decode_batch, encode_ack
from edgeyard.wire.sparkplug import encode_payload
from edgeyard.wire.topic import Topic, durable_topic, live_topic, parse_topic

BATCH_MESSAGES = 300
LIVE_EVERY_S = 1.0
_TAKE_TIMEOUT_S = 0.2
_RETRY_S = 0.5
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Outcome:
    """What to do once the transaction is committed."""

    acks: dict[str, RecordAck] = field(default_factory=dict)
    rebirths: set[str] = field(default_factory=set)
    steered: bool = False


class Ingest:
    """The ingest thread of an active hub."""

    def __init__(
        self,
        site: str,
        inbox: Inbox,
        link: MqttLink,
        database: Database,
        lease: LeaseGuard,
        board: StatusBoard,
        clock: Callable[[], float],
        wake: Callable[[], None],
    ) -> None:
        self._site = site
        self._inbox = inbox
        self._link = link
        self._database = database
        self._lease = lease
        self._board = board
        self._clock = clock
        self._wake = wake
        self._roster = Roster()
        self._live = LivePlane()
        self._live_written_at = 0.0
        self._stopping = threading.Event()
        self._roster_stale = threading.Event()
        self._births_stale = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ingest", daemon=True)

    def start(self) -> None:
        """Begin."""
        with self._database.read() as connection:
            self._live.know(list_devices(connection))
        self._thread.start()

    def stop(self) -> None:
        """Finish the batch in hand and end; what is still in the inbox stays unacknowledged."""
        self._stopping.set()
        self._thread.join()

    def forget_roster(self) -> None:
        """Somebody joined or was revoked. From any thread."""
        self._roster_stale.set()

    def forget_births(self) -> None:
        """The broker connection is new: births may have been missed. From any thread."""
        self._births_stale.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            if self._births_stale.is_set():
                self._births_stale.clear()
                self._live.forget_births()
            messages = self._inbox.take(BATCH_MESSAGES, _TAKE_TIMEOUT_S)
            if self._roster_stale.is_set():
                self._roster_stale.clear()
                self._roster.clear()
            if messages:
                self._commit(messages)
            elif not len(self._inbox):
                self._link.catch_up()
            self._write_live()

    def _commit(self, messages: list[Message]) -> None:
        """Commit all messages, in one transaction if possible, else each in its own; waits for the database."""
        while not self._stopping.is_set():
            try:
                self._finish(messages, self._store(messages))
            except (UserError, LeaseLostError) as error:
                self._wait_for_database(error)
                continue
            except Exception:
                if len(messages) > 1:
                    _log.exception("A batch of messages failed; taking them one by one")
                    for message in messages:
                        self._commit([message])
                    return
                _log.exception("A message on %s failed", messages[0].topic)
                self._bury(messages[0], "the hub made a mistake with it; see its log")
            self._board.set("database", "ok", "Written.", voice="ingest")
            return

    def _store(self, messages: list[Message]) -> _Outcome:
        outcome = _Outcome()
        with self._lease.write() as connection:
            # By device, so that several ingest workers on PostgreSQL take their locks in one order; a device's own
            # messages stay as they came.
            for message in sorted(messages, key=_device_of):
                try:
                    self._handle(connection, message, outcome)
                except WireError as error:
                    self._letter(connection, message, str(error))
        return outcome

    def _handle(self, connection: Connection, message: Message, outcome: _Outcome) -> None:
        topic = parse_topic(message.topic)
        if topic is None or topic.site != self._site:
            raise WireError("not a topic of this site")
        member = self._roster.find(connection, topic.device, message.at)
        if member is None:
            raise WireError(f"{topic.device} is not a device of this site, or was revoked")
        match topic.kind:
            case "records":
                batch = decode_batch(message.payload)
                skew_s = self._live.skew_s(topic.device)
                seq, steered = store_batch(connection, member, self._site, message.topic, batch, message.at, skew_s)
                outcome.acks[topic.device] = RecordAck(batch.boot, seq)
                outcome.steered |= steered
            case "NBIRTH" | "NDATA" | "NDEATH":
                self._hear(topic, message, outcome)
            case _:
                raise WireError(f"a {topic.kind} message is not for the hub")

    def _hear(self, topic: Topic, message: Message, outcome: _Outcome) -> None:
        if topic.kind == "NBIRTH":
            self._live.birth(topic.device, message.payload, message.at)
        elif topic.kind == "NDEATH":
            self._live.death(topic.device, message.payload, message.at)
        elif self._live.data(topic.device, message.payload, message.at):
            outcome.rebirths.add(topic.device)

    def _finish(self, messages: list[Message], outcome: _Outcome) -> None:
        """After the commit: let devices delete, let the broker forget, ask for births, wake the reconciler."""
        for device_id, ack in outcome.acks.items():
            self._link.publish(durable_topic(self._site, device_id, "ack"), encode_ack(ack))
        for message in messages:
            self._link.acknowledge(message)
        if outcome.rebirths:
            command = encode_payload(rebirth_command(int(self._clock() * 1000)))
            for device_id in outcome.rebirths:
                self._link.publish(live_topic(self._site, "NCMD", device_id), command)
        if outcome.steered:
            self._wake()

    def _letter(self, connection: Connection, message: Message, reason: str) -> None:
        topic = parse_topic(message.topic)
        dead_letter(connection, topic.device if topic else "", message.topic, reason, message.payload, message.at)

    def _bury(self, message: Message, reason: str) -> None:
        """Put a message away that made our own code stumble."""
        try:
            with self._lease.write() as connection:
                self._letter(connection, message, reason)
        except (UserError, LeaseLostError) as error:
            _log.error("Not even its dead letter could be written: %s", error)
            return
        self._link.acknowledge(message)

    def _write_live(self) -> None:
        now = self._clock()
        if 0 <= now - self._live_written_at < LIVE_EVERY_S:
            return
        self._live_written_at = now
        self._live.sweep(now)
        updates, problems = self._live.take()
        if not updates:
            return
        try:
            with self._lease.write() as connection:
                update_live(connection, updates)
                for device_id, text in problems.items():
                    note_problem(connection, device_id, text, now)
        except (UserError, LeaseLostError) as error:
            self._live.put_back(updates, problems)
            self._wait_for_database(error)

    def _wait_for_database(self, error: Exception) -> None:
        if isinstance(error, UserError):
            self._board.set("database", "down", error.what, error.todo, voice="ingest")
        self._stopping.wait(_RETRY_S)


def _device_of(message: Message) -> str:
    topic = parse_topic(message.topic)
    return topic.device if topic else ""
