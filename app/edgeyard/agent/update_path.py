"""One attempt's way through the update: each method is a step that changes the memory and says what to do next."""

from __future__ import annotations

from dataclasses import replace

from edgeyard.agent import update_event as event
from edgeyard.agent.update_event import Command
from edgeyard.agent.update_memory import UpdateMemory
from edgeyard.agent.update_state import SlotFacts, Snapshot, Stage, Target
from edgeyard.agent.update_verdict import end_of_trial, refuse_self_test
from edgeyard.domain.execution import ExecutionState, TrialEvidence

SELF_TEST_DEADLINE_S = 300.0
SWITCH_RETRY_S = 5.0
MAX_RESTARTS = 5
MAX_DOWNLOADS = 3


class UpdatePath:
    """The steps between the beginning of an attempt and its one end."""

    def __init__(self, memory: UpdateMemory, slots: SlotFacts, download_deadline_s: float) -> None:
        self.memory = memory
        self.slots = slots
        self.waiting_for = ""
        self.trial = event.TrialFigures(0, 0, 0)
        self._download_deadline_s = download_deadline_s

    @property
    def snapshot(self) -> Snapshot:
        """The memory as it is now."""
        return self.memory.snapshot

    # --- forward -----------------------------------------------------------------------------------------------------

    def begin(self, target: Target, now: float) -> list[Command]:
        """Begin an attempt; it ends at once when the model runs already."""
        self.waiting_for = ""
        self.memory.begin(target, self.slots.active, now)
        if self.slots.active == target.digest:
            return self.end(ExecutionState.SUCCEEDED, "This model was already running.", now)
        self.memory.report(ExecutionState.DOWNLOADING)
        return self.fetch(target, now)

    def fetch(self, target: Target, now: float) -> list[Command]:
        """Download what the slots do not hold."""
        self.memory.enter(Stage.DOWNLOADING, now)
        return [event.Download(self.snapshot.attempt, target, model_needed=self.slots.other != target.digest)]

    def downloaded(self, target: Target, count: int, now: float) -> list[Command]:
        """All bytes are here and verified: stage them."""
        self.memory.enter(Stage.VERIFIED, now, downloaded_bytes=self.snapshot.downloaded_bytes + count)
        self.memory.report(ExecutionState.VERIFIED)
        return [event.StageModel(self.snapshot.attempt, target)]

    def staged(self, target: Target, now: float) -> list[Command]:
        """The other slot holds the model: measure it."""
        self.memory.enter(Stage.SELF_TESTING, now, self_tests=1)
        self.memory.report(ExecutionState.SELF_TESTING)
        return [event.SelfTest(self.snapshot.attempt, target, self.slots.active)]

    def self_tested(self, target: Target, evidence: TrialEvidence, now: float) -> list[Command]:
        """Judge the self-test: switch, or leave it at that."""
        self.memory.change(evidence=evidence)
        refusal = refuse_self_test(target, evidence)
        if refusal:
            return self.end(ExecutionState.ROLLED_BACK, refusal, now)
        self.memory.enter(Stage.SWITCHING, now)
        return [event.Switch(self.snapshot.attempt, target.digest)]

    def switched(self, target: Target, now: float) -> list[Command]:
        """The slots changed over: the trial begins, or the way back has ended."""
        if self.snapshot.stage is Stage.GOING_BACK and self.slots.active == self.snapshot.back_to:
            return self.end(ExecutionState.ROLLED_BACK, self.snapshot.reason, now)
        if self.snapshot.stage is not Stage.SWITCHING or self.slots.active != target.digest:
            return []
        self.memory.enter(Stage.TRIAL, now, trials=1)
        self.memory.report(ExecutionState.TRIAL, evidence=self.snapshot.evidence)
        return self._start_trial()

    def broke(self, reason: str, crashed: bool, now: float) -> list[Command]:
        """The model did not survive its trial."""
        evidence = self._measured()
        self.memory.change(evidence=replace(evidence, crashes=evidence.crashes + crashed))
        return self.go_back(reason, now)

    # --- again, after a restart --------------------------------------------------------------------------------------

    def self_test_again(self, target: Target, now: float) -> list[Command]:
        """The agent was restarted in the self-test, which may be the model's fault."""
        if self.slots.other != target.digest:
            return self.fetch(target, now)
        if self.snapshot.self_tests >= MAX_RESTARTS:
            reason = f"The device restarted in each of {MAX_RESTARTS} self-tests of this model."
            return self.end(ExecutionState.FAILED, reason, now)
        self.memory.change(self_tests=self.snapshot.self_tests + 1)
        return [event.SelfTest(self.snapshot.attempt, target, self.slots.active)]

    def trial_again(self, target: Target, now: float) -> list[Command]:
        """The agent was restarted in the trial, which may be the model's fault."""
        if self.slots.active != target.digest:
            return self.end(ExecutionState.ROLLED_BACK, "The slot of the new model was damaged in its trial.", now)
        if self.snapshot.trials >= MAX_RESTARTS:
            return self.go_back(f"The device restarted {MAX_RESTARTS} times in the trial of this model.", now)
        self.memory.change(trials=self.snapshot.trials + 1)
        return self._start_trial()

    # --- back and out ------------------------------------------------------------------------------------------------

    def go_back(self, reason: str, now: float) -> list[Command]:
        """Return to what ran before the attempt."""
        self.memory.enter(Stage.GOING_BACK, now, reason=reason, evidence=self._measured())
        return [self.switch_back()]

    def switch_back(self) -> Command:
        """The one command of the way back."""
        return event.Switch(self.snapshot.attempt, self.snapshot.back_to)

    def failed(self, failure: event.Failed, target: Target, now: float) -> list[Command]:
        """A command could not be carried out."""
        match self.snapshot.stage:
            case Stage.VERIFIED | Stage.SELF_TESTING | Stage.SWITCHING if failure.missing:
                self.slots = replace(self.slots, other="")
                if self.snapshot.downloads >= MAX_DOWNLOADS:
                    return self.end(ExecutionState.FAILED, failure.reason, now)
                self.memory.change(downloads=self.snapshot.downloads + 1)
                return self.fetch(target, now)
            case Stage.GOING_BACK if failure.missing:
                # What would be gone back to is damaged: stay, since a bad model is better than none.
                reason = f"{self.snapshot.reason} The device could not go back: {failure.reason}"
                return self.end(ExecutionState.FAILED, reason, now)
            case Stage.DOWNLOADING | Stage.VERIFIED | Stage.SELF_TESTING | Stage.SWITCHING:
                end = ExecutionState.REJECTED if failure.rejected else ExecutionState.FAILED
                return self.end(end, failure.reason, now)
            case _:
                return []

    def ticked(self, target: Target, now: float) -> list[Command]:
        """Time went on: the trial ends, a switch back is tried again, or a deadline has passed."""
        stage, elapsed_s = self.snapshot.stage, now - self.memory.since
        if stage is Stage.TRIAL:
            why_back = end_of_trial(target, self._measured(), elapsed_s)
            if why_back == "":
                return self.end(ExecutionState.SUCCEEDED, "", now)
            return self.go_back(why_back, now) if why_back else []
        if stage is Stage.GOING_BACK and elapsed_s >= SWITCH_RETRY_S:
            self.memory.since = now
            return [self.switch_back()]
        if stage is Stage.DOWNLOADING and elapsed_s >= self._download_deadline_s:
            return self._out_of_time("download", self._download_deadline_s, now)
        if stage is Stage.SELF_TESTING and elapsed_s >= SELF_TEST_DEADLINE_S:
            return self._out_of_time("self-test", SELF_TEST_DEADLINE_S, now)
        return []

    def end(self, end: ExecutionState, reason: str, now: float) -> list[Command]:
        """The attempt's one end."""
        evidence = self._measured() if self.snapshot.stage is Stage.TRIAL else self.snapshot.evidence
        note = self.memory.finish(end, reason, evidence, now)
        return [note] if note else []

    def _out_of_time(self, what: str, limit_s: float, now: float) -> list[Command]:
        reason = f"The {what} did not end within {limit_s / 60:g} minutes. {self.waiting_for}".strip()
        return [event.Abandon(self.snapshot.attempt), *self.end(ExecutionState.FAILED, reason, now)]

    def _start_trial(self) -> list[Command]:
        self.trial = event.TrialFigures(self.snapshot.attempt, 0, 0)
        return [event.StartTrial(self.snapshot.attempt)]

    def _measured(self) -> TrialEvidence:
        """The self-test's evidence with the trial's counts in it."""
        evidence, trial = self.snapshot.evidence or TrialEvidence(), self.trial
        if trial.attempt != self.snapshot.attempt:
            return evidence
        peak = trial.memory_peak_bytes or evidence.memory_peak_bytes
        return replace(evidence, inferences=trial.inferences, errors=trial.errors, memory_peak_bytes=peak)
