"""The whole fleet as one immutable snapshot of columns: what the table, the heat map and the figures are drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeyard.domain.device import SILENT_AFTER_S, STATUS_ORDER, Device, DeviceStatus

SLOT_S = 10.0
"""One point of a device's latency line."""
SLOTS = 36
"""Points of a line: six minutes."""
_LONGEST_WINDOW_S = 150.0

Floats = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.intp]

ALARM, ATTENTION, UPDATING, OFFLINE, UNKNOWN, HEALTHY = range(len(STATUS_ORDER))
"""Status codes of the `status` column: positions in `STATUS_ORDER`."""


@dataclass(frozen=True, slots=True)
class FleetFrame:
    """Devices in order of their ids, and what is sorted and drawn of them as arrays of the same length.

    Missing figures are NaN. `history` is float32 (devices, SLOTS) of p95 latency in ms, the newest last. `changed` are
    the rows whose device or status differs from the frame before; all rows when `members` (a number that grows when
    devices come or go) differs.
    """

    at: float
    members: int
    devices: Sequence[Device]
    row_of: dict[str, int]
    status: Bytes
    seen_at: Floats
    p95_ms: Floats
    p50_ms: Floats
    per_s: Floats
    errors: Floats
    severity: Bytes
    """0 alarm, 1 attention, 2 none."""
    online: Bytes
    updating: Bytes
    history: npt.NDArray[np.float32]
    slot: int
    changed: Rows
    renamed: Rows
    """Of `changed` those whose labels, hardware or model differ: most reports only bring figures."""

    def __len__(self) -> int:
        return len(self.devices)

    def count(self, status: DeviceStatus) -> int:
        """How many devices have this status."""
        return int(np.count_nonzero(self.status == STATUS_ORDER.index(status)))

    def status_of(self, row: int) -> DeviceStatus:
        """The status of one row."""
        return STATUS_ORDER[int(self.status[row])]

    def rows(self, device_ids: Sequence[str]) -> Rows:
        """Rows of those ids that (still) exist."""
        found = [self.row_of[device_id] for device_id in device_ids if device_id in self.row_of]
        return np.array(found, dtype=np.intp)


_NO_FLAGS = np.empty(0, np.uint8)
_NO_NUMBERS = np.empty(0, np.float64)
EMPTY_FRAME = FleetFrame(
    0.0, 0, (), {}, _NO_FLAGS, _NO_NUMBERS, _NO_NUMBERS, _NO_NUMBERS, _NO_NUMBERS, _NO_NUMBERS,
    _NO_FLAGS, _NO_FLAGS, _NO_FLAGS, np.empty((0, SLOTS), np.float32), 0, np.empty(0, np.intp),
    np.empty(0, np.intp),
)  # fmt: skip


def status_codes(severity: Bytes, online: Bytes, updating: Bytes, seen_at: Floats, now: float) -> Bytes:
    """The rules of `domain.device.device_status` over columns."""
    heard = ~np.isnan(seen_at)
    silent = (online == 0) | (now - np.where(heard, seen_at, now) > SILENT_AFTER_S)
    codes = np.full(len(severity), HEALTHY, np.uint8)
    codes[updating != 0] = UPDATING
    codes[silent] = OFFLINE
    codes[~heard] = UNKNOWN
    codes[severity == 1] = ATTENTION
    codes[severity == 0] = ALARM
    return codes


