"""Groups are counted like `group_devices` would, again only where something changed."""

from __future__ import annotations

from edgeyard.desktop.fleet_frame import FrameBuilder
from edgeyard.desktop.group_frame import GroupBook
from edgeyard.domain.device import Device
from edgeyard.store.group import Group
from tests.unit.desktop.fleet_world import NOW, device, mixed_fleet

LINE = Group(1, "line-1", "dynamic", "line=1")
WRONG = Group(2, "wrong", "dynamic", "status:alarm | status:attention")
LIST = Group(3, "list", "static", members=("a-alarm", "gone"))


class World:
    def __init__(self, devices: list[Device]) -> None:
        self.builder = FrameBuilder()
        self.book = GroupBook()
        self.book.follow(self.builder.start(devices, NOW))
        self.book.set_groups([LINE, WRONG, LIST])

    def update(self, *devices: Device) -> None:
        frame = self.builder.update(list(devices), NOW + 1)
        assert frame is not None
        self.book.follow(frame)

    def sizes(self) -> dict[str, int]:
        return {view.group.name: view.devices for view in self.book.frame().views}


def test_dynamic_groups_hold_what_passes_and_static_ones_what_they_list() -> None:
    assert World(mixed_fleet()).sizes() == {"line-1": 6, "wrong": 2, "list": 1}


def test_a_new_label_moves_a_device_between_groups() -> None:
    world = World(mixed_fleet())
    world.update(device("c-healthy", labels={"line": "7"}))
    assert world.sizes()["line-1"] == 5


def test_a_group_on_statuses_follows_every_report() -> None:
    world = World(mixed_fleet())
    world.update(device("c-healthy", problem="Hot.", problem_severity="attention"))
    assert world.sizes()["wrong"] == 3


def test_all_groups_are_counted_anew_when_devices_come() -> None:
    world = World(mixed_fleet())
    world.book.follow(world.builder.start([*mixed_fleet(), device("z-new")], NOW + 2))
    assert world.sizes() == {"line-1": 7, "wrong": 2, "list": 1}


def test_counts_are_by_status() -> None:
    world = World(mixed_fleet())
    view = world.book.frame().view(2)
    assert view is not None
    assert view.counts == (1, 1, 0, 0, 0, 0)


def test_a_broken_filter_is_said_and_holds_nobody() -> None:
    world = World(mixed_fleet())
    world.book.set_groups([Group(4, "broken", "dynamic", "status:purple")])
    view = world.book.frame().views[0]
    assert view.devices == 0
    assert "There is no status" in view.trouble


def test_a_filter_on_age_changes_its_mind_by_time() -> None:
    world = World([device("a", last_seen_at=NOW)])
    world.book.set_groups([Group(5, "quiet", "dynamic", "seen>10")])
    assert world.sizes() == {"quiet": 0}
    frame = world.builder.update([], NOW + 40)
    assert frame is not None
    world.book.follow(frame)
    assert world.sizes() == {"quiet": 1}
