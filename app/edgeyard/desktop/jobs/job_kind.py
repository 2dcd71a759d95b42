"""The kinds of long work that the desktop does, by the word that stands in their rows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edgeyard.commands.workspace import Workspace
from edgeyard.domain.error import UserError
from edgeyard.optimize.engine.event import Event
from edgeyard.optimize.job_message import Progress

OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class JobKind:
    """`run(workspace, subject, on_progress, cancel)` does the work and returns the sentence it ends with."""

    run: Callable[[Workspace, str, OnProgress, threading.Event], str]
    icon: str


def optimize(workspace: Workspace, subject: str, on_progress: OnProgress, cancel: threading.Event) -> str:
    """Make, prove and choose the variants of the version whose id is `subject`."""
    from edgeyard.commands.model_command import optimize_version

    if not subject.isdecimal():
        raise UserError("This job names no version.", "Start the optimization again from the Models page.")
    result = optimize_version(workspace, int(subject), on_progress=on_progress, cancel=cancel)
    served = sum(bool(name) for name in result.picked.values())
    return f"{len(result.candidates)} variants proven, {served} of {len(result.picked)} kinds of hardware served."


def study(workspace: Workspace, subject: str, on_progress: OnProgress, cancel: threading.Event) -> str:
    """Run the study whose id is `subject`."""
    from edgeyard.commands.study import run_study

    def hear(event: Event) -> None:
        on_progress(Progress(event.fraction, event.text, "log" if not event.text else type(event).__name__))

    result = run_study(workspace.folder, subject, hear, cancel)
    served = sum(bool(name) for name in result.picked.values())
    return f"{len(result.candidates)} variants proven, {served} of {len(result.picked)} kinds of hardware served."


KINDS: Mapping[str, JobKind] = {"optimize": JobKind(optimize, "zap"), "study": JobKind(study, "gauge")}
