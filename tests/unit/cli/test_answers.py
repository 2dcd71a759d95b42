"""What the command line answers when a person slips: one line that helps, exit code 2, nothing made or changed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edgeyard.cli.main import main
from edgeyard.commands.settings import Settings
from edgeyard.commands.site_folder import SiteFolder
from edgeyard.commands.site_status import site_status
from edgeyard.commands.workspace import Workspace
from edgeyard.domain.device import Device
from edgeyard.domain.execution import ExecutionState
from edgeyard.domain.rollout import RolloutPolicy, RolloutState, WaveState
from edgeyard.store.device import add_device
from edgeyard.store.group import Group, save_group
from edgeyard.store.lease import put_status
from edgeyard.store.live import LiveUpdate, update_live
from edgeyard.store.model import add_version
from edgeyard.store.rollout import (
    ExecutionPlan,
    NewRollout,
    create_rollout,
    open_commands,
    set_execution_state,
    set_rollout_state,
    set_wave_state,
)
from tests.unit.store.sample import digest, join, pem

NOW = 1_800_000_000.0


def _site(folder: Path) -> Workspace:
    return Workspace.open(SiteFolder(folder), Settings())


def test_a_site_that_is_not_there_is_not_made_by_asking_for_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mistyped"
    assert main(["--site", str(folder), "device", "list"]) == 2
    assert "There is no site in" in capsys.readouterr().err
    assert not folder.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["hub", "token", "--count", "0"],
        ["hub", "token", "--valid-for", "-5"],
        ["rollout", "start", "m:1", "all", "--soak", "-3"],
        ["rollout", "plan", "m:1", "all", "--soak", "nan"],
    ],
)
def test_numbers_that_cannot_be_are_refused_by_name(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert f"argument {arguments[-2]}" in capsys.readouterr().err


def test_a_killed_hub_is_not_said_to_run(tmp_path: Path) -> None:
    workspace = _site(tmp_path)
    workspace.clock = lambda: NOW + 20
    with workspace.database.write() as c:
        put_status(c, "hub", "ok", "Running.", "", NOW)
        put_status(c, "broker", "ok", "Mosquitto on port 8883.", "", NOW)
    found = {row.component: row for row in site_status(workspace)}
    assert found["hub"].state == found["broker"].state == "down"
    assert found["hub"].text == "The hub was last heard 20 s ago."
    assert "edgeyard hub run" in found["hub"].todo
    workspace.clock = lambda: NOW + 5
    assert {row.state for row in site_status(workspace)} == {"ok"}
    workspace.close()


def test_a_site_no_hub_has_worked_on_says_so(tmp_path: Path) -> None:
    workspace = _site(tmp_path)
    assert [(row.component, row.state) for row in site_status(workspace)] == [("hub", "down")]
    workspace.close()


def test_a_reader_that_has_had_enough_is_no_error(tmp_path: Path) -> None:
    workspace = _site(tmp_path)
    with workspace.database.write() as c:
        for number in range(2000):
            save_group(c, Group(id=0, name=f"group {number}", kind="dynamic", filter_text="x" * 50), NOW)
    workspace.close()
    code = "import sys; from edgeyard.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "--site", str(tmp_path), "group", "list"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_a_wrong_clock_is_seen_in_the_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = _site(tmp_path)
    with workspace.database.write() as c:
        add_device(c, Device("press-1", "pi5"), pem("press-1"), NOW)
        update_live(c, [LiveUpdate("press-1", at=NOW, clock_skew_s=-3 * 86_400.0)])
    workspace.close()
    assert main(["--site", str(tmp_path), "device", "list"]) == 0
    assert "Its clock is 3 days behind." in capsys.readouterr().out


def _ended_rollout(workspace: Workspace, previous: str, state: RolloutState) -> None:
    """Rollout 1 over two waves of a device each; the first device finished, the second was never reached."""
    with workspace.database.write() as c:
        join(c, "a", "b")
        version = add_version(c, model="yard", source_digest=digest("0"), source_size_bytes=1, now=NOW)
        waves = [[ExecutionPlan(device, digest("2"), previous)] for device in ("a", "b")]
        draft = NewRollout("yard", version.id, "all", RolloutPolicy((50, 100)), "operator.eve", waves, [], 1)
        rollout_id = create_rollout(c, draft, NOW)
        set_wave_state(c, rollout_id, 0, WaveState.RUNNING, "", (), NOW)
        for step in (ExecutionState.NOTIFIED, ExecutionState.SUCCEEDED):
            set_execution_state(c, 1, step, "", None, NOW)
        set_rollout_state(c, rollout_id, RolloutState.RUNNING, "", NOW)
        set_rollout_state(c, rollout_id, state, "", NOW)


def test_an_undo_that_could_change_nothing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = _site(tmp_path)
    _ended_rollout(workspace, "", RolloutState.SUCCEEDED)
    assert main(["--site", str(tmp_path), "rollout", "undo", "1"]) == 2
    assert "had no model before this rollout, so there is nothing to go back to" in capsys.readouterr().err
    with workspace.database.read() as c:
        assert open_commands(c) == []
    workspace.close()


def test_an_undo_that_can_take_devices_back_is_handed_on(tmp_path: Path) -> None:
    workspace = _site(tmp_path)
    _ended_rollout(workspace, digest("1"), RolloutState.SUCCEEDED)
    assert main(["--site", str(tmp_path), "rollout", "undo", "1"]) == 0
    with workspace.database.read() as c:
        assert len(open_commands(c)) == 1
    workspace.close()


def test_waves_of_an_aborted_rollout_are_not_said_to_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = _site(tmp_path)
    _ended_rollout(workspace, "", RolloutState.CANCELLED)
    workspace.close()
    assert main(["--site", str(tmp_path), "rollout", "show", "1"]) == 0
    shown = capsys.readouterr().out
    assert "Wave 1: stopped" in shown
    assert "Wave 2: never started" in shown


def test_an_imported_version_is_listed_before_it_has_variants(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = _site(tmp_path)
    with workspace.database.write() as c:
        add_version(c, model="yard", source_digest=digest("0"), source_size_bytes=1, now=NOW)
    workspace.close()
    assert main(["--site", str(tmp_path), "model", "list"]) == 0
    assert "yard 1   imported  none yet" in capsys.readouterr().out