class FrameBuilder:
    """Makes frames from devices as they are read; lives on the reader thread."""

    def __init__(self) -> None:
        self._frame = EMPTY_FRAME

    def start(self, devices: Sequence[Device], now: float) -> FleetFrame:
        """A frame of exactly these devices (ordered by id), keeping the latency lines of those already known."""
        old = self._frame
        columns = {name: _column(devices, name) for name in _NUMBERS}
        row_of = {device.id: row for row, device in enumerate(devices)}
        history = np.full((len(devices), SLOTS), np.nan, np.float32)
        known = [(row, old.row_of[device.id]) for row, device in enumerate(devices) if device.id in old.row_of]
        if known:
            new_rows, old_rows = np.array(known).T
            history[new_rows] = _advance(old.history, old.slot, _slot(now))[old_rows]
        flags = _flags(devices)
        frame = FleetFrame(
            now, old.members + 1, tuple(devices), row_of, status_codes(*flags, columns["last_seen_at"], now),
            columns["last_seen_at"], columns["latency_p95_ms"], columns["latency_p50_ms"], columns["inferences_per_s"],
            columns["error_rate"], *flags, history, _slot(now), np.arange(len(devices)),
            np.arange(len(devices)),
        )  # fmt: skip
        _record(frame)
        self._frame = frame
        return frame

    def update(self, changed: Sequence[Device], now: float) -> FleetFrame | None:
        """A frame with these known devices replaced; `None` when nothing at all is different, not even by time."""
        old = self._frame
        rows = old.rows([device.id for device in changed])
        columns = {name: getattr(old, field).copy() for name, field in _NUMBERS.items()}
        severity, online, updating = old.severity.copy(), old.online.copy(), old.updating.copy()
        devices: Sequence[Device] = old.devices
        renamed = np.zeros(0, np.bool_)
        if len(rows):
            for name in _NUMBERS:
                columns[name][rows] = _column(changed, name)
            severity[rows], online[rows], updating[rows] = _flags(changed)
            renamed = np.array(
                [_name(old.devices[row]) != _name(device) for row, device in zip(rows.tolist(), changed, strict=True)]
            )
            replaced = list(old.devices)
            for row, device in zip(rows, changed, strict=True):
                replaced[row] = device
            devices = replaced
        status = status_codes(severity, online, updating, columns["last_seen_at"], now)
        slot = _slot(now)
        turned = np.flatnonzero(status != old.status)
        if not len(rows) and not len(turned) and slot == old.slot:
            return None
        history = _advance(old.history, old.slot, slot)
        frame = FleetFrame(
            now, old.members, devices, old.row_of, status, columns["last_seen_at"], columns["latency_p95_ms"],
            columns["latency_p50_ms"], columns["inferences_per_s"], columns["error_rate"], severity, online, updating,
            history, slot, np.array(sorted({*rows.tolist(), *turned.tolist()}), np.intp), rows[renamed],
        )  # fmt: skip
        _record(frame)
        self._frame = frame
        return frame

    def fill_history(self, lines: dict[str, list[tuple[float, float]]]) -> FleetFrame:
        """Put measured (time, p95 ms) points of before the start into the empty places of the lines."""
        old = self._frame
        history = old.history.copy()
        for device_id, points in lines.items():
            row = old.row_of.get(device_id)
            if row is None:
                continue
            ends = [at for at, _ in points[1:]] + [points[-1][0] + SLOT_S]
            for (at, p95_ms), end in zip(points, ends, strict=True):
                # A window's figure holds until the next window begins; after a longer pause there is a gap.
                until = end if end - at <= _LONGEST_WINDOW_S else at + SLOT_S
                first, last = (SLOTS - 1 - (old.slot - _slot(moment)) for moment in (at, until))
                line = history[row, max(first, 0) : max(last, 0)]
                line[np.isnan(line)] = p95_ms
        values: dict[str, Any] = {name: getattr(old, name) for name in FleetFrame.__slots__}
        self._frame = FleetFrame(
            **{**values, "history": history, "changed": old.changed[:0], "renamed": old.changed[:0]}
        )
        return self._frame


_NUMBERS = {
    "last_seen_at": "seen_at",
    "latency_p95_ms": "p95_ms",
    "latency_p50_ms": "p50_ms",
    "inferences_per_s": "per_s",
    "error_rate": "errors",
}
"""Numeric attributes of a device and the columns they become."""

_SEVERITIES = {"alarm": 0, "attention": 1}


def _column(devices: Sequence[Device], name: str) -> Floats:
    # numpy turns None into NaN.
    return np.array([getattr(device, name) for device in devices], dtype=np.float64)


def _flags(devices: Sequence[Device]) -> tuple[Bytes, Bytes, Bytes]:
    severity = np.array([_SEVERITIES.get(device.problem_severity, 2) for device in devices], np.uint8)
    online = np.array([device.online for device in devices], np.uint8)
    updating = np.array([bool(device.update_state) for device in devices], np.uint8)
    return severity, online, updating


def _name(device: Device) -> tuple[object, ...]:
    return device.labels, device.running_digest, device.running_model, device.hardware_profile


def _slot(at: float) -> int:
    return int(at // SLOT_S)


def _advance(history: npt.NDArray[np.float32], old_slot: int, slot: int) -> npt.NDArray[np.float32]:
    steps = min(max(slot - old_slot, 0), SLOTS)
    moved = np.full_like(history, np.nan)
    moved[:, : SLOTS - steps] = history[:, steps:]
    return moved


def _record(frame: FleetFrame) -> None:
    """Write the current p95 as the newest point of the line of every device that is not silent."""
    heard = (frame.online != 0) & (frame.at - frame.seen_at <= SILENT_AFTER_S)
    frame.history[heard, -1] = frame.p95_ms[heard]
