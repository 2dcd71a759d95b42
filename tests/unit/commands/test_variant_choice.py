"""Choosing variants by hand: what is refused, and that a refusal changes nothing."""

from dataclasses import replace
from pathlib import Path

import pytest

from edgeyard.commands.settings import Settings
from edgeyard.commands.site_folder import SiteFolder
from edgeyard.commands.variant_choice import choice_obstacle, choose_by_hand, restore_choice
from edgeyard.commands.workspace import Workspace
from edgeyard.domain.error import UserError
from edgeyard.domain.model import ModelVersion
from edgeyard.store.database import Database, sqlite_url
from edgeyard.store.model import get_version
from edgeyard.trust.key_vault import KeyVault
from tests.unit.desktop import plan_world

UNSIGNED, SIGNED = 3, 2


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    folder = SiteFolder(tmp_path)
    folder.make()
    database = Database.open(sqlite_url(folder.database_file))
    with database.write() as c:
        plan_world.seed_site(c, 1000.0)
        plan_world.seed_versions(c, 1000.0, {1: 1, 2: 2})
    return Workspace(folder, Settings(), database, KeyVault(folder.operator))


def version(workspace: Workspace, version_id: int = UNSIGNED) -> ModelVersion:
    with workspace.database.read() as c:
        found = get_version(c, version_id)
    assert found is not None
    return found


def test_one_variant_serves_a_kind_of_hardware_and_the_former_choice_can_be_restored(workspace: Workspace) -> None:
    before = version(workspace)
    returned = choose_by_hand(workspace, UNSIGNED, "fp32", "pi4")
    assert returned == before.variants
    served = {made.name: made.profiles for made in version(workspace).variants}
    assert served == {"fp32": ("pi4",), "int8-s8s8": ("pi5",), "int8-u8s8": ("x86-vnni",)}
    restore_choice(workspace, before.label, returned)
    assert version(workspace).variants == before.variants
    workspace.close()


@pytest.mark.parametrize(
    ("version_id", "name", "profile", "why"),
    [
        (SIGNED, "fp32", "pi4", "is signed"),
        (UNSIGNED, "fp32", "toaster", "No ONNX model is deployed to toaster"),
        (UNSIGNED, "int4", "pi4", "does not exist any more"),
        (99, "fp32", "pi4", "does not exist any more"),
    ],
)
def test_what_cannot_be_chosen_is_refused_and_changes_nothing(
    workspace: Workspace, version_id: int, name: str, profile: str, why: str
) -> None:
    before = version(workspace, SIGNED), version(workspace)
    with pytest.raises(UserError, match=why):
        choose_by_hand(workspace, version_id, name, profile)
    assert (version(workspace, SIGNED), version(workspace)) == before
    workspace.close()


def test_hardware_that_does_not_run_the_type_or_has_no_room_is_named(workspace: Workspace) -> None:
    made = version(workspace).variants[0]
    assert "does not run bf16" in choice_obstacle(version(workspace), replace(made, precision="bf16"), "pi4")
    assert "larger than" in choice_obstacle(version(workspace), replace(made, size_bytes=1 << 50), "pi4")
    workspace.close()


def test_a_choice_is_not_restored_once_the_version_is_signed(workspace: Workspace) -> None:
    with pytest.raises(UserError, match="was signed since"):
        restore_choice(workspace, "yard-vision 2", version(workspace, SIGNED).variants)
    workspace.close()
