"""`edgeyard agent run`: puts the parts of an agent together and runs them in one loop."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
import warnings
from pathlib import Path

import urllib3

from edgeyard.agent.device_agent import DeviceAgent
from edgeyard.agent.event_loop import EventLoop
from edgeyard.agent.folder_lock import FolderLock
from edgeyard.agent.options import AgentOptions
from edgeyard.agent.state_folder import StateFolder

__all__ = ["AgentOptions", "run_agent"]

_LOG = logging.getLogger(__name__)


def run_agent(state: Path, *, exit_with_parent: bool = False, options: AgentOptions | None = None) -> int:
    """Run the agent of a state folder until SIGTERM, SIGINT or, with `exit_with_parent`, the end of standard input.

    Raises `UserError`: the folder has no identity, another agent runs on it, or a part of the identity is damaged.
    """
    options = options or AgentOptions()
    options.check()
    if not logging.getLogger().handlers:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    # A device whose clock is wrong knows it, and says so in its live figures.
    warnings.filterwarnings("ignore", category=urllib3.exceptions.SystemTimeWarning)
    folder = StateFolder(state.absolute())
    identity = folder.read_identity()
    with FolderLock(folder.lock_file):
        loop = EventLoop()
        _stop_on_signals(loop)
        if exit_with_parent:
            threading.Thread(target=_stop_at_end_of_input, args=(loop,), name="parent", daemon=True).start()
        agent = DeviceAgent(loop, folder, identity, options, time.time)
        _LOG.info("agent of %s starts on site %s", identity.device, identity.site)
        try:
            agent.start()
            loop.run()
        finally:
            agent.stop()
        _LOG.info("agent of %s has stopped", identity.device)
    return 0


def _stop_on_signals(loop: EventLoop) -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda _number, _frame: loop.stop())


def _stop_at_end_of_input(loop: EventLoop) -> None:
    """Reads the descriptor itself: `sys.stdin` has a lock which the interpreter wants at its end."""
    try:
        while os.read(0, 4096):
            pass
    except OSError as error:
        _LOG.warning("standard input cannot be read (%s); the agent stops", error)
    loop.stop()
