"""Errors that nobody caught: logged whole, told in a sentence, and not sixty times a second."""

from __future__ import annotations

import threading

import pytest

from edgeyard.desktop.mistake import UncaughtErrors
from edgeyard.domain.error import UserError


def raised(error: Exception) -> Exception:
    """The error as it comes out of a function, with its traceback."""
    try:
        raise error
    except Exception as caught:
        return caught


def handle(errors: UncaughtErrors, error: BaseException) -> None:
    errors.handle(type(error), error, error.__traceback__)


def test_the_log_has_the_traceback_and_the_person_the_way_to_it(caplog: pytest.LogCaptureFixture) -> None:
    told: list[UserError] = []
    handle(UncaughtErrors(told.append), raised(ZeroDivisionError("secret details")))
    assert "test_mistake.py" in caplog.text
    assert "secret details" in caplog.text
    assert "log/desktop.log" in told[0].todo
    assert "secret" not in str(told[0])


def test_the_same_place_is_told_once_a_minute() -> None:
    told: list[UserError] = []
    now = [0.0]
    errors = UncaughtErrors(told.append, lambda: now[0])
    for second in range(130):
        now[0] = float(second)
        handle(errors, raised(ZeroDivisionError()))
    assert len(told) == 3
    handle(errors, ValueError("from another place"))
    assert len(told) == 4


def test_ctrl_c_in_a_terminal_is_no_mistake() -> None:
    told: list[UserError] = []
    handle(UncaughtErrors(told.append), KeyboardInterrupt())
    assert told == []


def test_threads_are_heard_too(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[UserError] = []
    monkeypatch.setattr("sys.excepthook", None)
    monkeypatch.setattr("threading.excepthook", None)
    UncaughtErrors(told.append).install()
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    assert len(told) == 1
