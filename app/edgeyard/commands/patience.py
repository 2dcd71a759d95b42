"""Waiting out a hub that restarts: what is safe to repeat is repeated for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from edgeyard.trust.join_client import HubAwayError

T = TypeVar("T")

PATIENCE_S = 20.0
"""A hub that was killed is back after some seconds; a person waits about this long without worrying."""

_PAUSE_S = 0.5


def patiently(action: Callable[[], T], patience_s: float = PATIENCE_S) -> T:
    """Run `action`, again while the hub is away and patience lasts. The action must be safe to repeat as a whole."""
    give_up_at = time.monotonic() + patience_s
    while True:
        try:
            return action()
        except HubAwayError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(_PAUSE_S)
