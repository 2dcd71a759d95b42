"""What holds for every test."""

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
