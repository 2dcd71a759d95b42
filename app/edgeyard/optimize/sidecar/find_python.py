"""Find an interpreter of a wanted version among those installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

SETTING = "EDGEYARD_SIDECAR_PYTHON"
"""Interpreters to try first, separated like PATH."""
_PROBE = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
_PROBE_LIMIT_S = 20.0


def find_python(versions: Sequence[str]) -> list[str] | None:
    """The command of an interpreter of one of `versions` (`"3.12"`), in their order; `None` when none is installed.

    Looked for are what the variable EDGEYARD_SIDECAR_PYTHON names, our own interpreter, `python3.12` on PATH, the
    launcher `py -3.12`, and pyenv's. One that cannot make environments (Debian's without python3-venv) does not count.
    """
    for version in versions:
        for command in _candidates(version):
            if _version(command) == version:
                return command
    return None


def _candidates(version: str) -> Iterator[list[str]]:
    for path in os.environ.get(SETTING, "").split(os.pathsep):
        if path:
            yield [path]
    if sys.version_info[:2] == tuple(int(part) for part in version.split(".")):
        yield [getattr(sys, "_base_executable", sys.executable) or sys.executable]
    for name in (f"python{version}", "python3", "python"):
        if found := shutil.which(name):
            yield [found]
    if launcher := shutil.which("py"):
        yield [launcher, f"-{version}"]
    root = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    for folder in sorted(root.glob(f"versions/{version}.*"), reverse=True):
        interpreter = folder / ("python.exe" if os.name == "nt" else f"bin/python{version}")
        if interpreter.is_file():
            yield [str(interpreter)]


def _version(command: list[str]) -> str:
    try:
        answer = subprocess.run(
            [*command, "-I", "-c", _PROBE], capture_output=True, text=True, timeout=_PROBE_LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip()
