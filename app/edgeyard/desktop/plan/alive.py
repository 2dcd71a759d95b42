"""Answers of workers that come after the asker was closed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import shiboken6
from PySide6.QtCore import QObject


def while_alive(owner: QObject, call: Callable[[Any], object]) -> Callable[[Any], None]:
    """`call`, but only as long as `owner` exists: dialogs are deleted when they are closed."""

    def guarded(value: Any) -> None:
        if shiboken6.isValid(owner):
            call(value)

    return guarded
