"""The hub's side of the directors: sign what each device is assigned, keep it fresh, and tell devices by a hint.

The assignment row is the truth; the signed metadata follows it, and the retained MQTT message is only a hint that a
new version is out. Hints are sent for every device again after each connection, since a broker may have lost them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from edgeyard.hub.lease_guard import LeaseGuard
from edgeyard.hub.mqtt_link import MqttLink
from edgeyard.hub.release_desk import ReleaseDesk
from edgeyard.hub.server_identity import OnlineSigners
from edgeyard.store.assignment import AssignmentRow, all_assignments, assign, mark_published, unpublished
from edgeyard.store.database import Connection, Database
from edgeyard.store.device import get_device
from edgeyard.store.release import put_director
from edgeyard.store.rollout import get_execution
from edgeyard.trust.director import DirectorMetadata, sign_assignment
from edgeyard.trust.tuf_metadata import ReleaseTarget
from edgeyard.wire.message import Desired, DirectorCustom
from edgeyard.wire.record_codec import encode_desired
from edgeyard.wire.topic import durable_topic

RESIGN_AFTER_S = 10 * 86_400.0
"""Director timestamps live 30 days; a device that was away for weeks still finds one that is valid."""
_RESIGN_CHECK_EVERY_S = 600.0
_AT_ONCE = 200
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Order:
    """One assignment with what its signature needs."""

    row: AssignmentRow
    target: ReleaseTarget | None


class DirectorDesk:
    """Signs and publishes assignments. Belongs to the reconciler's thread, except `link_connected`."""

    def __init__(
        self,
        site: str,
        database: Database,
        lease: LeaseGuard,
        releases: ReleaseDesk,
        signers: OnlineSigners,
        link: MqttLink,
        clock: Callable[[], float],
    ) -> None:
        self._site = site
        self._database = database
        self._lease = lease
        self._releases = releases
        self._signer = signers.director
        self._link = link
        self._clock = clock
        self._tell_everyone = threading.Event()
        self._checked_at = -_RESIGN_CHECK_EVERY_S

    def link_connected(self) -> None:
        """The broker is new or was restarted: hints go out again. From any thread."""
        self._tell_everyone.set()

    def publish_assignments(self) -> None:
        """Sign and put out what is assigned and not yet out; send hints; renew what is getting old."""
        while orders := self._read_orders():
            signed = [(order, self._sign(order)) for order in orders]
            out = self._put_out(signed)
            for device_id, version in out.items():
                self._hint(device_id, version)
            if len(orders) < _AT_ONCE:
                break
        if self._tell_everyone.is_set():
            self._tell_everyone.clear()
            self._hint_all()
        if time.monotonic() - self._checked_at > _RESIGN_CHECK_EVERY_S:
            self._checked_at = time.monotonic()
            self._renew_old()

    def _read_orders(self) -> list[_Order]:
        with self._database.read() as connection:
            return [self._order(connection, row) for row in unpublished(connection, _AT_ONCE)]

    def _order(self, connection: Connection, row: AssignmentRow) -> _Order:
        released = self._releases.targets().get(row.target_path) if row.target_path else None
        device = get_device(connection, row.device_id)
        if released is None or device is None or released.sha256 != row.digest:
            # An empty assignment, or one whose file is not released (any more): the device keeps what it runs.
            return _Order(row, None)
        execution = get_execution(connection, row.execution_id) if row.execution_id is not None else None
        custom = DirectorCustom(
            execution=row.execution_id or 0,
            rollout=execution.rollout_id if execution else 0,
            hardware_profile=device.hardware_profile,
            undo=row.undo,
            gate=msgspec.to_builtins(row.gate),
        )
        target = ReleaseTarget(released.path, released.sha256, released.size_bytes, msgspec.to_builtins(custom))
        return _Order(row, target)

    def _sign(self, order: _Order) -> DirectorMetadata:
        now = datetime.fromtimestamp(self._clock(), UTC)
        return sign_assignment(order.row.device_id, order.row.director_version, order.target, self._signer, now)

    def _put_out(self, signed: list[tuple[_Order, DirectorMetadata]]) -> dict[str, int]:
        """Store the metadata of assignments that still stand; the versions that are out now, by device."""
        out: dict[str, int] = {}
        now = self._clock()
        with self._lease.write() as connection:
            for order, metadata in signed:
                device_id, version = order.row.device_id, order.row.director_version
                if mark_published(connection, device_id, version, now):
                    put_director(
                        connection,
                        device_id,
                        version,
                        metadata.targets,
                        metadata.snapshot,
                        metadata.timestamp,
                        now,
                    )
                    out[device_id] = version
        return out

    def _hint(self, device_id: str, version: int) -> bool:
        topic = durable_topic(self._site, device_id, "desired")
        return self._link.publish(topic, encode_desired(Desired(version)), qos=1, retain=True)

    def _hint_all(self) -> None:
        with self._database.read() as connection:
            rows = all_assignments(connection)
        for row in rows:
            if row.published_at is not None and not self._hint(row.device_id, row.director_version):
                _log.info("The broker went away while hints were sent; they follow at the next connection")
                self._tell_everyone.set()
                return

    def _renew_old(self) -> None:
        """Restate assignments whose signatures are getting old: a new version of the same word."""
        before = self._clock() - RESIGN_AFTER_S
        with self._database.read() as connection:
            old = [row for row in all_assignments(connection) if (row.published_at or before) < before]
        for start in range(0, len(old), _AT_ONCE):
            with self._lease.write() as connection:
                for row in old[start : start + _AT_ONCE]:
                    assign(
                        connection,
                        row.device_id,
                        row.execution_id,
                        row.digest,
                        row.target_path,
                        row.undo,
                        row.gate,
                        self._clock(),
                    )
