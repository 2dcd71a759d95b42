"""What the live plane says: who is there, and their latest figures, gathered into one write a second.

Sparkplug's rules that matter here: a death counts only with the session number (bdSeq) of the latest birth, since a
broker may deliver the will of a broken connection after the device is back; and data from a device whose birth this
hub has not seen is answered with a rebirth command. Our figures name every value, so they are used even before it.

Not thread-safe: it belongs to the ingest thread.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from edgeyard.domain.device import SILENT_AFTER_S, Device
from edgeyard.store.live import LiveUpdate
from edgeyard.wire.live import LiveFigures, read_bd_seq, read_figures
from edgeyard.wire.sparkplug import decode_payload

REBIRTH_EVERY_S = 10.0
"""At most one rebirth command to a device in this time."""
_NO_FIGURES = LiveFigures()


@dataclass(slots=True)
class _Presence:
    """What is known of one device in this hub session."""

    online: bool = False
    born: bool = False
    bd_seq: int | None = None
    heard_at: float = 0.0
    skew_s: float = 0.0
    rebirth_asked_at: float = 0.0
    figures: LiveFigures = field(default=_NO_FIGURES)
    problem: str | None = None
    """What the device last said is wrong with it; `None` before it said anything in this hub session."""


class LivePlane:
    """Presence and pending updates of all devices. Times are Unix seconds of the hub's clock."""

    def __init__(self) -> None:
        self._devices: dict[str, _Presence] = {}
        self._pending: dict[str, LiveUpdate] = {}
        self._problems: dict[str, str] = {}

    def know(self, devices: list[Device]) -> None:
        """Start from what the database holds, so that devices that went away with the former hub are noticed."""
        for device in devices:
            if device.online:
                presence = self._devices.setdefault(device.id, _Presence())
                presence.online, presence.heard_at = True, device.last_seen_at or 0.0

    def birth(self, device_id: str, data: bytes, now: float) -> None:
        """An NBIRTH; raises `WireError` for a malformed one."""
        payload = decode_payload(data)
        figures = read_figures(payload)
        presence = self._devices.setdefault(device_id, _Presence())
        presence.born, presence.bd_seq = True, read_bd_seq(payload)
        # Totals count since the agent's start, so rates must not span two of them.
        presence.figures = _NO_FIGURES
        self._heard(device_id, presence, figures, now)

    def data(self, device_id: str, data: bytes, now: float) -> bool:
        """An NDATA; whether the device should be asked for a rebirth. Raises `WireError` for a malformed one."""
        figures = read_figures(decode_payload(data))
        presence = self._devices.setdefault(device_id, _Presence())
        self._heard(device_id, presence, figures, now)
        if presence.born or now - presence.rebirth_asked_at < REBIRTH_EVERY_S:
            return False
        presence.rebirth_asked_at = now
        return True

    def death(self, device_id: str, data: bytes, now: float) -> None:
        """An NDEATH; raises `WireError` for a malformed one. One of an older session changes nothing."""
        bd_seq = read_bd_seq(decode_payload(data))
        presence = self._devices.get(device_id)
        if presence is None or (presence.born and presence.bd_seq != bd_seq):
            return
        presence.online, presence.born = False, False
        self._merge(LiveUpdate(device_id, now, online=False))

    def sweep(self, now: float) -> None:
        """Mark devices that went silent without a word as offline."""
        for device_id, presence in self._devices.items():
            if presence.online and now - presence.heard_at > SILENT_AFTER_S:
                presence.online, presence.born = False, False
                self._merge(LiveUpdate(device_id, now, online=False))

    def forget_births(self) -> None:
        """After a new connection to the broker births may have been missed: every device is asked again."""
        for presence in self._devices.values():
            presence.born = False

    def skew_s(self, device_id: str) -> float:
        """How far the device's clock is ahead of the hub's; 0 while unknown."""
        presence = self._devices.get(device_id)
        return presence.skew_s if presence else 0.0

    def take(self) -> tuple[list[LiveUpdate], dict[str, str]]:
        """What is to be written now, and forgets it: updates, and per device what it newly says is wrong with it."""
        updates, problems = list(self._pending.values()), self._problems
        self._pending, self._problems = {}, {}
        return updates, problems

    def put_back(self, updates: list[LiveUpdate], problems: dict[str, str]) -> None:
        """Return what could not be written, under what came since."""
        newer, self._pending = self._pending, {update.device_id: update for update in updates}
        for update in newer.values():
            self._merge(update)
        self._problems = problems | self._problems

    def _heard(self, device_id: str, presence: _Presence, figures: LiveFigures, now: float) -> None:
        before = presence.figures
        presence.online, presence.heard_at, presence.figures = True, now, figures
        presence.skew_s = figures.clock_at - now if figures.clock_at else 0.0
        if figures.problem != presence.problem:
            presence.problem = self._problems[device_id] = figures.problem
        self._merge(
            LiveUpdate(
                device_id,
                now,
                online=True,
                agent_version=figures.agent_version or None,
                update_state=figures.update_state,
                latency_p50_ms=figures.latency_p50_ms,
                latency_p95_ms=figures.latency_p95_ms,
                inferences_per_s=figures.inferences_per_s,
                error_rate=_error_rate(before, figures),
                cpu_percent=figures.cpu_percent,
                memory_bytes=figures.memory_bytes,
                temperature_c=figures.temperature_c,
                clock_skew_s=presence.skew_s if figures.clock_at else None,
            )
        )

    def _merge(self, update: LiveUpdate) -> None:
        """Keep one pending update a device: the newer one's figures, and the older one's where it has none."""
        older = self._pending.get(update.device_id)
        if older is not None:
            kept = {name: getattr(older, name) for name in _FIGURES if getattr(update, name) is None}
            update = replace(update, **kept)
        self._pending[update.device_id] = update


_FIGURES = tuple(name for name in LiveUpdate.__dataclass_fields__ if name not in {"device_id", "at"})


def _error_rate(before: LiveFigures, after: LiveFigures) -> float | None:
    """Errors ÷ inferences between two messages of one agent run; `None` where nothing was inferred."""
    if before.boot != after.boot or None in (before.inferences_total, before.errors_total):
        return None
    if after.inferences_total is None or after.errors_total is None:
        return None
    inferences = after.inferences_total - (before.inferences_total or 0)
    errors = after.errors_total - (before.errors_total or 0)
    return errors / inferences if inferences > 0 and 0 <= errors <= inferences else None
