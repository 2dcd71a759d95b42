"""Virtual environments of the tools that are compared: one each, made when it is first needed and then kept."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "requirements"
INSTALL_TIMEOUT_S = 1800
_DONE = "installed.txt"


class EnvironmentMissingError(Exception):
    """It could not be made; the text is the last thing that pip said."""


def python_of(name: str, folder: Path) -> Path:
    """The interpreter of the environment `name` in `folder`, made from `requirements/NAME.txt` unless it is there.

    Another content of that file makes another environment. pip is used as this machine has it set up: behind a
    firewall, point it at a mirror or a folder of wheels in its own configuration.

    Raises:
        EnvironmentMissingError: pip could not install it.
    """
    wanted = REQUIREMENTS / f"{name}.txt"
    digest = hashlib.sha256(wanted.read_bytes() + sys.version.encode()).hexdigest()[:12]
    home = folder.absolute() / f"{name}-{digest}"
    python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if (home / _DONE).exists():
        return python
    shutil.rmtree(home, ignore_errors=True)
    venv.create(home, with_pip=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--no-input", "--requirement", str(wanted)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False)
    if done.returncode:
        raise EnvironmentMissingError((done.stderr.strip().splitlines() or ["pip failed"])[-1])
    (home / _DONE).write_text(wanted.read_text("utf-8"), "utf-8")
    return python
