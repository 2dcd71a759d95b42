"""Rollouts in words and shapes: states, what an act would do, what a finding measured. No widgets in here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from edgeyard.desktop.plan import evidence_words
from edgeyard.desktop.rollouts_page.picture import CellKind, RolloutPicture
from edgeyard.desktop.widget import words
from edgeyard.domain.controller import allowed_acts, undo_refusal
from edgeyard.domain.device import DeviceStatus
from edgeyard.domain.execution import Execution, ExecutionState
from edgeyard.domain.gate import GateFinding, Verdict
from edgeyard.domain.rollout import RolloutAct, RolloutState, Wave, WaveState

ROLLOUT_STATE = {
    RolloutState.DRAFT: ("Draft", DeviceStatus.UNKNOWN),
    RolloutState.AWAITING_APPROVAL: ("Awaits approval", DeviceStatus.ATTENTION),
    RolloutState.SCHEDULED: ("Scheduled", DeviceStatus.OFFLINE),
    RolloutState.RUNNING: ("Running", DeviceStatus.UPDATING),
    RolloutState.PAUSED: ("Paused", DeviceStatus.ATTENTION),
    RolloutState.SUCCEEDED: ("Succeeded", DeviceStatus.HEALTHY),
    RolloutState.FAILED: ("Failed", DeviceStatus.ALARM),
    RolloutState.CANCELLED: ("Aborted", DeviceStatus.OFFLINE),
    RolloutState.UNDOING: ("Going back", DeviceStatus.UPDATING),
    RolloutState.UNDONE: ("Undone", DeviceStatus.OFFLINE),
}
WAVE_STATE = {
    WaveState.PENDING: ("waits", DeviceStatus.OFFLINE),
    WaveState.RUNNING: ("in progress", DeviceStatus.UPDATING),
    WaveState.SOAKING: ("being watched", DeviceStatus.UPDATING),
    WaveState.PASSED: ("passed", DeviceStatus.HEALTHY),
    WaveState.FAILED: ("failed", DeviceStatus.ALARM),
    WaveState.INCONCLUSIVE: ("inconclusive", DeviceStatus.ATTENTION),
}
EXECUTION_STATE = {
    ExecutionState.QUEUED: "Waits",
    ExecutionState.NOTIFIED: "Told",
    ExecutionState.DOWNLOADING: "Downloading",
    ExecutionState.VERIFIED: "Verified",
    ExecutionState.SELF_TESTING: "Self-test",
    ExecutionState.TRIAL: "Trial",
    ExecutionState.SUCCEEDED: "Succeeded",
    ExecutionState.REJECTED: "Rejected",
    ExecutionState.FAILED: "Failed",
    ExecutionState.ROLLED_BACK: "Went back",
    ExecutionState.TIMED_OUT: "Timed out",
    ExecutionState.SUPERSEDED: "Superseded",
    ExecutionState.CANCELLED: "Cancelled",
}
KIND_STATUS = {
    CellKind.BAD: DeviceStatus.ALARM,
    CellKind.WORKING: DeviceStatus.UPDATING,
    CellKind.RETURNING: DeviceStatus.UPDATING,
    CellKind.WAITING: DeviceStatus.OFFLINE,
    CellKind.STOPPED: DeviceStatus.UNKNOWN,
    CellKind.RETURNED: DeviceStatus.OFFLINE,
    CellKind.DONE: DeviceStatus.HEALTHY,
}
KIND_WORD = {
    CellKind.BAD: "ended badly",
    CellKind.WORKING: "in work",
    CellKind.RETURNING: "going back",
    CellKind.WAITING: "waiting",
    CellKind.STOPPED: "stopped",
    CellKind.RETURNED: "back on their own model",
    CellKind.DONE: "succeeded",
}
VERDICT_STATUS = {
    Verdict.PASS: DeviceStatus.HEALTHY,
    Verdict.FAIL: DeviceStatus.ALARM,
    Verdict.INCONCLUSIVE: DeviceStatus.ATTENTION,
}


def execution_word(execution: Execution) -> str:
    """The state of one attempt; the way back says so."""
    word = EXECUTION_STATE[execution.state]
    if not execution.undo:
        return word
    return "Back again" if execution.state is ExecutionState.SUCCEEDED else f"Going back: {word.lower()}"


def counts_text(counts: Counter[CellKind]) -> str:
    """`9 succeeded · 2 in work · 1 ended badly`, calm things last."""
    return " · ".join(f"{counts[kind]:,} {KIND_WORD[kind]}" for kind in CellKind if counts[kind])


def act_title(act: RolloutAct, picture: RolloutPicture) -> str:
    """What the button of an act says."""
    if act is RolloutAct.RESUME and _inconclusive(picture):
        return "Accept and go on"
    return {
        RolloutAct.PAUSE: "Pause",
        RolloutAct.RESUME: "Resume",
        RolloutAct.ABORT: "Abort…",
        RolloutAct.UNDO: "Undo",
    }[act]


def act_effect(act: RolloutAct, picture: RolloutPicture) -> str:
    """What an act would do to whom, in one line."""
    counts, label = picture.counts, f"{picture.rollout.model} {picture.rollout.version}"
    working, waiting, done = counts[CellKind.WORKING], counts[CellKind.WAITING], counts[CellKind.DONE]
    match act:
        case RolloutAct.PAUSE:
            finishing = words.count(working, "device in work finishes", "devices in work finish")
            return f"{finishing}; {words.count(waiting, 'that waits does', 'that wait do')} not start until you resume."
        case RolloutAct.RESUME if _inconclusive(picture):
            return f"Takes wave {_inconclusive(picture)} as passed on your word; the next wave starts."
        case RolloutAct.RESUME:
            return f"Goes on where it stopped: {words.count(waiting, 'device is', 'devices are')} still to come."
        case RolloutAct.ABORT:
            return (
                f"Ends it for good: {words.count(working, 'in work goes', 'in work go')} back, "
                f"{words.count(waiting, 'that waits gets', 'that wait get')} nothing, "
                f"{words.count(done, 'that finished keeps', 'that finished keep')} {label}."
            )
        case RolloutAct.UNDO:
            return _undo_effect(picture, done, label)


def _undo_effect(picture: RolloutPicture, done: int, label: str) -> str:
    first = sum(row.kind is CellKind.DONE and not row.latest.previous_digest for row in picture.rows)
    back = words.count(
        done - first, "device goes back to the model it ran before", "devices go back to the model each ran before"
    )
    parts = [f"{back}, wave by wave." if done > first or not first else "Nothing more starts."]
    if first:
        keep = words.count(first, "device had no model before and keeps", "devices had no model before and keep")
        parts.append(f"{keep} {label}.")
    return " ".join(parts)


def asked_text(asked: tuple[RolloutAct, ...]) -> str:
    """What was asked for and waits for the hub, or nothing."""
    return f"Asked for: {', '.join(act.value for act in asked)}. The hub carries it out." if asked else ""


def finding_figures(finding: GateFinding) -> str:
    """What was measured against which bound, with units; nothing where a sentence says it all."""
    if finding.measured is None or finding.bound is None:
        return ""
    form = _FIGURES.get(finding.check)
    return f"{form(finding.measured)}, bound {form(finding.bound)}" if form else ""


def evidence_text(execution: Execution) -> str:
    """The proof of one attempt in short, its previous model's in brackets: `82.7 % (68.3) · p95 13.2 (14.0) ms`."""
    evidence = execution.evidence
    if evidence is None:
        return ""
    parts = []
    if evidence.accuracy is not None:
        before = evidence.previous_accuracy
        parts.append(words.percent(evidence.accuracy) + (f" ({before * 100:.1f})" if before is not None else ""))
    if evidence.latency_p95_ms is not None:
        earlier = evidence.previous_latency_p95_ms
        was = f" ({words.figure(earlier)})" if earlier is not None else ""
        parts.append(f"p95 {words.figure(evidence.latency_p95_ms)}{was} ms")
    if evidence.errors:
        parts.append(words.count(evidence.errors, "error"))
    if evidence.crashes:
        parts.append(words.count(evidence.crashes, "crash", "crashes"))
    return " · ".join(parts)


