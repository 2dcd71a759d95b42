"""From the inbox to the database: decode, commit many messages at once, and only then acknowledge.

Nothing a device sends can stop ingest: what cannot be decoded, comes from a stranger or makes our own code stumble ends
in the dead-letter table with the reason, and is acknowledged. Only a database that cannot be written makes it wait;
then nothing is acknowledged, and the broker and the devices keep what they have.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from edgeyard.domain.error import UserError
from edgeyard.hub.inbox import Inbox, Message
from edgeyard.hub.lease_guard import LeaseGuard, LeaseLostError
from edgeyard.hub.live_plane import LivePlane
from edgeyard.hub.message_desk import MessageDesk, Outcome, write_letter
from edgeyard.hub.mqtt_link import MqttLink
from edgeyard.hub.record_desk import note_problem
from edgeyard.hub.roster import Roster
from edgeyard.hub.status_board import StatusBoard
from edgeyard.store.database import Database
from edgeyard.store.device import list_devices, update_live
from edgeyard.wire.live import rebirth_command
from edgeyard.wire.record_codec import encode_ack
from edgeyard.wire.sparkplug import encode_payload
from edgeyard.wire.topic import durable_topic, live_topic

BATCH_MESSAGES = 300
LIVE_EVERY_S = 1.0
_TAKE_TIMEOUT_S = 0.2
_RETRY_S = 0.5
_OUR_MISTAKE = "the hub made a mistake with it; see its log"
_log = logging.getLogger(__name__)


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
        self._desk = MessageDesk(site, self._live, self._roster)
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
            # After taking: a message of a newcomer is never older than the word that it joined.
            if self._roster_stale.is_set():
                self._roster_stale.clear()
                self._roster.clear()
            if messages:
                self._commit(messages)
            elif not len(self._inbox):
                self._link.catch_up()
            self._write_live()

    def _commit(self, messages: Sequence[Message]) -> None:
        """Commit all messages in one transaction, else each in its own; waits for the database."""
        while not self._stopping.is_set():
            try:
                outcome = self._store(messages)
            except LeaseLostError:
                self._stopping.wait(_RETRY_S)
                continue
            except Exception as error:
                if isinstance(error, UserError) and not self._is_writable():
                    self._stopping.wait(_RETRY_S)
                    continue
                self._take_apart(messages, error)
                return
            self._finish(messages, outcome)
            return

    def _store(self, messages: Sequence[Message]) -> Outcome:
        with self._database.read() as connection:
            found = self._desk.sort(connection, messages)
        outcome = Outcome()
        if found.needs_writing:
            with self._lease.write() as connection:
                outcome = self._desk.write(connection, found)
            self._board.set("database", "ok", f"{self._database.kind}: {self._database.place}")
        if found.rebirths:
            command = encode_payload(rebirth_command(int(self._clock() * 1000)))
            for device_id in found.rebirths:
                self._link.publish(live_topic(self._site, "NCMD", device_id), command)
        return outcome

    def _take_apart(self, messages: Sequence[Message], error: Exception) -> None:
        """Our own code stumbled: find the message it stumbled over, and put it away."""
        if len(messages) > 1:
            _log.error("A batch of messages failed; taking them one by one", exc_info=error)
            for message in messages:
                self._commit([message])
            return
        _log.error("A message on %s failed", messages[0].topic, exc_info=error)
        try:
            with self._lease.write() as connection:
                write_letter(connection, messages[0], _OUR_MISTAKE)
        except (UserError, LeaseLostError) as second:
            _log.error("Not even its dead letter could be written: %s", second)
            return
        self._link.acknowledge(messages[0])

    def _finish(self, messages: Sequence[Message], outcome: Outcome) -> None:
        """After the commit: let devices delete, let the broker forget, wake the reconciler."""
        for device_id, ack in outcome.acks:
            self._link.publish(durable_topic(self._site, device_id, "ack"), encode_ack(ack))
        for message in messages:
            self._link.acknowledge(message)
        if outcome.steered:
            self._wake()

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
            _log.info("Live figures wait for the database: %s", error)
            self._live.put_back(updates, problems)

    def _is_writable(self) -> bool:
        """Whether the database takes writes at all; says so on the board when it does not."""
        try:
            with self._lease.write():
                return True
        except UserError as error:
            self._board.set("database", "down", error.what, error.todo)
        except LeaseLostError as error:
            _log.info("Ingest waits: %s", error)
        return False
