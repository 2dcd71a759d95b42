"""The rollout controller: from one consistent snapshot to the next steps. Pure, level-triggered, safe to repeat.

Rules, in the order they are applied:
1. A person's act comes first: pause, resume, abort, undo.
2. A live execution that is over its deadline times out, queued time since its wave started included, and the device is
   assigned its own previous model again.
3. A device that ended badly is assigned what it runs, so that what is wanted and what runs agree.
4. A wave fails when success has become impossible, when its error rate is surely (95 %) over the threshold, when its
   deadline has passed, or when its gate fails. Its devices then go back to their own previous models; devices of
   earlier, passed waves keep the new one until a person says undo; later waves never start.
5. A wave whose devices all finished soaks, then its gate decides: pass, fail, or inconclusive, which waits for a
   person.
6. A wave starts only when every earlier one has passed. Silent devices count as unknown, never as good.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from edgeyard.domain.execution import BAD_ENDS, Execution, ExecutionState, is_live
from edgeyard.domain.gate import Verdict
from edgeyard.domain.judge import first_failure, judge_wave, overall
from edgeyard.domain.quantity import count
from edgeyard.domain.rollout import Rollout, RolloutAct, RolloutState, Wave, WaveState
from edgeyard.domain.statistic import wilson_interval
from edgeyard.domain.step import AddExecution, Assign, SetExecution, SetRollout, SetWave, Step

ACTIVE_STATES = (RolloutState.SCHEDULED, RolloutState.RUNNING, RolloutState.PAUSED, RolloutState.UNDOING)
"""Rollouts in these states are the controller's work."""


def allowed_acts(state: RolloutState) -> tuple[RolloutAct, ...]:
    """What a person may ask of a rollout in `state`."""
    match state:
        case RolloutState.RUNNING:
            return RolloutAct.PAUSE, RolloutAct.ABORT, RolloutAct.UNDO
        case RolloutState.SCHEDULED:
            return RolloutAct.PAUSE, RolloutAct.ABORT
        case RolloutState.PAUSED:
            return RolloutAct.RESUME, RolloutAct.ABORT, RolloutAct.UNDO
        case RolloutState.SUCCEEDED | RolloutState.FAILED | RolloutState.CANCELLED:
            return (RolloutAct.UNDO,)
        case _:
            return ()


def undo_refusal(rollout: Rollout) -> str:
    """Why undoing an ended rollout would change nothing, or nothing. One that is under way is at least stopped by it.

    Its devices would end as undone, and every one of them would still run what it brought.
    """
    if rollout.state in ACTIVE_STATES:
        return ""
    finished = [e for e in rollout.executions if e.state is ExecutionState.SUCCEEDED and not e.undo]
    if not finished:
        return "No device runs what this rollout brought, so there is nothing to undo."
    if not any(e.previous_digest for e in finished):
        return "Its devices had no model before this rollout, so there is nothing to go back to."
    return ""


def next_steps(
    rollout: Rollout, acts: Sequence[RolloutAct], now: float, assigned: Mapping[str, str] | None = None
) -> list[Step]:
    """Decide what to do now.

    `acts` are the open commands of people (the first allowed one is taken), `assigned` maps devices to the digest they
    are assigned at present, `now` is Unix seconds. Applying the steps and asking again reaches a fixed point.
    """
    work = _Work(rollout, now, assigned or {})
    for act in acts:
        if act in allowed_acts(rollout.state):
            return list(_obey(work, act))
    steps = list(_end_overdue(work)) + list(_restate_bad_ends(work))
    if steps:
        return steps
    match rollout.state:
        case RolloutState.SCHEDULED:
            return [SetRollout(RolloutState.RUNNING)]
        case RolloutState.RUNNING:
            return list(_advance(work))
        case RolloutState.UNDOING:
            return list(_go_back(work, RolloutState.UNDONE))
        case _:
            return []


@dataclass(frozen=True, slots=True)
class _Work:
    rollout: Rollout
    now: float
    assigned: Mapping[str, str]

    def forward(self, wave: int) -> list[Execution]:
        return [e for e in self.rollout.executions if e.wave == wave and not e.undo]

    def backward(self) -> list[Execution]:
        return [e for e in self.rollout.executions if e.undo]

    def holds(self, execution: Execution) -> bool:
        """Whether the device is still assigned by this execution; another rollout may have moved it on."""
        return self.assigned.get(execution.device_id, execution.digest) == execution.digest


