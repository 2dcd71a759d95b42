"""The real services that some tests need: where they are, and what happens where they are not.

A test that needs a missing service is skipped, visibly and with the reason. Where ``EDGEYARD_REQUIRE_SERVICES`` is set,
as in CI, it fails instead, so that nothing goes untested unnoticed.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

_DAEMON_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin", r"C:\Program Files\mosquitto")


class ServiceMissing(RuntimeError):  # noqa: N818  (a fact about the machine, not a mistake)
    """A service is not installed here; the message says what to install."""


def _program(name: str, package: str) -> Path:
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), *_DAEMON_FOLDERS])
    found = shutil.which(name, path=search)
    if found is None:
        raise ServiceMissing(f"{name} is not installed: apt install {package}")
    return Path(found)


def mosquitto_path() -> Path:
    """The Mosquitto broker, also where it is in a folder for daemons that is not on PATH."""
    return _program("mosquitto", "mosquitto")


def postgres_folder() -> Path:
    """The folder of PostgreSQL's programs; Debian keeps it off PATH, one for each version."""
    found = shutil.which("initdb")
    if found and shutil.which("pg_ctl", path=str(Path(found).parent)):
        return Path(found).parent
    versions = [folder for folder in Path("/usr/lib/postgresql").glob("*/bin") if (folder / "initdb").exists()]
    if not versions:
        raise ServiceMissing("PostgreSQL is not installed: apt install postgresql")
    return max(versions, key=lambda folder: [int(part) for part in folder.parent.name.split(".") if part.isdigit()])


_SERVICES: dict[str, Callable[[], Path]] = {
    "faketime": lambda: _program("faketime", "faketime"),
    "mosquitto": mosquitto_path,
    "postgresql": postgres_folder,
    "xvfb": lambda: _program("Xvfb", "xvfb"),
}


def require(name: str) -> Path:
    """Where a service's program is (for PostgreSQL the folder of its programs); without it the test ends here."""
    try:
        return _SERVICES[name]()
    except ServiceMissing as missing:
        skip_or_fail(missing)


def skip_or_fail(missing: ServiceMissing) -> NoReturn:
    """End the test: as a skip on somebody's machine, as a failure where all services have to be."""
    __tracebackhide__ = True
    if os.environ.get("EDGEYARD_REQUIRE_SERVICES"):
        pytest.fail(f"{missing} (EDGEYARD_REQUIRE_SERVICES is set)", pytrace=False)
    pytest.skip(str(missing))
