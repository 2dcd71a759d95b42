"""What holds for every test."""

import os
import sys
from collections.abc import Generator

import pytest

from tests.services import ServiceMissing, skip_or_fail


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """A service that a fixture does not find is a skip here and a failure in CI, whatever fixture it was."""
    try:
        return (yield)
    except ServiceMissing as missing:
        skip_or_fail(missing)


_EXIT_STATUS = pytest.StashKey[int]()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Keep the result for the very end."""
    session.config.stash[_EXIT_STATUS] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave with pytest's own result once Qt was used: at interpreter exit Qt objects of hundreds of windows go in
    whatever order, and some orders crash after everything was judged and told."""
    if "PySide6.QtWidgets" in sys.modules and _EXIT_STATUS in config.stash:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(config.stash[_EXIT_STATUS])