def wave_word(wave: Wave, picture: RolloutPicture) -> tuple[str, DeviceStatus]:
    """The state of a wave in a word, with its shape; one that never started says so once the rollout has ended."""
    if wave.state is WaveState.PENDING and picture.ended:
        return "never started", DeviceStatus.UNKNOWN
    return WAVE_STATE[wave.state]


def wave_time(wave: Wave, picture: RolloutPicture) -> str:
    """How long a wave has been, or was, at it."""
    if wave.started_at is None:
        return ""
    match wave.state:
        case WaveState.RUNNING:
            return f"for {evidence_words.duration(picture.at - wave.started_at)}"
        case WaveState.SOAKING:
            watched = evidence_words.duration(min(picture.at - wave.state_since, picture.rollout.policy.soak_s))
            return f"{watched} of {evidence_words.duration(picture.rollout.policy.soak_s)}"
        case _:
            return f"after {evidence_words.duration(wave.state_since - wave.started_at)}"


def act_refusal(act: RolloutAct, picture: RolloutPicture) -> str:
    """Why an act cannot be asked for now, or nothing."""
    if act not in allowed_acts(picture.rollout.state):
        word, _ = ROLLOUT_STATE[picture.rollout.state]
        return f"Not possible: the rollout is “{word.lower()}”."
    if picture.asked:
        return asked_text(picture.asked)
    if act is not RolloutAct.UNDO:
        return ""
    if not picture.counts[CellKind.DONE] and not picture.counts[CellKind.WORKING]:
        return "No device runs what this rollout brought, so there is nothing to undo."
    return undo_refusal(picture.rollout)


def _points(share: float) -> str:
    return f"{share * 100:+.1f} points"


_FIGURES: dict[str, Callable[[float], str]] = {
    "accuracy": _points,
    "latency": lambda ratio: f"{ratio:.2f} ×",
    "errors": words.percent,
}


def _inconclusive(picture: RolloutPicture) -> int:
    """The number of the wave that waits for a person, from 1; 0 for none."""
    return next((w.index + 1 for w in picture.rollout.waves if w.state is WaveState.INCONCLUSIVE), 0)
