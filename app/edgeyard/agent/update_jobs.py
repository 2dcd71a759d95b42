"""What the update machine's commands do: downloads, slots, the self-test. Each answers with one event."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from edgeyard.agent import runner_message as message
from edgeyard.agent import update_event as event
from edgeyard.agent.download import CancelledError, Downloader
from edgeyard.agent.event_loop import EventLoop
from edgeyard.agent.hub_access import HubAccess
from edgeyard.agent.part_file import Wanted, part_path
from edgeyard.agent.runner_client import TEST_CPU_S, RunnerProcess, limits_for, model_file
from edgeyard.agent.slots import SlotMissingError, Slots
from edgeyard.agent.state_folder import StateFolder
from edgeyard.agent.worker import Worker
from edgeyard.domain.error import UserError
from edgeyard.trust.refusal import RefusedError

SELF_TEST_BUDGET_S = 60.0

Tell = Callable[[event.Event], None]


class UpdateJobs:
    """Carries out commands for one attempt at a time; `tell` is called in the loop."""

    def __init__(
        self, loop: EventLoop, folder: StateFolder, slots: Slots, hub: HubAccess, tell: Tell, first_delay_s: float = 1.0
    ) -> None:
        self._loop = loop
        self._folder = folder
        self._slots = slots
        self._hub = hub
        self._tell = tell
        self._first_delay_s = first_delay_s
        self._worker = Worker(loop, "update")
        self._cancelled = threading.Event()
        self._test: RunnerProcess | None = None
        self._doing = ""

    def abandon(self) -> None:
        """Stop what is under way."""
        self._cancelled.set()
        if self._test is not None:
            self._test.stop()
            self._test = None

    def stop(self) -> None:
        """End everything."""
        self.abandon()
        self._worker.stop(2.0)

    # --- download ----------------------------------------------------------------------------------------------------

    def download(self, command: event.Download) -> None:
        """Fetch golden set and model."""
        cancelled = self._cancelled = threading.Event()
        attempt = command.attempt
        downloader = Downloader(
            self._hub.pool,
            self._folder.downloads,
            self._folder.free_bytes,
            on_waiting=lambda reason: self._loop.post(partial(self._tell, event.DownloadWaiting(attempt, reason))),
            cancelled=cancelled,
            first_delay_s=self._first_delay_s,
        )
        self._submit(attempt, lambda: self._fetch(command, downloader))

    def _fetch(self, command: event.Download, downloader: Downloader) -> event.Event:
        target, received = command.target, 0
        self._tidy(target.digest, target.golden_digest)
        # The way back must not depend on a self-test set: it is used if it is still here.
        if target.golden_digest and not target.undo:
            wanted = Wanted(target.golden_digest, target.golden_size_bytes, f"the self-test set of {target.path}")
            received += downloader.fetch(wanted)[1]
        if command.model_needed:
            received += downloader.fetch(Wanted(target.digest, target.size_bytes, target.path))[1]
        return event.Downloaded(command.attempt, received)

    def _tidy(self, *digests: str) -> None:
        """Give back the space of what is neither wanted now nor needed to test what the slots hold."""
        active, previous = self._slots.active, self._slots.previous
        kept = {*digests, *(manifest.golden_digest for manifest in (active, previous) if manifest)}
        for file in self._folder.downloads.iterdir():
            if file.name.removesuffix(".part") not in kept:
                file.unlink(missing_ok=True)

    # --- slots -------------------------------------------------------------------------------------------------------

    def stage(self, command: event.StageModel) -> None:
        """Put the downloaded model into the other slot."""

        def stage() -> event.Event:
            target = command.target
            self._slots.stage(target, part_path(self._folder.downloads, target.digest))
            return event.Staged(command.attempt, target.digest)

        self._submit(command.attempt, stage)

    def switch(self, command: event.Switch) -> None:
        """Change over."""

        def switch() -> event.Event:
            facts = self._slots.switch(command.digest)
            return event.Switched(command.attempt, facts.active, facts.other)

        self._submit(command.attempt, switch)

    def _submit(self, attempt: int, job: Callable[[], event.Event]) -> None:
        self._worker.submit(job, self._tell, partial(self._failed, attempt))

    def _failed(self, attempt: int, error: Exception) -> None:
        match error:
            case CancelledError():
                return
            case SlotMissingError():
                failure = event.Failed(attempt, str(error), missing=True)
            case RefusedError():
                failure = event.Failed(attempt, str(error), rejected=True)
            case UserError():
                failure = event.Failed(attempt, str(error))
            case OSError():
                failure = event.Failed(attempt, f"The device's disk does not take the model ({error.strerror}).")
            case _:
                raise error
        self._tell(failure)

    # --- self-test ---------------------------------------------------------------------------------------------------

    def self_test(self, command: event.SelfTest) -> None:
        """Measure the staged model in a process of its own; what runs goes on running beside it."""
        attempt, target = command.attempt, command.target
        candidate = self._slots.holding(target.digest)
        # On the way back, the model that is left is no yardstick.
        previous = self._slots.holding(command.previous) if command.previous and not target.undo else None
        if candidate is None:
            self._tell(event.Failed(attempt, "The model to be tested is not there.", missing=True))
            return
        golden = part_path(self._folder.downloads, target.golden_digest) if target.golden_digest else None
        job = message.Test(
            model_file(*candidate),
            model_file(*previous) if previous else None,
            str(golden) if golden and golden.exists() else "",
            SELF_TEST_BUDGET_S,
            limits_for(
                target.size_bytes, previous[1].size_bytes if previous else 0, target.golden_size_bytes, cpu_s=TEST_CPU_S
            ),
        )
        self._doing = ""
        log_file = self._folder.logs / "self-test.log"
        try:
            self._test = RunnerProcess(
                job, log_file, partial(self._post_answer, attempt), partial(self._post_end, attempt)
            )
        except OSError as error:
            self._tell(event.Failed(attempt, f"The self-test cannot be started ({error.strerror})."))

    def _post_answer(self, attempt: int, answer: message.Answer) -> None:
        self._loop.post(partial(self._heard, attempt, answer))

    def _post_end(self, attempt: int, reason: str) -> None:
        self._loop.post(partial(self._test_ended, attempt, reason))

    def _heard(self, attempt: int, answer: message.Answer) -> None:
        match answer:
            case message.Progress(doing):
                self._doing = doing
            case message.Tested(evidence):
                self._tell(event.SelfTested(attempt, evidence))
            case message.Unusable(_, what, todo):
                self._tell(event.Failed(attempt, f"{what} {todo}".strip()))
            case _:
                pass

    def _test_ended(self, attempt: int, reason: str) -> None:
        """An orderly end came after its answer; any other end is the answer."""
        if reason:
            while_doing = f" while {self._doing}" if self._doing else ""
            self._tell(event.Failed(attempt, f"{reason.rstrip('.')}{while_doing}."))
