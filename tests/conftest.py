"""What holds for every test."""

from collections.abc import Generator
from typing import Any

import pytest

from tests.services import ServiceMissing, skip_or_fail
from tests.window_leak import end_windows


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Several workers: `--dist loadgroup` is ours."""
    if config.getvalue("dist") != "loadgroup":
        return None
    from tests.worker_schedule import Schedule

    return Schedule(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is allowed to take longest begins first, so that all workers end at about the same time."""

    def most_s(item: pytest.Item) -> float:
        mark = item.get_closest_marker("timeout")
        return float(mark.args[0]) if mark else 0.0

    items.sort(key=most_s, reverse=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """A service that a fixture does not find is a skip here and a failure in CI, whatever fixture it was."""
    try:
        return (yield)
    except ServiceMissing as missing:
        skip_or_fail(missing)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown() -> Generator[None, None, None]:
    """Windows end with their test; one that stays would disturb the next, and is a leak of the application or test."""
    yield
    left = end_windows()
    if left:
        pytest.fail(f"the test left windows behind: {left}", pytrace=False)
