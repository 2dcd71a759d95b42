from __future__ import annotations

from pathlib import Path

from edgeyard.domain.device import DeviceStatus
from edgeyard.store.database import Database, sqlite_url
from edgeyard.store.device import count_by_status, list_devices
from edgeyard.store.group import group_devices, list_groups
from edgeyard.store.metric import recent_latency
from edgeyard.store.rollout import list_rollouts
from tests.fleet_factory import seed_fleet

NOW = 1_760_000_000.0


def test_the_fleet_is_plausible_and_the_same_for_the_same_seed(tmp_path: Path) -> None:
    fleets = []
    for name in ("one.db", "two.db"):
        database = Database.open(sqlite_url(tmp_path / name))
        seed_fleet(database, 600, NOW, history_points=4)
        with database.read() as c:
            fleets.append(list_devices(c))
            if name == "one.db":
                counts = count_by_status(c, NOW)
                assert min(counts.values()) > 0
                assert counts[DeviceStatus.HEALTHY] > 500
                assert all(group_devices(c, group, NOW) for group in list_groups(c))
                assert len(recent_latency(c, 0)) > 500
                assert [summary.rollout.state for summary in list_rollouts(c)] == ["running", "succeeded"]
        database.close()
    assert fleets[0] == fleets[1]
    assert len({device.hardware_profile for device in fleets[0]}) == 4
