"""Keeps the active model running: starts its runner, starts it again when it ended, and says what is wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from edgeyard.agent import runner_message as message
from edgeyard.agent.backoff import Backoff
from edgeyard.agent.event_loop import EventLoop, Timer
from edgeyard.agent.metrics import Metrics
from edgeyard.agent.runner_client import RunnerProcess, limits_for, model_file
from edgeyard.agent.slots import Slots

SILENT_S = 60.0
"""A runner that says nothing for this long hangs: it reports every few seconds while all is well."""
STEADY_S = 60.0
"""After this long without an end, earlier ends are forgotten."""


class Serving:
    """The runner of the active slot. Use it from the loop's thread."""

    def __init__(
        self,
        loop: EventLoop,
        slots: Slots,
        metrics: Metrics,
        log_file: Path,
        *,
        input_path: Path | None,
        rate_hz: float,
        window_s: float,
    ) -> None:
        self._loop = loop
        self._slots = slots
        self._metrics = metrics
        self._log_file = log_file
        self._input_path = str(input_path.absolute()) if input_path else ""
        self._rate_hz = rate_hz
        self._window_s = window_s
        self._runner: RunnerProcess | None = None
        self._generation = 0
        self._backoff = Backoff(0.5, 60.0)
        self._again: Timer | None = None
        self._heard_at = self._started_at = 0.0
        self._hangs = False
        self.digest = ""
        """What is being run, or tried to."""
        self.problem = ""
        self.on_window: Callable[[message.Window], None] = lambda _: None
        self.on_broke: Callable[[str, bool], None] = lambda _reason, _crashed: None
        """The runner ended by itself (`crashed`) or cannot use the model; called before it is started again."""

    def run_active(self, *, afresh: bool = False) -> None:
        """Run what the active slot holds; nothing changes when that runs already, unless `afresh`."""
        active = self._slots.active
        digest = active.digest if active else ""
        if digest == self.digest and not afresh:
            return
        self.stop()
        self.digest = digest
        self._metrics.forget_recent()
        self._backoff.reset()
        if digest:
            self._start()

    def stop(self) -> None:
        """End the runner."""
        self._generation += 1
        if self._again is not None:
            self._again.cancel()
            self._again = None
        if self._runner is not None:
            self._runner.stop()
            self._runner = None
            self._metrics.watch_runner(None)
        self.digest = self.problem = ""

    def check(self) -> None:
        """Kill a runner that hangs; call it from time to time."""
        now = time.monotonic()
        if self._runner is not None and now - self._heard_at > SILENT_S:
            self._heard_at = now
            self._hangs = True
            self._runner.kill()

    def _start(self) -> None:
        self._again = None
        held = self._slots.holding(self.digest)
        if held is None:
            return
        path, manifest = held
        self._generation += 1
        job = message.Serve(
            model_file(path, manifest), self._input_path, self._rate_hz, self._window_s, limits_for(manifest.size_bytes)
        )
        self._heard_at = self._started_at = time.monotonic()
        generation = self._generation
        try:
            self._runner = RunnerProcess(
                job,
                self._log_file,
                lambda answer: self._loop.post(partial(self._heard, generation, answer)),
                lambda reason: self._loop.post(partial(self._ended, generation, reason)),
            )
        except OSError as error:
            self._ended(generation, f"The model's process cannot be started ({error.strerror}).")
            return
        self._metrics.watch_runner(self._runner.pid)

    def _heard(self, generation: int, answer: message.Answer) -> None:
        if generation != self._generation:
            return
        self._heard_at = time.monotonic()
        match answer:
            case message.Window():
                self._metrics.add(answer)
                if answer.inferences:
                    self.problem = answer.error if answer.errors == answer.inferences else ""
                self.on_window(answer)
            case message.NoInput(what, todo):
                self.problem = f"{what} {todo}".strip()
            case message.Unusable(_, what, todo):
                self.problem = f"{what} {todo}".strip()
            case _:
                pass

    def _ended(self, generation: int, reason: str) -> None:
        """The runner is gone: by a crash, or in order after it said that the model cannot be used."""
        if generation != self._generation:
            return
        self._runner = None
        self._metrics.watch_runner(None)
        if time.monotonic() - self._started_at > STEADY_S:
            self._backoff.reset()
        crashed = bool(reason)
        if crashed:
            self.problem = f"The model gave no answer for {SILENT_S:g} s." if self._hangs else reason
        self._hangs = False
        delay_s = self._backoff.next_delay_s()
        self._again = self._loop.call_later(delay_s, self._start)
        self.on_broke(self.problem, crashed)
