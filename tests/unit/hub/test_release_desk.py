"""The hub's side of the release repository over time: nothing it signs runs out while the hub runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Snapshot, Timestamp

from edgeyard.hub.release_desk import ReleaseDesk
from edgeyard.store.database import Database, sqlite_url
from edgeyard.store.release import latest, put_metadata
from edgeyard.trust.release_repository import add_targets, create_root, publish
from edgeyard.trust.target import ReleaseTarget
from edgeyard.trust.tuf_metadata import read_metadata

START = datetime(2026, 12, 1, tzinfo=UTC)


def test_timestamp_and_snapshot_are_renewed_while_nothing_new_is_signed(tmp_path: Path) -> None:
    make = CryptoSigner.generate_ed25519
    root_key, approver, snapshot_key, timestamp_key = make(), make(), make(), make()
    root = create_root(root_key, [approver.public_key], 1, snapshot_key.public_key, timestamp_key.public_key, START)
    targets = add_targets(root, None, [ReleaseTarget("m/1/int8.onnx", "a" * 64, 10)], approver, START)
    snapshot, timestamp = publish(root, targets, None, None, snapshot_key, timestamp_key, START)
    database = Database.open(sqlite_url(tmp_path / "site.db"))
    with database.write() as connection:
        for name, data in (
            ("1.root.json", root),
            ("1.targets.json", targets),
            ("1.snapshot.json", snapshot),
            ("timestamp.json", timestamp),
        ):
            put_metadata(connection, "release", "", name, data, START.timestamp())
    now = START
    desk = ReleaseDesk(
        database,
        SimpleNamespace(write=database.write),  # type: ignore[arg-type]
        SimpleNamespace(snapshot=snapshot_key, timestamp=timestamp_key),  # type: ignore[arg-type]
        tmp_path,
        lambda: now.timestamp(),  # noqa: PLW0108 - `now` moves
    )
    assert not desk.refresh(), "everything is fresh"
    for day in range(1, 500, 7):
        now = START + timedelta(days=day)
        assert desk.refresh()
        with database.read() as connection:
            for role, kind in (("snapshot", Snapshot), ("timestamp", Timestamp)):
                data = latest(connection, role)
                assert data is not None
                assert read_metadata(data, kind).signed.expires > now + timedelta(days=20), (role, day)
    database.close()
