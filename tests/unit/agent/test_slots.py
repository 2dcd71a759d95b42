"""Two slots: the switch is atomic, what is active is whole, and a crash anywhere leaves one of the two models."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as changed

from edgeyard.agent import slots as slots_module
from edgeyard.agent.slots import SlotMissingError, Slots
from edgeyard.agent.update_state import Target
from tests.unit.agent.update_world import make_target
from tests.unit.trust.power_cut import every_cut

OLD, NEW, NEWER = b"old model" * 100, b"new model" * 120, b"newer model" * 140


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def target_of(data: bytes, execution: int = 1) -> Target:
    return changed(make_target(execution, "x"), digest=sha(data), size_bytes=len(data))


def part_file(folder: Path, data: bytes) -> Path:
    path = folder / f"{sha(data)}.part"
    path.write_bytes(data)
    return path


def opened(folder: Path, candidate: str = "") -> Slots:
    slots = Slots(folder / "slots")
    slots.recover(candidate=candidate)
    return slots


@pytest.fixture
def running(tmp_path: Path) -> Path:
    """A state folder whose active slot holds OLD."""
    slots = opened(tmp_path)
    slots.stage(target_of(OLD), part_file(tmp_path, OLD))
    slots.switch(sha(OLD))
    return tmp_path


def test_a_staged_model_becomes_active_only_by_the_switch_and_the_old_one_stays(running: Path) -> None:
    slots = opened(running)
    slots.stage(target_of(NEW), part_file(running, NEW))
    assert (slots.facts().active, slots.facts().other) == (sha(OLD), sha(NEW))
    assert slots.previous is None
    slots.switch(sha(NEW))
    again = opened(running)
    assert (again.facts().active, again.facts().other) == (sha(NEW), sha(OLD))
    assert again.previous is not None
    assert again.previous.digest == sha(OLD)
    holding = again.holding(sha(NEW))
    assert holding is not None
    assert holding[0].read_bytes() == NEW


def test_the_model_is_moved_not_copied(running: Path) -> None:
    part = part_file(running, NEW)
    opened(running).stage(target_of(NEW), part)
    assert not part.exists()


def test_what_the_other_slot_holds_needs_no_file(running: Path) -> None:
    slots = opened(running)
    slots.stage(target_of(NEW), part_file(running, NEW))
    slots.switch(sha(NEW))
    slots.stage(target_of(OLD, execution=7), running / "no-such-file")
    slots.switch(sha(OLD))
    assert slots.active is not None
    assert slots.active.director_version == 7


@pytest.mark.parametrize("content", [None, b"something else"])
def test_missing_or_wrong_bytes_are_not_staged(running: Path, content: bytes | None) -> None:
    part = running / "file"
    if content is not None:
        part.write_bytes(content)
    with pytest.raises(SlotMissingError):
        opened(running).stage(target_of(NEW), part)
    assert opened(running).facts().active == sha(OLD)


def test_a_damaged_model_is_not_switched_to(running: Path) -> None:
    slots = opened(running)
    slots.stage(target_of(NEW), part_file(running, NEW))
    holding = slots.holding(sha(NEW))
    assert holding is not None
    holding[0].write_bytes(NEW[:-1] + b"?")
    with pytest.raises(SlotMissingError):
        slots.switch(sha(NEW))
    assert opened(running).facts().active == sha(OLD)


def test_a_damaged_active_slot_falls_back_to_the_previous_model_and_says_so(running: Path) -> None:
    slots = opened(running)
    slots.stage(target_of(NEW), part_file(running, NEW))
    slots.switch(sha(NEW))
    path = slots.holding(sha(NEW))
    assert path is not None
    path[0].write_bytes(NEW[:-1] + b"?")
    again = Slots(running / "slots")
    facts, problems = again.recover()
    assert (facts.active, facts.lost) == (sha(OLD), (sha(NEW),))
    assert any("damaged" in text for text in problems)
    assert opened(running).facts().active == sha(OLD)


@pytest.mark.parametrize("damage", ["remove", "garbage", "wrong name"])
def test_a_lost_state_file_is_rebuilt_from_what_last_ran(running: Path, damage: str) -> None:
    slots = opened(running)
    slots.stage(target_of(NEW), part_file(running, NEW))
    slots.switch(sha(NEW))
    state = running / "slots" / "state.json"
    if damage == "remove":
        state.unlink()
    else:
        state.write_bytes(b"\0\0" if damage == "garbage" else b'{"active":"../..","activation":1}')
    facts, problems = Slots(running / "slots").recover()
    assert facts.active == sha(NEW)
    assert problems


def test_a_lost_state_file_never_makes_an_untested_model_active(running: Path) -> None:
    slots = opened(running)
    slots.stage(target_of(NEW), part_file(running, NEW))
    (running / "slots" / "state.json").unlink()
    assert opened(running, candidate=sha(NEW)).facts().active == sha(OLD)


def test_broken_manifests_empty_their_slots_and_the_device_starts_all_the_same(running: Path) -> None:
    slots = opened(running)
    slots.stage(target_of(NEW), part_file(running, NEW))
    for name in "ab":
        (running / "slots" / name / "manifest.json").write_text("{")
    facts, problems = Slots(running / "slots").recover()
    assert (facts.active, facts.other) == ("", "")
    assert len(problems) == 3


def test_a_device_can_return_to_having_no_model(running: Path) -> None:
    slots = opened(running)
    slots.switch("")
    assert opened(running).facts().active == ""


class Killed(BaseException):
    """The process ended here."""


def interrupted(monkeypatch: pytest.MonkeyPatch, at: int, *, after: bool) -> Callable[[], int]:
    """Kill at the `at`-th change of the disk, before or after it takes effect; returns a counter of changes."""
    count = 0

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        def change(*arguments: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            own = count
            if own == at and not after:
                raise Killed
            result = function(*arguments, **options)
            if own == at:
                raise Killed
            return result

        return change

    monkeypatch.setattr(slots_module, "write_durably", wrap(slots_module.write_durably))
    monkeypatch.setattr(slots_module, "sync_folder", wrap(slots_module.sync_folder))
    monkeypatch.setattr(shutil, "rmtree", wrap(shutil.rmtree))
    for name in ("rename", "replace", "mkdir"):
        monkeypatch.setattr(Path, name, wrap(getattr(Path, name)))
    return lambda: count


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_any_change_of_the_disk_leaves_the_old_or_the_new_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    def story(folder: Path) -> None:
        slots = Slots(folder / "slots")
        slots.recover()
        slots.stage(target_of(NEWER), folder / f"{sha(NEWER)}.part")
        slots.switch(sha(NEWER))

    def prepared(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        slots = opened(folder)
        for data in (OLD, NEW):
            slots.stage(target_of(data), part_file(folder, data))
            slots.switch(sha(data))
        part_file(folder, NEWER)
        return folder

    with monkeypatch.context() as patch:
        changes = interrupted(patch, 0, after=after)
        folder = prepared("whole")
        before = changes()
        story(folder)
        total = changes() - before
    assert total > 8
    for at in range(1, total + 1):
        folder = prepared(f"killed-{at}")
        with monkeypatch.context() as patch:
            interrupted(patch, at, after=after)
            with pytest.raises(Killed):
                story(folder)
        slots = Slots(folder / "slots")
        facts, _ = slots.recover(candidate="")
        assert facts.active in {sha(NEW), sha(NEWER)}, f"killed at change {at}"
        holding = slots.holding(facts.active)
        assert holding is not None
        assert sha(holding[0].read_bytes()) == facts.active
        # And the story can be told to its end.
        if facts.active == sha(NEW):
            if facts.other != sha(NEWER):
                part_file(folder, NEWER)
            story(folder)
        assert opened(folder).facts().active == sha(NEWER)


def test_a_power_cut_at_any_sync_leaves_the_old_or_the_new_model_whole(tmp_path: Path) -> None:
    root = tmp_path / "disk"

    def prepare() -> None:
        slots = opened(root)
        for data in (OLD, NEW):
            slots.stage(target_of(data), part_file(root, data))
            slots.switch(sha(data))
        part_file(root, NEWER)

    def story() -> None:
        slots = opened(root)
        slots.stage(target_of(NEWER), root / f"{sha(NEWER)}.part")
        slots.switch(sha(NEWER))

    for cut in every_cut(root, story, prepare=prepare):
        for left in cut.worlds():
            slots = Slots(left / "slots")
            facts, _ = slots.recover()
            assert facts.active in ({sha(NEW), sha(NEWER)} if cut.killed else {sha(NEWER)})
            holding = slots.holding(facts.active)
            assert holding is not None
            assert sha(holding[0].read_bytes()) == facts.active


def test_a_full_disk_at_the_start_does_not_stop_the_device(running: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (running / "slots" / "state.json").unlink()

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(slots_module, "write_durably", full)
    facts, problems = Slots(running / "slots").recover()
    assert facts.active == sha(OLD)
    assert any("No space left" in text for text in problems)
