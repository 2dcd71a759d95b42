"""The feeds that every window shows: fleet, groups, trend, models, rollouts, jobs, the state of the site's parts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer

from edgeyard.desktop import fleet_frame, trend
from edgeyard.desktop.bridge import Bridge
from edgeyard.desktop.feed import UNCHANGED
from edgeyard.desktop.fleet_frame import FleetFrame, FrameBuilder
from edgeyard.desktop.group_frame import GroupBook
from edgeyard.desktop.trend import BAND_WINDOW_S, FleetTrend, TrendBook
from edgeyard.store.database import Connection
from edgeyard.store.device import list_devices
from edgeyard.store.group import Group, list_groups
from edgeyard.store.job import list_jobs
from edgeyard.store.lease import statuses
from edgeyard.store.metric import fleet_trend, recent_latency
from edgeyard.store.model import list_models
from edgeyard.store.rollout import list_rollouts

if TYPE_CHECKING:
    from edgeyard.commands.workspace import Workspace

_WEEK_S = 7 * 86_400.0
_LEARN_EVERY_MS = 3_600_000
_REFRESH_S = 5.0
"""Even when nothing changes, a frame this often: ages are shown, and filters may ask for them."""


class FleetFeeds(QObject):
    """One set per process, shared by its windows. Snapshots: see each attribute."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__(bridge)
        reader = FleetReader()
        self.fleet = bridge.feed("devices", reader.read_fleet, {"devices"}, every_s=1.0)
        """`FleetFrame`"""
        self.groups = bridge.feed("groups", reader.read_groups, {"groups", "devices"}, every_s=2.0)
        """`GroupFrame`"""
        self.trend = bridge.feed("figures", reader.read_trend, (), every_s=1.0)
        """`FleetTrend`"""
        self.models = bridge.feed("models", lambda c, now: list_models(c), {"models"})
        """`list[ModelSummary]`"""
        self.rollouts = bridge.feed("rollouts", lambda c, now: list_rollouts(c, 100), {"rollouts"})
        """`list[RolloutSummary]`, the newest first"""
        self.jobs = bridge.feed("jobs", lambda c, now: list_jobs(c), {"jobs"})
        """`list[Job]`"""
        self.statuses = bridge.feed("site status", lambda c, now: statuses(c), {"status"}, every_s=5.0)
        """`list[ComponentStatus]`"""
        self._bridge = bridge
        self._reader = reader
        self.fleet.arrived.connect(self._on_first_frame)
        self._learning = QTimer(self)
        self._learning.setInterval(_LEARN_EVERY_MS)
        self._learning.timeout.connect(self._learn_bands)

    def _on_first_frame(self) -> None:
        self.fleet.arrived.disconnect(self._on_first_frame)
        # Not on the reader thread: a week of samples may take a while.
        self._bridge.run(self._reader.learn_recent)
        self._learn_bands()
        self._learning.start()

    def stop(self) -> None:
        """Learn nothing more; reading ends with the bridge."""
        self._learning.stop()

    def _learn_bands(self) -> None:
        self._bridge.run(self._reader.learn_bands)


class FleetReader:
    """Reads devices that changed and keeps what is derived from them.

    Everything runs on the reader thread but `learn_*`, which leave their result where the next reading picks it up.
    """

    def __init__(self) -> None:
        self._builder = FrameBuilder()
        self._groups = GroupBook()
        self._trend = TrendBook()
        self._stamp = 0.0
        self._listed: tuple[Group, ...] | None = None
        self._frame: FleetFrame | None = None
        self._lines: dict[str, list[tuple[float, float]]] | None = None
        self._points: list[Any] | None = None
        self._normal: list[Any] | None = None

    def read_fleet(self, c: Connection, now: float) -> Any:
        """A `FleetFrame`, or `UNCHANGED`."""
        changed = list_devices(c, changed_after=self._stamp)
        if changed:
            self._stamp = max(device.changed_at for device in changed)
        old = self._frame
        current = [device for device in changed if device.revoked_at is None]
        if old is None or len(current) != len(changed) or any(d.id not in old.row_of for d in current):
            merged = {device.id: device for device in (old.devices if old else ())}
            merged |= {device.id: device for device in changed}
            frame: FleetFrame | None = self._builder.start(
                [merged[key] for key in sorted(merged) if merged[key].revoked_at is None], now
            )
        else:
            frame = self._builder.update(current, now)
        lines, self._lines = self._lines, None
        if lines is not None:
            filled = self._builder.fill_history(lines)
            frame = filled if frame is None else replace(filled, changed=frame.changed, renamed=frame.renamed)
        if frame is None and old is not None and now - old.at > _REFRESH_S:
            frame = replace(old, at=now, changed=old.changed[:0], renamed=old.changed[:0])
        if frame is None:
            return UNCHANGED
        self._groups.follow(frame)
        self._frame = frame
        return frame

    def read_groups(self, c: Connection, now: float) -> Any:
        """A `GroupFrame`."""
        del now
        listed = tuple(list_groups(c))
        if listed != self._listed:
            self._listed = listed
            self._groups.set_groups(listed)
        return self._groups.frame()

    def read_trend(self, c: Connection, now: float) -> FleetTrend | Any:
        """A `FleetTrend`."""
        del c
        if self._frame is None:
            return UNCHANGED
        points, self._points = self._points, None
        if points is not None:
            self._trend.fill(points)
        normal, self._normal = self._normal, None
        if normal is not None:
            self._trend.set_bands(normal)
        return self._trend.follow(self._frame, now)

    def learn_recent(self, workspace: Workspace) -> None:
        """Read the latency lines and figures of the minutes before the start."""
        now = workspace.clock()
        with workspace.database.read() as c:
            self._points = fleet_trend(c, now - trend.SLOT_S * trend.SLOTS, trend.PAST_WINDOW_S)
            self._lines = recent_latency(c, now - fleet_frame.SLOT_S * fleet_frame.SLOTS)

    def learn_bands(self, workspace: Workspace) -> None:
        """Read what was normal in the last week."""
        with workspace.database.read() as c:
            self._normal = fleet_trend(c, workspace.clock() - _WEEK_S, BAND_WINDOW_S)