def _obey(work: _Work, act: RolloutAct) -> Iterator[Step]:
    rollout = work.rollout
    match act:
        case RolloutAct.PAUSE:
            yield SetRollout(RolloutState.PAUSED, "Paused by a person; devices in work finish, no others start.")
        case RolloutAct.RESUME:
            for wave in rollout.waves:
                if wave.state is WaveState.INCONCLUSIVE:
                    yield SetWave(wave.index, WaveState.PASSED, "Accepted by a person.", wave.findings)
            yield SetRollout(RolloutState.RUNNING)
        case RolloutAct.ABORT:
            yield from _stop_waves(work)
            yield from _cancel_live(work, "The rollout was aborted.")
            for execution in work.backward():
                if is_live(execution.state):
                    # It is assigned its previous model already; nobody would follow this way back any more.
                    reason = "The rollout was aborted; the device goes back all the same."
                    yield SetExecution(execution.id, ExecutionState.CANCELLED, reason)
            yield SetRollout(RolloutState.CANCELLED, "Aborted by a person; devices that had finished keep the model.")
        case RolloutAct.UNDO:
            yield from _stop_waves(work)
            yield from _cancel_live(work, "The rollout is being undone.")
            yield from _queue_way_back(work, rollout.executions)
            yield SetRollout(RolloutState.UNDOING, "Each device goes back to its own previous model.")


def _stop_waves(work: _Work) -> Iterator[Step]:
    for wave in work.rollout.waves:
        if wave.state in (WaveState.RUNNING, WaveState.SOAKING):
            yield SetWave(wave.index, WaveState.INCONCLUSIVE, "Stopped by a person before it was judged.")


def _cancel_live(work: _Work, reason: str) -> Iterator[Step]:
    for execution in work.rollout.executions:
        if is_live(execution.state) and not execution.undo:
            yield SetExecution(execution.id, ExecutionState.CANCELLED, reason)
            if execution.state is not ExecutionState.QUEUED and work.holds(execution):
                yield _restate(execution)


def _restate(execution: Execution) -> Assign:
    """Want again what the device ran before this execution."""
    return Assign(execution.device_id, execution.previous_digest, None, undo=True)


def _queue_way_back(work: _Work, executions: Sequence[Execution]) -> Iterator[Step]:
    returning = {e.device_id for e in work.backward() if is_live(e.state) or e.state is ExecutionState.SUCCEEDED}
    for execution in executions:
        if execution.undo or execution.state is not ExecutionState.SUCCEEDED or execution.device_id in returning:
            continue
        # A device that had no model before has nothing to go back to; one that was moved on is not ours any more.
        if execution.previous_digest and work.holds(execution):
            yield AddExecution(execution.device_id, execution.wave, execution.previous_digest, execution.digest)


def _end_overdue(work: _Work) -> Iterator[Step]:
    limit_s = work.rollout.policy.execution_deadline_s
    waves = {wave.index: wave for wave in work.rollout.waves}
    for execution in work.rollout.executions:
        if not is_live(execution.state):
            continue
        wave = waves[execution.wave]
        waiting = execution.state is ExecutionState.QUEUED
        if waiting and (execution.undo or wave.started_at is None):
            continue
        since = wave.started_at if wave.started_at is not None and not execution.undo else execution.state_since
        if work.now - since > limit_s:
            reason = f"Not finished within {limit_s:.0f} s (last state: {execution.state.value.replace('_', ' ')})."
            yield SetExecution(execution.id, ExecutionState.TIMED_OUT, reason)


def _restate_bad_ends(work: _Work) -> Iterator[Step]:
    for execution in work.rollout.executions:
        bad = execution.state in BAD_ENDS and execution.digest != execution.previous_digest
        if bad and work.assigned.get(execution.device_id) == execution.digest and _is_latest(work, execution):
            yield _restate(execution)


def _is_latest(work: _Work, execution: Execution) -> bool:
    return not any(e.device_id == execution.device_id and e.id > execution.id for e in work.rollout.executions)


def _advance(work: _Work) -> Iterator[Step]:
    for wave in work.rollout.waves:
        if wave.state is WaveState.PASSED:
            continue
        match wave.state:
            case WaveState.PENDING:
                yield from _start_wave(work, wave)
            case WaveState.RUNNING:
                yield from _watch_wave(work, wave)
            case WaveState.SOAKING:
                yield from _judge_soaked(work, wave)
            case WaveState.FAILED:
                yield from _go_back(work, RolloutState.FAILED)
            case WaveState.INCONCLUSIVE:
                yield SetRollout(RolloutState.PAUSED, f"Wave {wave.index + 1} is inconclusive: {wave.reason}")
        return
    yield SetRollout(RolloutState.SUCCEEDED)


