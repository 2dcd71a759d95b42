"""A small world around the rollout controller: applies its steps and lets devices answer, in any order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from edgeyard.domain.controller import next_steps
from edgeyard.domain.execution import Execution, ExecutionState, TrialEvidence, is_live, may_follow
from edgeyard.domain.rollout import Rollout, RolloutAct, RolloutPolicy, RolloutState, Wave, WaveState
from edgeyard.domain.step import AddExecution, Assign, SetExecution, SetRollout, SetWave, Step

OLD, NEW = "0" * 64, "1" * 64
GOOD = TrialEvidence(samples=100, accuracy=0.9, previous_accuracy=0.8, inferences=100, latency_p95_ms=3.0)


def make_rollout(wave_sizes: Sequence[int], policy: RolloutPolicy | None = None, previous: str = OLD) -> Rollout:
    """A scheduled rollout from `previous` to `NEW` with devices d0, d1, … in waves of these sizes."""
    waves, executions, number = [], [], 0
    for index, size in enumerate(wave_sizes):
        waves.append(Wave(index, WaveState.PENDING, 0.0, devices=size))
        for _ in range(size):
            state = ExecutionState.QUEUED
            executions.append(Execution(number + 1, 1, index, f"d{number}", 1, NEW, previous, state, 0.0))
            number += 1
    return Rollout(
        1, "m", 2, 1, "all", RolloutState.SCHEDULED, 0.0, policy or RolloutPolicy(soak_s=5.0), 0.0, "anna",
        tuple(waves), tuple(executions),
    )  # fmt: skip


@dataclass
class World:
    """What the hub and its database would hold; `assigned` is what each device should run."""

    rollout: Rollout
    now: float = 0.0
    assigned: dict[str, str] = field(default_factory=dict)
    running: dict[str, str] = field(default_factory=dict)
    offered: set[str] = field(default_factory=set)

    def settle(self, acts: Sequence[RolloutAct] = ()) -> None:
        """Apply steps until there are none; a controller that never settles fails here."""
        for _ in range(100):
            steps = next_steps(self.rollout, acts, self.now, self.assigned)
            if not steps:
                return
            for step in steps:
                self._apply(step)
            acts = ()
        raise AssertionError(f"does not settle: {steps}")

    def report(self, execution_id: int, state: ExecutionState, evidence: TrialEvidence | None = GOOD) -> None:
        """A device's word on one execution, believed as the hub would."""
        old = next(e for e in self.rollout.executions if e.id == execution_id)
        if not may_follow(old.state, state):
            return
        if state is ExecutionState.SUCCEEDED:
            self.running[old.device_id] = old.digest
        self._change(execution_id, state=state, state_since=self.now, evidence=evidence, reason="as reported")

    def live(self) -> list[Execution]:
        """Executions that a device has in work."""
        return [e for e in self.rollout.executions if is_live(e.state) and e.state is not ExecutionState.QUEUED]

    def wave_states(self) -> list[WaveState]:
        """The state of each wave."""
        return [wave.state for wave in self.rollout.waves]

    def _apply(self, step: Step) -> None:
        match step:
            case SetRollout():
                self.rollout = replace(self.rollout, state=step.state, reason=step.reason, state_since=self.now)
            case SetWave():
                self._change_wave(step)
            case SetExecution():
                self._change(step.execution_id, state=step.state, reason=step.reason, state_since=self.now)
            case Assign():
                self.assigned[step.device_id] = step.digest
                if step.digest == NEW:
                    self.offered.add(step.device_id)
                if step.execution_id is not None:
                    self._change(step.execution_id, state=ExecutionState.NOTIFIED, state_since=self.now)
            case AddExecution():
                number = len(self.rollout.executions) + 1
                added = Execution(
                    number, 1, step.wave, step.device_id, 2, step.digest, step.previous_digest,
                    ExecutionState.QUEUED, self.now, undo=True,
                )  # fmt: skip
                self.rollout = replace(self.rollout, executions=(*self.rollout.executions, added))

    def _change(self, execution_id: int, **changes: object) -> None:
        executions = tuple(
            replace(e, **changes) if e.id == execution_id else e  # type: ignore[arg-type]
            for e in self.rollout.executions
        )
        self.rollout = replace(self.rollout, executions=executions)

    def _change_wave(self, step: SetWave) -> None:
        def changed(wave: Wave) -> Wave:
            started_at = self.now if step.state is WaveState.RUNNING and wave.started_at is None else wave.started_at
            return replace(
                wave, state=step.state, state_since=self.now, started_at=started_at, findings=step.findings,
                reason=step.reason,
            )  # fmt: skip

        waves = tuple(changed(w) if w.index == step.index else w for w in self.rollout.waves)
        self.rollout = replace(self.rollout, waves=waves)
