"""What the device tells its hub: records in order until they are committed, live figures while someone may be looking.

The hub's acknowledgement is the only thing that removes a record. What was sent and not acknowledged in time is sent
again: brokers lose messages, hubs are killed between receiving and committing. A batch always begins with the oldest
record there is, and the next one waits for its acknowledgement: the hub takes a higher number as proof that it has all
lower ones, so a newer batch must never overtake one that was lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from edgeyard.agent.counters import Counters
from edgeyard.agent.link import Link
from edgeyard.agent.outbox import Outbox
from edgeyard.wire.error import WireError
from edgeyard.wire.limit import MAX_TEXT_CHARACTERS
from edgeyard.wire.live import LiveFigures, birth_payload, data_payload, is_rebirth_command
from edgeyard.wire.message import DeviceEvent, Record, RecordBatch
from edgeyard.wire.record_codec import Body, decode_ack, encode_batch
from edgeyard.wire.sparkplug import decode_payload, encode_payload

RESEND_AFTER_S = 10.0
RESEND_MOST_S = 120.0
_SEQ_RANGE = 256


class Uplink:
    """Between outbox and link. `figures` gives the live figures of the moment, `clock` the device's own time."""

    def __init__(
        self,
        outbox: Outbox,
        link: Link,
        counters: Counters,
        figures: Callable[[], LiveFigures],
        clock: Callable[[], float],
    ) -> None:
        self._outbox = outbox
        self._link = link
        self._counters = counters
        self._figures = figures
        self._clock = clock
        self._bd_seq = counters.bd_seq
        self._live_seq = 0
        self._in_flight: tuple[int, int] | None = None
        self._safe = (counters.boot, 0)
        self._sent_at = 0.0
        self._resend_after_s = RESEND_AFTER_S
        self.on_birth: Callable[[], None] = lambda: None
        """Called at each birth, before records are sent."""

    # --- records -----------------------------------------------------------------------------------------------------

    def report(self, body: Body, *, origin: str | None = None) -> tuple[int, int]:
        """Owe the hub a record; it is sent at once if possible. Returns its (boot, seq)."""
        key = self._outbox.append(body, self._clock(), origin=origin)
        self._pump()
        return key

    def note(self, severity: str, code: str, text: str) -> None:
        """Owe the hub an event that people should be able to read later."""
        self.report(DeviceEvent(severity, code, text[:MAX_TEXT_CHARACTERS]))

    def waits(self, key: tuple[int, int]) -> bool:
        """Whether the record of this (boot, seq) is not acknowledged yet."""
        return key > self._safe

    def acknowledged(self, payload: bytes) -> None:
        """The hub's word that records are safe."""
        try:
            ack = decode_ack(payload)
        except WireError:
            return
        self._outbox.acknowledge(ack)
        if ack.boot == self._counters.boot:
            self._safe = max(self._safe, (ack.boot, ack.seq))
        self._resend_after_s = RESEND_AFTER_S
        self._sent_at = time.monotonic()
        if self._in_flight is not None and self._in_flight <= (ack.boot, ack.seq):
            self._in_flight = None
        self._pump()

    def _pump(self) -> None:
        if self._in_flight is not None or not self._link.connected:
            return
        boot, records = self._outbox.pending()
        if not records:
            return
        payload, last = _fitting(boot, records)
        if self._link.publish_records(payload):
            self._sent_at = time.monotonic()
            self._in_flight = (boot, last)

    def resend_overdue(self) -> None:
        """Send again what was not acknowledged in time, each time after a longer while."""
        if self._in_flight is not None and time.monotonic() - self._sent_at > self._resend_after_s:
            self._resend_after_s = min(self._resend_after_s * 2, RESEND_MOST_S)
            self._in_flight = None
        self._pump()

    # --- the session -------------------------------------------------------------------------------------------------

    def connected(self, bd_seq: int) -> None:
        """A new session: birth first, then whatever waits."""
        self._bd_seq = bd_seq
        self._counters.keep_bd_seq(bd_seq)
        self._in_flight = None
        self._resend_after_s = RESEND_AFTER_S
        self.birth()

    def lost(self) -> None:
        """The session is gone; what was in flight is sent again in the next."""
        self._in_flight = None

    def commanded(self, payload: bytes) -> None:
        """An NCMD: the host wants a fresh birth; being new here, it may have missed what is in flight."""
        try:
            wanted = is_rebirth_command(decode_payload(payload))
        except WireError:
            return
        if wanted:
            self._in_flight = None
            self.birth()

    def birth(self) -> None:
        """Say everything about the device anew."""
        self._live_seq = 0
        payload = birth_payload(self._figures(), self._bd_seq, self._now_ms())
        self._link.publish_live("NBIRTH", encode_payload(payload))
        self.on_birth()
        self._pump()

    def send_live(self) -> None:
        """Send the live figures, if anyone can hear them."""
        if self._link.connected:
            self._live_seq = (self._live_seq + 1) % _SEQ_RANGE
            payload = data_payload(self._figures(), self._live_seq, self._now_ms())
            self._link.publish_live("NDATA", encode_payload(payload))

    def _now_ms(self) -> int:
        return max(0, int(self._clock() * 1000))


def _fitting(boot: int, records: list[Record]) -> tuple[bytes, int]:
    """As many of the records as fit into one message, encoded, and the last one's number."""
    while True:
        try:
            return encode_batch(RecordBatch(boot, records)), records[-1].seq
        except WireError:
            if len(records) == 1:
                raise
            records = records[: len(records) // 2]
