"""The inside of a worker process: `python -m edgeyard.optimize.worker`, started by `sandbox.run_in_worker`.

It reads one `Call` from standard input, enters the jail, calls the function, answers on what was standard output (which
libraries then no longer see: they print), and ends. End of standard input means that the parent is gone.
"""

from __future__ import annotations

import inspect
import os
import sys
import threading
import traceback
from pathlib import Path
from typing import BinaryIO

import msgspec

from edgeyard.domain.error import UserError
from edgeyard.optimize import jail, job_message
from edgeyard.optimize.job_message import Broken, Call, Done, Message, OutOfMemory, Progress, Refused, Told
from edgeyard.optimize.priority import give_way

_PARENT_GONE = 3
_MEMORY_WORDS = ("bad_alloc", "bad allocation", "failed to allocate", "cannot allocate memory", "out of memory")


def main() -> int:
    """Serve one call; the exit code is 0 whenever an answer was sent."""
    answers = _take_standard_output()
    body = job_message.read_frame(sys.stdin.buffer)
    if body is None:
        return _PARENT_GONE
    call: Call = job_message.decode(body, Call)
    jail.die_with_parent(call.parent_pid)
    if call.background:
        give_way(os.getpid())
    held = jail.enter_jail(call.memory_bytes, call.cpu_s, call.file_bytes, [Path(path) for path in call.writable])
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _send(answers, Progress(0.0, "Worker: " + "; ".join(held or ["no limits on this system"]) + ".", "worker"))
    answer = _serve(call, answers)
    _send(answers, answer)
    return 0


def _serve(call: Call, answers: BinaryIO) -> Message:
    try:
        function = job_message.find_function(call.function)
        arguments, keywords = job_message.bind_arguments(function, call.arguments, call.keywords)
        parameters = inspect.signature(function).parameters
        if "on_progress" in parameters:
            keywords["on_progress"] = lambda progress: _send(answers, progress)
        if "on_event" in parameters:
            keywords["on_event"] = lambda event: _send(answers, Told(msgspec.Raw(job_message.encode(event))))
        result = function(*arguments, **keywords)
        return Done(msgspec.Raw(job_message.encode(result)))
    except UserError as error:
        return Refused(error.what, error.todo)
    except MemoryError:
        return OutOfMemory()
    except Exception as error:  # the parent raises it again, with this traceback
        if any(word in str(error).lower() for word in _MEMORY_WORDS):
            return OutOfMemory()
        return Broken(traceback.format_exc(limit=30)[-8000:])


def _send(answers: BinaryIO, message: Message) -> None:
    job_message.write_frame(answers, job_message.encode(message))


def _take_standard_output() -> BinaryIO:
    """Keep standard output for answers and let everything that prints go to standard error."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1):  # the parent never sends more
        continue
    os._exit(_PARENT_GONE)


if __name__ == "__main__":
    sys.exit(main())
