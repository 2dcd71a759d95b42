from __future__ import annotations

from dataclasses import replace

import pytest

from edgeyard.domain.error import UserError
from edgeyard.store.database import Database
from edgeyard.store.device import revoke_device, set_labels
from edgeyard.store.group import Group, delete_group, get_group, group_devices, list_groups, save_group
from tests.unit.store.sample import NOW, join


def test_a_group_is_saved_changed_and_listed_in_order(database: Database) -> None:
    with database.write() as c:
        join(c, "a", "b")
        hall = save_group(c, Group(0, "hall", "dynamic", "line=3", production=True, position=2), NOW)
        static = save_group(c, Group(0, "pilot", "static", members=("b", "a", "b"), parent_id=hall.id, position=1), NOW)
        assert static.members == ("a", "b")
        changed = save_group(c, replace(static, members=("b",)), NOW)
    with database.read() as c:
        assert list_groups(c) == [changed, hall]
        assert get_group(c, "hall") == hall
        assert get_group(c, "nowhere") is None


def test_a_deleted_group_can_be_put_back_under_its_id(database: Database) -> None:
    with database.write() as c:
        join(c, "a")
        top = save_group(c, Group(0, "top", "dynamic"), NOW)
        gone = save_group(c, Group(0, "gone", "static", members=("a",), parent_id=top.id), NOW)
        child = save_group(c, Group(0, "child", "dynamic", parent_id=gone.id), NOW)
        delete_group(c, gone.id, NOW)
        delete_group(c, gone.id, NOW)
        assert [(group.name, group.parent_id) for group in list_groups(c)] == [("child", top.id), ("top", None)]
        other = save_group(c, Group(0, "other", "dynamic"), NOW)
        assert other.id not in {top.id, gone.id, child.id}
        assert save_group(c, gone, NOW) == gone
        save_group(c, child, NOW)
        assert {group.name: group.parent_id for group in list_groups(c)}["child"] == gone.id


def test_groups_that_make_no_sense_are_refused(database: Database) -> None:
    with database.write() as c:
        join(c, "a")
        top = save_group(c, Group(0, "top", "dynamic"), NOW)
        under = save_group(c, Group(0, "under", "dynamic", parent_id=top.id), NOW)
        for group, words in (
            (Group(0, " top ", "dynamic"), "cannot be used"),
            (Group(0, "to\np", "dynamic"), "cannot be used"),
            (Group(0, "top", "dynamic"), "already a group named top"),
            (Group(0, "x", "magic"), "cannot be 'magic'"),
            (Group(0, "x", "dynamic", "(line=3"), "parenthesis"),
            (Group(0, "x", "static", members=("a", "ghost")), "no device named ghost"),
            (Group(0, "x", "dynamic", parent_id=999), "parent group is gone"),
            (replace(top, parent_id=under.id), "under itself"),
            (replace(top, parent_id=top.id), "under itself"),
        ):
            with pytest.raises(UserError, match=words.replace("(", r"\(")):
                save_group(c, group, NOW)
        deep = under
        with pytest.raises(UserError, match="eight deep"):
            for level in range(12):
                deep = save_group(c, Group(0, f"deep-{level}", "dynamic", parent_id=deep.id), NOW)


def test_the_devices_of_a_group(database: Database) -> None:
    with database.write() as c:
        join(c, "a", "b", "c", "revoked")
        for device_id in ("a", "c", "revoked"):
            set_labels(c, device_id, {"line": "3"}, NOW)
        revoke_device(c, "revoked", NOW)
        line = save_group(c, Group(0, "line", "dynamic", "line=3"), NOW)
        listed = save_group(c, Group(0, "listed", "static", members=("b", "revoked")), NOW)
        everything = save_group(c, Group(0, "all", "dynamic"), NOW)
    with database.read() as c:
        assert [device.id for device in group_devices(c, line, NOW)] == ["a", "c"]
        assert [device.id for device in group_devices(c, listed, NOW)] == ["b"]
        assert [device.id for device in group_devices(c, everything, NOW)] == ["a", "b", "c"]
