"""What building blocks cost beside each other, as `tests/benchmark/blocks.py` measured it on a named machine."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Annotated

import msgspec

from edgeyard.domain.error import UserError
from edgeyard.resource import resource_path

MAX_BYTES = 64 * 1024
_FOLDER = "blocks"
DEFAULT_TABLE = "x86-vnni.json"


class BlockRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One block at one size: channels, side of its map, milliseconds of one run."""

    block: str
    channels: Annotated[int, msgspec.Meta(ge=0)]
    side: Annotated[int, msgspec.Meta(ge=1)]
    ms: Annotated[float, msgspec.Meta(gt=0)]


class BlockTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All rows of one machine and runtime."""

    version: Annotated[int, msgspec.Meta(ge=1, le=1)]
    host: str
    architecture: str
    instructions: list[str]
    runtime: str
    precision: str
    threads: int
    measured: str
    rows: list[BlockRow]

    @property
    def source(self) -> str:
        """Where and with what it was measured, for sentences."""
        threads = "one thread" if self.threads == 1 else f"{self.threads} threads"
        return f"measured on {self.host} with {self.runtime}, {self.precision}, {threads}, {self.measured}"

    def milliseconds(self, block: str, channels: int, side: int) -> float | None:
        """Of the block at the measured size nearest to this one; `None` when it was not measured."""
        row = self._nearest(block, channels, side)
        return row.ms if row else None

    def ratio(self, old: str, new: str, channels: int, side: int) -> float | None:
        """Old ÷ new, both at the measured size nearest to this one: above 1 the new one is faster."""
        before = self._nearest(old, channels, side)
        after = before and self._nearest(new, before.channels, before.side)
        if before is None or not after or (after.channels, after.side) != (before.channels, before.side):
            return None
        return before.ms / after.ms

    def per_value_ns(self, block: str, channels: int, side: int) -> float | None:
        """Nanoseconds per value of a map, for blocks that work value by value."""
        row = self._nearest(block, channels, side)
        return row.ms * 1e6 / (row.channels * row.side * row.side) if row else None

    def _nearest(self, block: str, channels: int, side: int) -> BlockRow | None:
        def distance(row: BlockRow) -> float:
            return abs(math.log(max(row.channels, 1) / max(channels, 1))) + 2 * abs(math.log(row.side / max(side, 1)))

        return min((row for row in self.rows if row.block == block), key=distance, default=None)


@cache
def default_table() -> BlockTable:
    """The table that ships with Edgeyard."""
    return read_block_table(resource_path(_FOLDER, DEFAULT_TABLE))


def read_block_table(path: Path) -> BlockTable:
    """Read one; `UserError` when the file is none."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UserError(f"{path.name} is too large to be a table of blocks.", "Measure it again.")
        return msgspec.json.decode(path.read_bytes(), type=BlockTable)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}).", "Install Edgeyard again.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path.name} is no table of blocks ({error}).", "Measure it again.") from error
