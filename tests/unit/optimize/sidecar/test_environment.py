"""Environments of sidecars: exact versions, complete or not there, also without a network."""

import os
import re
import sys
import zipfile
from pathlib import Path

import pytest

from edgeyard.domain.error import UserError
from edgeyard.optimize.sidecar import catalog, environment, find_python
from edgeyard.optimize.sidecar.catalog import SIDECARS, Sidecar, sidecar_obstacle, sidecar_version
from edgeyard.optimize.sidecar.environment import (
    MARKER,
    find_environment,
    make_environment,
    read_pins,
    remove_environment,
)
from edgeyard.optimize.sidecar.message import SidecarError
from edgeyard.optimize.sidecar.process import ProcessEnd
from edgeyard.resource import resource_path

OURS = f"{sys.version_info[0]}.{sys.version_info[1]}"


def write_wheel(folder: Path, version: str) -> None:
    """A package with one line in it, as a wheel."""
    info = f"tiny_part-{version}.dist-info"
    with zipfile.ZipFile(folder / f"tiny_part-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny_part.py", f"VERSION = {version!r}\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny-part\nVersion: {version}\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sidecar `tiny` that wants one small package; returns a wheelhouse that has it."""
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("# the only one\nTiny.Part==1.0\n")
    sidecar = Sidecar("tiny", "Tiny tool", "", "tiny", python_versions=(OURS,), disk_bytes=1)
    monkeypatch.setitem(SIDECARS, "tiny", sidecar)
    for module in (catalog, environment):
        monkeypatch.setattr(module, "requirements_path", lambda _sidecar: requirements)
    monkeypatch.setenv("EDGEYARD_SIDECARS", str(tmp_path / "sidecars"))
    wheelhouse = tmp_path / "wheels"
    wheelhouse.mkdir()
    write_wheel(wheelhouse, "1.0")
    return wheelhouse


def test_an_environment_is_made_from_a_wheelhouse_and_found_again(tiny: Path) -> None:
    assert "edgeyard sidecar make tiny" in sidecar_obstacle("tiny")
    said: list[str] = []
    python = make_environment("tiny", tiny, on_progress=said.append)
    assert python == find_environment("tiny")
    assert sidecar_obstacle("tiny") == ""
    assert list(python.parent.parent.rglob("tiny_part.py"))
    assert any("Installing 1 packages from" in text for text in said)
    assert make_environment("tiny", on_progress=said.append) == python, "it is there: nothing is installed"


def test_an_environment_that_was_cut_off_is_made_anew(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch)
    python = make_environment("tiny")
    (python.parent.parent / MARKER).unlink()
    (python.parent.parent / "left over").touch()
    assert find_environment("tiny") is None
    said: list[str] = []
    assert make_environment("tiny", on_progress=said.append) == python
    assert "Removing an environment that was not finished." in said
    assert not (python.parent.parent / "left over").exists()


def test_what_could_not_be_made_leaves_nothing(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, packages="{}")
    with pytest.raises(SidecarError):
        make_environment("tiny")
    assert not (environment.environments_folder() / "tiny").exists()


def pretend(
    monkeypatch: pytest.MonkeyPatch, packages: str = '{"tiny-part": "1.0+cpu"}', code: int = 0
) -> list[list[str]]:
    """Let every step of the making succeed without doing it; returns the commands."""
    commands: list[list[str]] = []

    def run(command: list[str], folder: Path, *_: object) -> ProcessEnd:
        commands.append(list(command))
        if "venv" in command:
            python = environment._interpreter(Path(command[-1]))
            python.parent.mkdir(parents=True)
            python.touch()
        return ProcessEnd(code, "ERROR: no wheel\nmore" if code else packages, 0, 0.0)

    monkeypatch.setattr(environment, "run_limited", run)
    return commands


def test_a_build_of_the_same_version_will_do(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = pretend(monkeypatch)
    assert make_environment("tiny", tiny).exists()
    install = commands[1]
    assert "--no-index" in install
    assert str(tiny) in install


def test_without_a_wheelhouse_pip_asks_where_it_is_told_to(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = pretend(monkeypatch)
    make_environment("tiny")
    assert "--no-index" not in commands[1]


@pytest.mark.parametrize("packages", ["{}", '{"tiny-part": "1.1"}'], ids=["missing", "another version"])
def test_an_environment_with_other_versions_does_not_count(
    packages: str, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, packages)
    with pytest.raises(SidecarError, match="tiny-part was not installed"):
        make_environment("tiny")
    assert find_environment("tiny") is None


def test_a_failed_step_is_told_in_the_words_of_pip(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, code=1)
    with pytest.raises(SidecarError, match="no wheel"):
        make_environment("tiny")


def test_new_requirements_make_an_old_environment_stale(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch)
    make_environment("tiny")
    before = sidecar_version("tiny")
    (tmp_path / "requirements.txt").write_text("tiny-part==1.1\n")
    assert find_environment("tiny") is None
    assert sidecar_version("tiny") != before


def test_a_missing_python_is_named(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "find_python", lambda _versions: None)
    with pytest.raises(SidecarError, match=f"needs Python {OURS}, which was not found.*EDGEYARD_SIDECAR_PYTHON"):
        make_environment("tiny")


def test_too_little_room_on_the_disk_is_said_before_anything_is_done(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SIDECARS, "tiny", Sidecar("tiny", "Tiny", "", "tiny", (OURS,), disk_bytes=1 << 60))
    with pytest.raises(SidecarError, match="GiB are free"):
        make_environment("tiny")


def test_a_wheelhouse_that_is_not_there_is_refused(tiny: Path) -> None:
    with pytest.raises(UserError, match="no folder"):
        make_environment("tiny", tiny / "none")


def test_a_vendor_tool_needs_no_environment() -> None:
    with pytest.raises(UserError, match="needs no environment"):
        make_environment("tensorrt")


def test_removing_says_whether_there_was_one(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch)
    make_environment("tiny")
    assert remove_environment("tiny")
    assert not remove_environment("tiny")
    assert find_environment("tiny") is None


@pytest.mark.parametrize("name", [name for name, each in SIDECARS.items() if each.python_versions])
def test_what_ships_pins_every_version_and_names_no_address(name: str) -> None:
    text = resource_path("sidecars", name, "requirements.txt").read_text()
    assert len(read_pins(text)) > 3
    assert not re.search(r"://|--index|--find-links|@", text)


@pytest.mark.parametrize("line", ["torch", "torch>=2", "--index-url x", "torch @ file:x", "-r other.txt", "torch==2.*"])
def test_a_line_that_pins_nothing_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="not an exact version"):
        read_pins(line)


def test_our_own_interpreter_is_found_and_an_unknown_version_is_not() -> None:
    assert find_python.find_python([OURS]) is not None
    assert find_python.find_python(["2.0"]) is None


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands for an interpreter")
def test_a_setting_names_interpreters_that_are_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = tmp_path / "python-odd"
    odd.write_text("#!/bin/sh\necho 9.9\n")
    odd.chmod(0o755)
    assert find_python.find_python(["9.9"]) is None
    monkeypatch.setenv("EDGEYARD_SIDECAR_PYTHON", f"{tmp_path / 'none'}{os.pathsep}{odd}")
    assert find_python.find_python(["9.9"]) == [str(odd)]
