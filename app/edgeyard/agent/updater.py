"""Drives the update machine: persists its memory, carries out its commands, hands its reports on.

Nothing is carried out before the memory that led to it is on disk. While the disk takes nothing, commands wait and the
device goes on with what it runs.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

import msgspec

from edgeyard.agent import update_event as event
from edgeyard.agent.event_loop import EventLoop, Timer
from edgeyard.agent.hub_access import HubAccess
from edgeyard.agent.runner_message import Window
from edgeyard.agent.serving import Serving
from edgeyard.agent.slots import Slots
from edgeyard.agent.state_folder import StateFolder
from edgeyard.agent.update_event import Command
from edgeyard.agent.update_jobs import UpdateJobs
from edgeyard.agent.update_machine import UpdateMachine
from edgeyard.agent.update_state import PendingReport, Snapshot, Stage, Target

TICK_S = 0.5
PERSIST_AGAIN_S = 5.0

_LIVE_WORDS = {Stage.IDLE: "", Stage.SWITCHING: "trial", Stage.GOING_BACK: "trial"}
"""How the stages are called in live figures: as the execution states they belong to."""


class Updater:
    """The update path of one device, in the loop's thread."""

    def __init__(
        self,
        loop: EventLoop,
        folder: StateFolder,
        slots: Slots,
        hub: HubAccess,
        serving: Serving,
        *,
        download_deadline_s: float,
        report: Callable[[PendingReport, str], None],
        note: Callable[[str, str, str], None],
        on_running: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._folder = folder
        self._slots = slots
        self._serving = serving
        self._deadline_s = download_deadline_s
        self._report = report
        self._note = note
        self._on_running = on_running
        self._jobs = UpdateJobs(loop, folder, slots, hub, self.tell)
        self._machine: UpdateMachine | None = None
        self._persisted = b""
        self._held: list[Command] = []
        self._retry: Timer | None = None
        self._trial = 0
        self._inferences = self._errors = 0
        self._said_broken = ""
        self.problem = ""
        serving.on_window = self._on_window
        serving.on_broke = self._on_broke

    def start(self) -> None:
        """Settle the slots, run what is active, and go on where the last process stopped."""
        snapshot = self._read()
        candidate = snapshot.target.digest if snapshot.target and snapshot.stage is not Stage.IDLE else ""
        facts, problems = self._slots.recover(candidate=candidate)
        for problem in problems:
            self._note("alarm", "slots", problem)
        self._machine = UpdateMachine(snapshot, facts, self._deadline_s)
        self._on_running()
        self._serving.run_active()
        self._settle(self._machine.resume(time.monotonic()))
        self._loop.call_every(TICK_S, self._tick)

    def stop(self) -> None:
        """Stop what is under way; the next start goes on with it."""
        self._jobs.stop()

    # --- what others ask ---------------------------------------------------------------------------------------------

    @property
    def live_word(self) -> str:
        """The execution state in progress, or empty."""
        stage = self._machine.snapshot.stage if self._machine else Stage.IDLE
        return _LIVE_WORDS.get(stage, stage.value)

    def counters(self) -> dict[str, int]:
        """The highest release counter this device has run, per model."""
        counters = dict(self._machine.snapshot.counters) if self._machine else {}
        active = self._slots.active
        if active is not None and self.live_word == "":
            # Also known when the memory was lost.
            counters[active.release.model] = max(counters.get(active.release.model, 0), active.release.counter)
        return counters

    def offer(self, target: Target | None) -> None:
        """Both repositories name `target`, or the director names nothing."""
        self.tell(event.Offered(target))

    def refuse(self, target: Target, reason: str) -> None:
        """`target` is named and must not be taken."""
        self.tell(event.Refused(target, reason))

    # --- the machine -------------------------------------------------------------------------------------------------

    def tell(self, happened: event.Event) -> None:
        """Something happened: persist what follows from it, then do it."""
        if self._machine is None:
            return
        commands = self._machine.handle(happened, time.monotonic())
        if isinstance(happened, event.Switched):
            # What runs is said before what became of the execution: the hub believes the signed word only.
            self._on_running()
        self._settle(commands)
        if isinstance(happened, event.Switched):
            self._serving.run_active()

    def _settle(self, commands: list[Command]) -> None:
        self._held += commands
        if not self._persist():
            return
        self._hand_on_reports()
        due, self._held = self._held, []
        for command in due:
            self._carry_out(command)

    def _persist(self) -> bool:
        assert self._machine is not None
        data = msgspec.json.encode(self._machine.snapshot)
        if data == self._persisted:
            return True
        try:
            self._folder.write(self._folder.update_file, data)
        except OSError as error:
            self.problem = f"The device cannot write to its disk ({error.strerror}); updates wait. Free some space."
            if self._retry is None:
                self._retry = self._loop.call_later(PERSIST_AGAIN_S, self._persist_again)
            return False
        self._persisted, self.problem = data, ""
        return True

    def _persist_again(self) -> None:
        self._retry = None
        self._settle([])

    def _hand_on_reports(self) -> None:
        assert self._machine is not None
        reports = self._machine.snapshot.reports
        if not reports:
            return
        for report in reports:
            self._report(report, f"{self._machine.snapshot.epoch}:{report.number}")
        self._machine.handle(event.Reported(reports[-1].number), time.monotonic())
        self._persist()

    def _carry_out(self, command: Command) -> None:
        match command:
            case event.Download():
                self._jobs.download(command)
            case event.StageModel():
                self._jobs.stage(command)
            case event.SelfTest():
                self._jobs.self_test(command)
            case event.Switch():
                self._jobs.switch(command)
            case event.StartTrial(attempt):
                self._trial, self._inferences, self._errors = attempt, 0, 0
                self._serving.run_active(afresh=True)
            case event.Abandon():
                self._jobs.abandon()
            case event.Note(severity, code, text):
                self._note(severity, code, text)

    def _tick(self) -> None:
        self._serving.check()
        if self._machine is not None and self._machine.snapshot.stage is not Stage.IDLE:
            self.tell(event.Ticked())

    # --- the trial ---------------------------------------------------------------------------------------------------

    def _on_window(self, window: Window) -> None:
        if self._trial and self._machine and self._machine.snapshot.stage is Stage.TRIAL:
            self._inferences += window.inferences
            self._errors += window.errors
            figures = event.TrialFigures(self._trial, self._inferences, self._errors, window.memory_peak_bytes)
            self.tell(figures)

    def _on_broke(self, reason: str, crashed: bool) -> None:
        if self._machine and self._machine.snapshot.stage is Stage.TRIAL:
            self.tell(event.TrialBroke(self._trial, reason, crashed))
        elif reason != self._said_broken:
            # Once for each reason: a model that never starts would fill the outbox.
            self._said_broken = reason
            self._note("alarm", "runner", reason)

    # --- memory ------------------------------------------------------------------------------------------------------

    def _read(self) -> Snapshot:
        path = self._folder.update_file
        fresh = Snapshot(secrets.token_hex(8))
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return fresh
        except OSError as error:
            self._note("attention", "update-memory", f"{path.name} cannot be read ({error.strerror}).")
            return fresh
        try:
            snapshot = msgspec.json.decode(data, type=Snapshot)
        except msgspec.DecodeError as error:
            kept = self._folder.set_aside(path)
            text = f"{path.name} was damaged ({error}) and kept as {kept.name}; the device goes on with what it runs."
            self._note("attention", "update-memory", text)
            return fresh
        self._persisted = data
        return snapshot