def _start_wave(work: _Work, wave: Wave) -> Iterator[Step]:
    yield SetWave(wave.index, WaveState.RUNNING)
    for execution in work.forward(wave.index):
        if execution.state is ExecutionState.QUEUED:
            yield Assign(execution.device_id, execution.digest, execution.id, undo=False)


def _watch_wave(work: _Work, wave: Wave) -> Iterator[Step]:
    executions = work.forward(wave.index)
    reason = _failure(work, wave, executions)
    if reason:
        yield from _fail_wave(work, wave, reason)
    elif not any(is_live(e.state) for e in executions):
        yield SetWave(wave.index, WaveState.SOAKING)


def _failure(work: _Work, wave: Wave, executions: Sequence[Execution]) -> str:
    """Why the wave cannot pass any more, or empty."""
    policy = work.rollout.policy
    finished = [e for e in executions if not is_live(e.state)]
    bad = [e for e in finished if e.state is not ExecutionState.SUCCEEDED]
    best_share = (len(executions) - len(bad)) / len(executions) if executions else 1.0
    detail = f" First: {bad[0].device_id}: {bad[0].reason}" if bad else ""
    if best_share < policy.success_threshold:
        return (
            f"{len(bad)} of {count(len(executions), 'device')} ended without success; "
            f"{100 * policy.success_threshold:.0f} % must succeed.{detail}"
        )
    errors = sum(e.state in BAD_ENDS for e in finished)
    surely, _ = wilson_interval(errors, len(finished))
    if len(finished) >= policy.min_finished and surely > policy.error_threshold:
        allowed = f"{100 * policy.error_threshold:.0f} % allowed"
        return f"{errors} of {count(len(finished), 'finished device')} ended badly ({allowed}).{detail}"
    if wave.started_at is not None and work.now - wave.started_at > policy.wave_deadline_s:
        of_all = f"{len(finished)} of {count(len(executions), 'device')}"
        return f"Only {of_all} finished within {policy.wave_deadline_s:.0f} s."
    return ""


def _judge_soaked(work: _Work, wave: Wave) -> Iterator[Step]:
    if work.now - wave.state_since < work.rollout.policy.soak_s:
        return
    findings = judge_wave(work.forward(wave.index), work.rollout.policy.gate)
    verdict = overall(findings)
    if verdict is Verdict.PASS:
        yield SetWave(wave.index, WaveState.PASSED, "", findings)
    elif verdict is Verdict.INCONCLUSIVE:
        open_points = [finding.sentence for finding in findings if finding.verdict is Verdict.INCONCLUSIVE]
        yield SetWave(wave.index, WaveState.INCONCLUSIVE, " ".join(open_points), findings)
    else:
        yield from _fail_wave(work, wave, first_failure(findings))


def _fail_wave(work: _Work, wave: Wave, reason: str) -> Iterator[Step]:
    executions = work.forward(wave.index)
    yield SetWave(wave.index, WaveState.FAILED, reason, judge_wave(executions, work.rollout.policy.gate))
    yield from _cancel_live(work, f"Wave {wave.index + 1} failed.")
    yield from _queue_way_back(work, executions)


def _go_back(work: _Work, end: RolloutState) -> Iterator[Step]:
    """Send devices back wave by wave, the same stages as on the way out; `end` follows when none is left."""
    live = [e for e in work.backward() if is_live(e.state)]
    if not live:
        yield SetRollout(end, _way_back_reason(work, end))
        return
    stage = min(e.wave for e in live)
    for execution in live:
        if execution.wave == stage and execution.state is ExecutionState.QUEUED:
            yield Assign(execution.device_id, execution.digest, execution.id, undo=True)


def _way_back_reason(work: _Work, end: RolloutState) -> str:
    failed = [wave for wave in work.rollout.waves if wave.state is WaveState.FAILED]
    parts = [f"Wave {wave.index + 1} failed: {wave.reason}" for wave in failed if end is RolloutState.FAILED]
    stuck = [e for e in work.backward() if e.state in BAD_ENDS]
    if stuck:
        parts.append(f"{count(len(stuck), 'device')} could not go back: {', '.join(e.device_id for e in stuck[:5])}.")
    return " ".join(parts)
