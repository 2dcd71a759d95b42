"""Environments of sidecars: made once from exact versions, by the Python they need, in the user's data folder.

An environment counts only with its marker, which is written last; what a killed maker left is removed and made anew.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import platformdirs

from edgeyard.domain.error import UserError
from edgeyard.optimize.sidecar.catalog import Sidecar, find_sidecar, requirements_path
from edgeyard.optimize.sidecar.find_python import SETTING, find_python
from edgeyard.optimize.sidecar.folder_lock import hold_folder
from edgeyard.optimize.sidecar.message import SidecarError
from edgeyard.optimize.sidecar.process import ProcessEnd, ProcessLimits, run_limited
from edgeyard.trust.durable_file import write_durably

MARKER = "edgeyard-sidecar.json"
FOLDER_SETTING = "EDGEYARD_SIDECARS"
_MAKE_LIMITS = ProcessLimits(wall_s=3600.0, memory_bytes=4 << 30)
_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9][A-Za-z0-9.!+_-]*)(\s*;.*)?$")
_LIST = "import json, importlib.metadata as m; print(json.dumps({d.name: d.version for d in m.distributions()}))"


class Marker(msgspec.Struct, frozen=True):
    """What a complete environment says of itself."""

    digest: str
    python: str
    packages: dict[str, str]


def environments_folder() -> Path:
    """Where environments lie: the variable EDGEYARD_SIDECARS, else in the user's data folder."""
    said = os.environ.get(FOLDER_SETTING, "")
    return Path(said) if said else Path(platformdirs.user_data_dir("edgeyard", appauthor=False)) / "sidecars"


def find_environment(name: str) -> Path | None:
    """The interpreter of a complete environment of the current versions; `None` when there is none."""
    sidecar = find_sidecar(name)
    folder = _folder(sidecar)
    marker = _read_marker(folder)
    python = _interpreter(folder)
    return python if marker is not None and marker.digest == _digest(sidecar) and python.exists() else None


def make_environment(
    name: str,
    wheelhouse: Path | None = None,
    *,
    on_progress: Callable[[str], None] = lambda _text: None,
    cancel: threading.Event | None = None,
) -> Path:
    """Make the environment of a sidecar unless it is there, and return its interpreter. Takes minutes.

    Args:
        wheelhouse: a folder of wheels to install from; then nothing is asked of the network.

    Raises:
        SidecarError: the right Python or room on the disk is missing, or the installation failed.
        JobCancelledError: `cancel` was set. What was made so far is removed at the next try.
    """
    sidecar = find_sidecar(name)
    if not sidecar.python_versions:
        raise UserError(f"{sidecar.title} needs no environment.", f"It uses {sidecar.program_source}.")
    if wheelhouse is not None and not wheelhouse.is_dir():
        raise UserError(f"There is no folder {wheelhouse}.", "Give the folder that holds the wheels.")
    folder = _folder(sidecar)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with hold_folder(folder.with_suffix(".lock"), cancel):
        found = find_environment(name)  # another process may have made it while this one waited
        if found is not None:
            return found
        _check_room(sidecar, folder.parent)
        command = find_python(sidecar.python_versions)
        if command is None:
            wanted = " or ".join(sidecar.python_versions)
            raise SidecarError(
                "missing",
                f"{sidecar.title} needs Python {wanted}, which was not found.",
                f"Install it, or name the interpreter in {SETTING}.",
            )
        try:
            return _make(sidecar, folder, command, wheelhouse, on_progress, cancel)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise


def remove_environment(name: str) -> bool:
    """Remove the environment; whether there was one."""
    folder = _folder(find_sidecar(name))
    if not folder.exists():
        return False
    with hold_folder(folder.with_suffix(".lock"), None):
        (folder / MARKER).unlink(missing_ok=True)
        shutil.rmtree(folder)
    return True


def read_pins(text: str) -> dict[str, str]:
    """Package → exact version, of a requirements file; `ValueError` for any line that pins nothing."""
    pins = {}
    for line in text.splitlines():
        line = line.partition("#")[0].strip()  # noqa: PLW2901
        if not line:
            continue
        match = _PINNED.match(line)
        if match is None:
            raise ValueError(f"not an exact version: {line}")
        if not match[3]:
            pins[_normal(match[1])] = match[2]
    return pins


def _make(
    sidecar: Sidecar,
    folder: Path,
    command: list[str],
    wheelhouse: Path | None,
    on_progress: Callable[[str], None],
    cancel: threading.Event | None,
) -> Path:
    requirements = requirements_path(sidecar)
    pins = read_pins(requirements.read_text(encoding="utf-8"))
    if folder.exists():
        on_progress("Removing an environment that was not finished.")
        shutil.rmtree(folder)
    on_progress(f"Making the environment with {' '.join(command)}.")
    _run(sidecar, [*command, "-I", "-m", "venv", str(folder)], folder.parent, cancel)
    python = _interpreter(folder)
    install = [str(python), "-I", "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "-q"]
    if wheelhouse is not None:
        install += ["--no-index", "--find-links", str(wheelhouse.resolve())]
    on_progress(f"Installing {len(pins)} packages" + (f" from {wheelhouse}." if wheelhouse else "."))
    _run(sidecar, [*install, "-r", str(requirements)], folder, cancel)
    listed = _run(sidecar, [str(python), "-I", "-c", _LIST], folder, cancel)
    packages = {_normal(name): version for name, version in msgspec.json.decode(listed, type=dict[str, str]).items()}
    # Builds of one version differ by a local label: 2.13.0 and 2.13.0+cpu.
    wrong = [name for name, version in pins.items() if packages.get(name, "").partition("+")[0] != version]
    if wrong:
        raise SidecarError(
            "missing", f"{sidecar.title}: {wrong[0]} was not installed in the version that was asked for."
        )
    marker = Marker(_digest(sidecar), " ".join(command), packages)
    write_durably(folder / MARKER, msgspec.json.format(msgspec.json.encode(marker)))
    on_progress(f"{sidecar.title} is ready.")
    return python


def _run(sidecar: Sidecar, command: list[str], folder: Path, cancel: threading.Event | None) -> str:
    """Run one step of the making; where packages come from is pip's own setting, so the environment passes through."""
    end: ProcessEnd = run_limited(command, folder, os.environ, _MAKE_LIMITS, cancel)
    if end.code != 0:
        lines = [line for line in end.log.splitlines() if line.startswith("ERROR")] or end.log.splitlines()[-1:]
        raise SidecarError(
            "missing",
            f"The environment of {sidecar.title} could not be made: {lines[0][:300] if lines else 'no reason given'}",
            "Check the network or the wheelhouse and the space on the disk, and try again.",
            end.log,
        )
    return end.log


def _check_room(sidecar: Sidecar, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < sidecar.disk_bytes:
        raise SidecarError(
            "missing",
            f"{sidecar.title} needs {sidecar.disk_bytes / (1 << 30):.0f} GiB in {folder}, where"
            f" {free / (1 << 30):.1f} GiB are free.",
            f"Make room, or name another folder in {FOLDER_SETTING}.",
        )


def _folder(sidecar: Sidecar) -> Path:
    return environments_folder() / sidecar.name


def _interpreter(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _digest(sidecar: Sidecar) -> str:
    return hashlib.sha256(requirements_path(sidecar).read_bytes()).hexdigest()


def _read_marker(folder: Path) -> Marker | None:
    try:
        return msgspec.json.decode((folder / MARKER).read_bytes(), type=Marker)
    except (OSError, ValueError):
        return None


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
