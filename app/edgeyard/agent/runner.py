"""The runner: a child process that loads a model and runs it, so that a bad model takes down only this process.

`python -m edgeyard.agent.runner` reads one job from standard input, gives up what it does not need, and answers on
standard output. When standard input ends, for whatever reason, it is gone at once.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, BinaryIO

from edgeyard.agent import runner_message as message
from edgeyard.agent.sensor import peak_memory_bytes
from edgeyard.domain.error import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgeyard.agent.input_source import InputSource
    from edgeyard.agent.model_session import ModelSession

_OPEN_FILES = 128
_LOG_BYTES = 1 << 20
_MAX_CLASSES = 1000


def main() -> None:
    """Read the job, do it, and end the process; the exit status says nothing, the answers do."""
    # Ctrl-C in a terminal reaches every process there; the agent ends us in its own time.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Native libraries may print: what they say must not end up among the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    jobs = sys.stdin.buffer
    job = message.read_frame(jobs, message.JOBS)
    if job is None:
        return
    _limit(job.limits)
    threading.Thread(target=_end_with_input, daemon=True).start()
    try:
        match job:
            case message.Serve():
                serve(job, answers)
            case message.Test():
                test(job, answers)
            case message.Measure():
                measure(job, answers)
    except MemoryError:
        _say(answers, message.Unusable("model", "The model needs more memory than this device allows it.", ""))
    # Not by way of the interpreter's shutdown: the thread above still reads.
    os._exit(0)


def test(job: message.Test, answers: BinaryIO) -> None:
    """Carry out a self-test and say what came of it."""
    from edgeyard.agent.self_test import UnusableError, run_self_test

    try:
        evidence = run_self_test(job, lambda doing: _say(answers, message.Progress(doing)))
    except UnusableError as error:
        _say(answers, message.Unusable(error.part, error.what, error.todo))
        return
    _say(answers, message.Tested(evidence))


def measure(job: message.Measure, answers: BinaryIO) -> None:
    """Carry out a measuring and say what came of it."""
    from edgeyard.agent.lab_measure import measure_candidate

    try:
        figures = measure_candidate(job, lambda doing: _say(answers, message.Progress(doing)))
    except UserError as error:
        _say(answers, message.Unusable("model", error.what, error.todo))
        return
    _say(answers, message.Measured(figures))


def serve(job: message.Serve, answers: BinaryIO) -> None:
    """Run the model on its input until the process ends."""
    from edgeyard.agent.input_source import InputSource
    from edgeyard.agent.model_session import ModelSession

    begin = time.perf_counter()
    try:
        session = ModelSession(job.model)
        session.warm_up()
    except UserError as error:
        _say(answers, message.Unusable("model", error.what, error.todo))
        return
    _say(answers, message.Loaded((time.perf_counter() - begin) * 1000))
    # The heap is full of modules that never go away: scanning them again and again costs latency.
    gc.freeze()
    _serve(job, session, InputSource(job.input_path, session), answers)


def _serve(job: message.Serve, session: ModelSession, source: InputSource, answers: BinaryIO) -> None:
    period_s = 1 / job.rate_hz
    due = time.monotonic()
    window_end = due + job.window_s
    window, told = _OpenWindow(), ""
    while True:
        sample = source.next_sample()
        if sample is not None:
            window.run(session, sample)
            told = ""
        elif source.problem and source.problem.what != told:
            told = source.problem.what
            _say(answers, message.NoInput(told, source.problem.todo))
        now = time.monotonic()
        if now >= window_end:
            _say(answers, window.close())
            window, window_end = _OpenWindow(), now + job.window_s
        # What could not be done in time is skipped, not made up for.
        due = max(due + period_s, now)
        time.sleep(due - now)


class _OpenWindow:
    """Counts of the window that is being filled."""

    def __init__(self) -> None:
        self._inferences = 0
        self._errors = 0
        self._error = ""
        self._latencies_ms: list[float] = []
        self._classes: dict[int, int] = {}

    def run(self, session: ModelSession, sample: NDArray[np.float32]) -> None:
        """One inference; whatever the model raises is counted."""
        self._inferences += 1
        try:
            scores, milliseconds = session.scores(sample)
        except Exception as error:  # evidence, not our trouble
            self._errors += 1
            self._error = str(error)[:300]
            return
        self._latencies_ms.append(milliseconds)
        best = int(scores.argmax())
        if best < _MAX_CLASSES:
            self._classes[best] = self._classes.get(best, 0) + 1

    def close(self) -> message.Window:
        """The window as it is sent."""
        counts = [0] * (max(self._classes, default=-1) + 1)
        for index, count in self._classes.items():
            counts[index] = count
        return message.Window(
            self._inferences,
            self._errors,
            self._error,
            self._latencies_ms[-message.MAX_LATENCIES :],
            counts,
            peak_memory_bytes(),
        )


def _say(answers: BinaryIO, answer: message.Answer) -> None:
    try:
        message.write_frame(answers, answer)
    except OSError:
        os._exit(0)


def _end_with_input() -> None:
    """The agent holds the other end of standard input; when that is closed, it is gone or wants us gone.

    `os._exit`, because the model may be in the middle of a long native call.
    """
    while os.read(0, 1):
        pass
    os._exit(0)


def _limit(limits: message.Limits) -> None:
    """Give up memory, files and core dumps beyond what a model needs. Windows has no such limits."""
    if sys.platform == "win32":
        return
    import resource

    wanted = [(resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, _OPEN_FILES), (resource.RLIMIT_FSIZE, _LOG_BYTES)]
    if limits.memory_bytes and sys.platform == "linux":
        wanted.append((resource.RLIMIT_AS, limits.memory_bytes))
    if limits.cpu_s:
        wanted.append((resource.RLIMIT_CPU, limits.cpu_s))
    for kind, most in wanted:
        ceiling = resource.getrlimit(kind)[1]
        value = most if ceiling == resource.RLIM_INFINITY else min(most, ceiling)
        resource.setrlimit(kind, (value, value))


if __name__ == "__main__":
    main()
