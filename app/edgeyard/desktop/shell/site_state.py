"""What the status bar says of the site's parts, in words: derived from rows and their age. No widgets in here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgeyard.desktop.widget.words import age, ago, count
from edgeyard.domain.device import DeviceStatus
from edgeyard.domain.error import UserError
from edgeyard.store.job import Job
from edgeyard.store.lease import HUB_SILENT_AFTER_S, ComponentStatus

START_HUB = "Start it again: edgeyard hub run, or restart its service. Devices keep running their models meanwhile."


@dataclass(frozen=True, slots=True)
class CellState:
    """One cell: a word behind the name, the shape, and the sentences of its popover."""

    word: str
    status: DeviceStatus
    text: str
    todo: str = ""
    at: float | None = None


_SHAPES = {"ok": DeviceStatus.HEALTHY, "warning": DeviceStatus.ATTENTION, "down": DeviceStatus.ALARM}
_WORDS = {"ok": "running", "warning": "needs attention", "down": "down"}


def hub_state(rows: Sequence[ComponentStatus], now: float) -> CellState:
    """The hub by its own word, unless that word has grown old."""
    row = _row(rows, "hub")
    if row is None:
        text = "No hub has worked on this site yet, so devices cannot join or report."
        return CellState("not running", DeviceStatus.ALARM, text, START_HUB)
    silent_s = now - row.at
    if silent_s > HUB_SILENT_AFTER_S:
        text = (
            f"The hub was last heard {ago(silent_s)}. What you see is the last known picture; rollouts do not advance."
        )
        return CellState(f"away {age(silent_s)}", DeviceStatus.ALARM, text, START_HUB, row.at)
    return CellState(_WORDS.get(row.state, row.state), _shape(row), row.text, row.todo, row.at)


def broker_state(rows: Sequence[ComponentStatus], now: float) -> CellState:
    """The broker as the hub last saw it."""
    row = _row(rows, "broker")
    if row is None or hub_is_away(rows, now):
        text = "Only the hub knows how the broker is, and the hub is away."
        return CellState("not known", DeviceStatus.UNKNOWN, text, START_HUB, row.at if row else None)
    return CellState(_WORDS.get(row.state, row.state), _shape(row), row.text, row.todo, row.at)


def database_state(trouble: UserError | None, place: str, *, is_open: bool) -> CellState:
    """The database as this desktop reaches it."""
    if trouble is not None:
        return CellState("unreachable", DeviceStatus.ALARM, trouble.what, trouble.todo)
    if not is_open:
        return CellState("opening", DeviceStatus.UPDATING, "The database is being opened.")
    return CellState("ready", DeviceStatus.HEALTHY, f"Reading from {place}.")


def jobs_state(jobs: Sequence[Job]) -> CellState:
    """Work that goes on, and whether any of the latest failed."""
    live = [job for job in jobs if job.state in {"queued", "running"}]
    if live:
        return CellState(f"{len(live)} running", DeviceStatus.UPDATING, count(len(live), "job"))
    if jobs and jobs[0].state in {"failed", "interrupted"}:
        return CellState("last one failed", DeviceStatus.ATTENTION, jobs[0].text or jobs[0].title)
    return CellState("none running", DeviceStatus.HEALTHY, "Nothing is being worked on.")


def hub_is_away(rows: Sequence[ComponentStatus], now: float) -> bool:
    """Whether the picture of the fleet is getting old."""
    row = _row(rows, "hub")
    return row is None or now - row.at > HUB_SILENT_AFTER_S


def last_heard(rows: Sequence[ComponentStatus]) -> float | None:
    """When the hub last wrote."""
    row = _row(rows, "hub")
    return row.at if row else None


def _row(rows: Sequence[ComponentStatus], component: str) -> ComponentStatus | None:
    return next((row for row in rows if row.component == component), None)


def _shape(row: ComponentStatus) -> DeviceStatus:
    return _SHAPES.get(row.state, DeviceStatus.UNKNOWN)
