"""The durable plane: records as devices sent them, each kept once, and what could not be read.

A device's records arrive in order within a boot and may arrive again until it has heard our word. So one number per
(device, boot), the highest committed `seq`, tells old from new: measured five times cheaper than a unique key over all
records. It is read and raised under a lock, in the transaction that keeps the records.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from edgeyard.store.bound import bound, bound_name, finite
from edgeyard.store.json_text import to_text
from edgeyard.store.raw import fetch, fetch_one, insert_many, insert_row, lock_name, run
from edgeyard.wire.message import Record

MAX_DEAD_LETTERS = 10_000
MAX_PAYLOAD_BYTES = 4096
"""How much of an unreadable message is kept."""
MAX_BODY_CHARACTERS = 64 * 1024

_COLUMNS = ("device_id", "boot", "seq", "at", "received_at", "kind", "body")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was refused, and why. `payload` is its beginning, `payload_bytes` its whole length."""

    at: float
    device_id: str
    topic: str
    reason: str
    payload: bytes
    payload_bytes: int


def fresh_records(c: Connection, device_id: str, boot: int, records: Sequence[Record]) -> list[Record]:
    """Those of `records` that are not committed yet, by `seq`; from here on to the end of the transaction nobody else
    can commit records of this device.

    Handle the bodies of these only, then call `commit_batch` in the same transaction. With several devices in one
    transaction, take them in order of their ids: two workers then cannot wait for each other in a circle.
    """
    lock_name(c, f"records {device_id}")
    known = watermark(c, device_id).get(boot, 0)
    new = {record.seq: record for record in records if record.seq > known}
    return [new[seq] for seq in sorted(new)]


def commit_batch(c: Connection, device_id: str, boot: int, records: Sequence[Record], now: float) -> int:
    """Keep what is new of `records`; returns the highest `seq` of this boot that is safe once the transaction is.

    Only after the commit may that number be sent to the device, which then deletes its copies.
    """
    new = fresh_records(c, device_id, boot, records)
    if not new:
        return watermark(c, device_id).get(boot, 0)
    rows = [
        (
            device_id,
            boot,
            record.seq,
            now if finite(record.at) is None else record.at,
            now,
            bound_name(record.kind),
            _body_text(record.body),
        )
        for record in new
    ]
    insert_many(c, "record", _COLUMNS, rows)
    highest = new[-1].seq
    run(
        c,
        "INSERT INTO watermark (device_id, boot, seq, changed_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (device_id, boot) DO UPDATE SET seq = excluded.seq, changed_at = excluded.changed_at",
        (device_id, boot, highest, now),
    )
    return highest


def watermark(c: Connection, device_id: str) -> dict[int, int]:
    """The highest committed `seq` of each boot of the device."""
    return dict(fetch(c, "SELECT boot, seq FROM watermark WHERE device_id = ?", (device_id,)))


def prune_records(c: Connection, before: float, max_rows: int = 50_000) -> int:
    """Delete up to `max_rows` of the oldest records received before that time; returns how many went.

    Records are kept in the order they came, so the old ones lie together and no index is needed to find them. Marks of
    boots not heard of since then go as well: what would come again so late is old news, not lost news.
    """
    first = fetch_one(c, "SELECT min(id) FROM record")
    if first is None or first[0] is None:
        return 0
    kept = fetch_one(
        c, "SELECT id FROM record WHERE id < ? AND received_at >= ? ORDER BY id LIMIT 1", (first[0] + max_rows, before)
    )
    gone = run(c, "DELETE FROM record WHERE id < ?", (kept[0] if kept else first[0] + max_rows,))
    run(c, "DELETE FROM watermark WHERE changed_at < ?", (before,))
    return gone


def dead_letter(c: Connection, device_id: str, topic: str, reason: str, payload: bytes, now: float) -> None:
    """Keep the beginning of a message that was refused; the newest ten thousand stay."""
    values = {
        "at": now,
        "device_id": bound_name(device_id),
        "topic": bound(topic),
        "reason": bound(reason),
        "payload": payload[:MAX_PAYLOAD_BYTES],
        "payload_bytes": len(payload),
    }
    letter_id = insert_row(c, "dead_letter", values)
    run(c, "DELETE FROM dead_letter WHERE id <= ?", (letter_id - MAX_DEAD_LETTERS,))


def dead_letters(c: Connection, limit: int = 200) -> list[DeadLetter]:
    """The latest refused messages, the newest first."""
    rows = fetch(
        c,
        "SELECT at, device_id, topic, reason, payload, payload_bytes FROM dead_letter ORDER BY id DESC LIMIT ?",
        (limit,),
    )
    return [DeadLetter(row[0], row[1], row[2], row[3], bytes(row[4]), row[5]) for row in rows]


def _body_text(body: dict[str, Any]) -> str:
    """The body as JSON; one that JSON cannot say, or a huge one, is replaced by the reason and does not stop ingest."""
    try:
        text = to_text(body)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        return to_text({"unreadable": bound(str(error))})
    if len(text) > MAX_BODY_CHARACTERS:
        return to_text({"unreadable": f"{len(text)} characters, at most {MAX_BODY_CHARACTERS} are kept"})
    return text
