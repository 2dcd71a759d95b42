"""Counters that must never repeat, across restarts, a full disk and a damaged one."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace as changed

from edgeyard.trust.durable_file import write_durably
from edgeyard.wire.message import Natural

_BD_SEQ_RANGE = 256


class _Values(Struct, frozen=True):
    boot: Natural
    statement: Natural
    bd_seq: Natural = 0


class Counters:
    """Boot, running statements, and MQTT sessions (`bdSeq`), in one durable file.

    Where the file is lost or cannot be written, the effective time in milliseconds takes the place of the count: it
    lies above whatever was counted, and repeats only if two starts fall into one millisecond. Nothing here raises: a
    device whose disk is full goes on running.
    """

    def __init__(self, path: Path, effective_time_s: float) -> None:
        self._path = path
        self._milliseconds = int(effective_time_s * 1000)
        self.problem = ""
        try:
            self._values = msgspec.json.decode(path.read_bytes(), type=_Values)
        except (OSError, msgspec.DecodeError) as error:
            self.problem = f"The device's counters could not be read ({error}) and go on from the clock."
            self._values = _Values(self._milliseconds, self._milliseconds)

    @staticmethod
    def create(path: Path, effective_time_s: float) -> None:
        """For a device that joins. Raises `OSError`.

        Begins at the time in seconds, not at zero: the device may take the place of one of its name, whose counts the
        hub remembers.
        """
        seconds = int(effective_time_s)
        write_durably(path, msgspec.json.encode(_Values(seconds, seconds)))

    @property
    def boot(self) -> int:
        """The number of this start of the agent."""
        return self._values.boot

    @property
    def bd_seq(self) -> int:
        """Session number of the last MQTT connection, 0..255."""
        return self._values.bd_seq

    def start(self) -> None:
        """Count this start of the agent."""
        if not self._write(changed(self._values, boot=self._values.boot + 1)):
            self._values = changed(self._values, boot=max(self._milliseconds, self._values.boot))

    def next_statement(self) -> int:
        """A number for a running statement, above all before it."""
        self._write(changed(self._values, statement=self._values.statement + 1))
        return self._values.statement

    def keep_bd_seq(self, value: int) -> None:
        """Remember the session number that is in use."""
        self._write(changed(self._values, bd_seq=value % _BD_SEQ_RANGE))

    def _write(self, values: _Values) -> bool:
        self._values = values
        try:
            write_durably(self._path, msgspec.json.encode(values))
        except OSError as error:
            self.problem = f"The device's counters cannot be written ({error.strerror})."
            return False
        return True
