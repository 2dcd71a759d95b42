"""Records that wait until the hub has committed them: on disk, in order, bounded, and in memory while the disk is full.

Keyed (boot, seq); deleted only on the hub's word. When there is no room for more, the oldest metrics go first, then the
oldest events; what happened to executions and what runs is never dropped.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import msgspec

from edgeyard.agent.outbox_file import open_outbox
from edgeyard.wire.limit import MAX_RECORDS_PER_BATCH
from edgeyard.wire.message import Record, RecordAck
from edgeyard.wire.record_codec import Body, make_record

MAX_RECORDS = 20_000
MAX_BYTES = 16 << 20
_DROPPABLE = ("metrics", "event")
_MAX_IN_MEMORY = 1000


class Outbox:
    """Opens or makes the file. Nothing here raises for a full or failing disk. Use it from one thread."""

    def __init__(self, path: Path, boot: int, max_records: int = MAX_RECORDS, max_bytes: int = MAX_BYTES) -> None:
        self._boot = boot
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._memory: dict[tuple[int, int], tuple[Record, str | None]] = {}
        self._count = self._bytes = 0
        self.problem = ""
        """What is wrong with the disk at the moment, in a sentence."""
        self.dropped = 0
        """Records given up for want of room since the start."""
        self._database, self.damage = open_outbox(path)
        self._measure()
        self._seq = int(self._query("SELECT COALESCE(MAX(seq), 0) FROM record WHERE boot = ?", (boot,))[0][0])

    def __len__(self) -> int:
        return self._count + len(self._memory)

    def append(self, body: Body, at: float, *, origin: str | None = None) -> tuple[int, int]:
        """Keep one record and return its (boot, seq). `origin` names what is reported: while a record of that origin
        waits here, the same report is not kept again."""
        if origin is not None and self._has(origin):
            return self._boot, self._seq
        self._seq += 1
        self._memory[self._boot, self._seq] = (make_record(self._seq, at, body), origin)
        self._flush()
        self._make_room()
        return self._boot, self._seq

    def pending(self) -> tuple[int, list[Record]]:
        """The oldest records that wait, all of one boot, in order, as many as one batch may hold."""
        self._flush()
        rows = self._query(
            "SELECT boot, seq, at, kind, body FROM record ORDER BY boot, seq LIMIT ?", (MAX_RECORDS_PER_BATCH,)
        )
        waiting = {
            (boot, seq): Record(seq, at, kind, msgspec.msgpack.decode(body)) for boot, seq, at, kind, body in rows
        }
        waiting |= {key: record for key, (record, _) in self._memory.items()}
        if not waiting:
            return 0, []
        first_boot = min(waiting)[0]
        records = [waiting[key] for key in sorted(waiting) if key[0] == first_boot]
        return first_boot, records[:MAX_RECORDS_PER_BATCH]

    def acknowledge(self, ack: RecordAck) -> None:
        """The hub has committed all of a boot up to a number: forget them."""
        for key in [key for key in self._memory if key[0] == ack.boot and key[1] <= ack.seq]:
            del self._memory[key]
        self._change("DELETE FROM record WHERE boot = ? AND seq <= ?", [(ack.boot, ack.seq)])
        self._measure()

    def close(self) -> None:
        """Close the file; what is only in memory is lost if the disk is still full."""
        self._flush()
        self._database.close()

    # --- memory first, then disk -------------------------------------------------------------------------------------

    def _flush(self) -> None:
        if not self._memory:
            return
        rows = [
            (boot, seq, record.at, record.kind, origin, msgspec.msgpack.encode(record.body))
            for (boot, seq), (record, origin) in self._memory.items()
        ]
        if self._change("INSERT OR IGNORE INTO record VALUES (?, ?, ?, ?, ?, ?)", rows):
            self._memory.clear()
            self._count += len(rows)
            self._bytes += sum(len(row[5]) for row in rows)

    def _has(self, origin: str) -> bool:
        if any(known == origin for _, known in self._memory.values()):
            return True
        return bool(self._query("SELECT 1 FROM record WHERE origin = ?", (origin,)))

    def _make_room(self) -> None:
        droppable = [key for key, (record, _) in self._memory.items() if record.kind in _DROPPABLE]
        for key in droppable[: max(0, len(self._memory) - _MAX_IN_MEMORY)]:
            del self._memory[key]
            self.dropped += 1
        over = max(self._count - self._max_records, 0)
        if not over and self._bytes <= self._max_bytes:
            return
        # A tenth more than needed, so that not every append has to make room.
        wanted = over + self._max_records // 10
        for kind in _DROPPABLE:
            before = self._count
            self._change(
                "DELETE FROM record WHERE (boot, seq) IN"
                " (SELECT boot, seq FROM record WHERE kind = ? ORDER BY boot, seq LIMIT ?)",
                [(kind, wanted)],
            )
            self._measure()
            self.dropped += before - self._count
            wanted -= before - self._count
            if wanted <= 0:
                return

    # --- disk --------------------------------------------------------------------------------------------------------

    def _measure(self) -> None:
        rows = self._query("SELECT COUNT(*), COALESCE(SUM(LENGTH(body)), 0) FROM record")
        if rows:
            self._count, self._bytes = int(rows[0][0]), int(rows[0][1])

    def _query(self, text: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._database.execute(text, values).fetchall()
        except sqlite3.Error as error:
            self.problem = f"Unsent reports cannot be read at the moment ({error})."
            return []

    def _change(self, text: str, rows: list[tuple[Any, ...]]) -> bool:
        """One transaction: all or, on a full or failing disk, nothing."""
        try:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany(text, rows)
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            self.problem = f"Reports cannot be written to the disk at the moment ({error})."
            with contextlib.suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")
            return False
        self.problem = ""
        return True
