"""What needs a person and what is in progress, worked out from the newest snapshots. No Qt in here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgeyard.desktop.fleet_frame import FleetFrame
from edgeyard.desktop.page import Place
from edgeyard.desktop.widget.words import ago, count
from edgeyard.domain.device import DeviceStatus
from edgeyard.domain.execution import BAD_ENDS, ExecutionState
from edgeyard.domain.rollout import RolloutState, WaveState
from edgeyard.store.rollout import RolloutSummary

MAX_NEEDS = 12
_FAILED_SHOWN_S = 86_400.0
_IN_PROGRESS = (RolloutState.RUNNING, RolloutState.UNDOING, RolloutState.SCHEDULED)


@dataclass(frozen=True, slots=True)
class Need:
    """One line: `place` is where it leads, or `filter_text` what the table then shows."""

    title: str
    detail: str
    status: DeviceStatus
    place: Place | None = None
    filter_text: str = ""
    fraction: float | None = None
    """How far it is, where it is in progress."""


def needs_of(frame: FleetFrame, rollouts: Sequence[RolloutSummary], now: float) -> list[Need]:
    """What a person should look at: alarms first, the same problem of many devices in one line."""
    found = _problems(frame) + _rollout_needs(rollouts, now)
    found.sort(key=lambda need: need.status is not DeviceStatus.ALARM)
    if len(found) > MAX_NEEDS:
        rest = len(found) - MAX_NEEDS + 1
        more = Need(f"and {count(rest, 'more problem')}", "", DeviceStatus.ATTENTION, filter_text=_WRONG_FILTER)
        found = [*found[: MAX_NEEDS - 1], more]
    return found


def progress_of(rollouts: Sequence[RolloutSummary]) -> list[Need]:
    """Rollouts that move by themselves."""
    return [_progress(summary) for summary in rollouts if summary.rollout.state in _IN_PROGRESS]


_WRONG_FILTER = "status:alarm | status:attention"


def _problems(frame: FleetFrame) -> list[Need]:
    by_text: defaultdict[tuple[int, str], list[str]] = defaultdict(list)
    for row in np.flatnonzero(frame.severity < 2).tolist():
        device = frame.devices[row]
        by_text[int(frame.severity[row]), device.problem].append(device.id)
    needs = []
    for (severity, text), ids in sorted(by_text.items(), key=lambda item: (item[0][0], -len(item[1]))):
        status = DeviceStatus.ALARM if severity == 0 else DeviceStatus.ATTENTION
        if len(ids) == 1:
            needs.append(Need(ids[0], text, status, Place("fleet", f"device:{ids[0]}")))
        else:
            quoted = text.replace('"', "*").replace("“", "*").replace("”", "*")
            needs.append(Need(count(len(ids), "device"), text, status, filter_text=f'problem:"{quoted}"'))
    return needs


def _rollout_needs(rollouts: Sequence[RolloutSummary], now: float) -> list[Need]:
    needs = []
    for summary in rollouts:
        rollout = summary.rollout
        words = ""
        status = DeviceStatus.ATTENTION
        if rollout.state is RolloutState.PAUSED:
            words = f"Paused {ago(now - rollout.state_since)}. {rollout.reason}"
        elif rollout.state is RolloutState.AWAITING_APPROVAL:
            words = "Waits for approval."
        elif rollout.state is RolloutState.FAILED and now - rollout.state_since < _FAILED_SHOWN_S:
            words, status = f"Failed {ago(now - rollout.state_since)}. {rollout.reason}", DeviceStatus.ALARM
        elif rollout.state is RolloutState.RUNNING:
            stuck = [wave for wave in rollout.waves if wave.state is WaveState.INCONCLUSIVE]
            words = f"Wave {stuck[0].index + 1} is inconclusive. {stuck[0].reason}" if stuck else ""
        if words:
            needs.append(Need(title_of(summary), words.strip(), status, _place(summary)))
    return needs


def _progress(summary: RolloutSummary) -> Need:
    rollout = summary.rollout
    if rollout.state is RolloutState.UNDOING:
        back = sum(summary.back_counts.values())
        done = back - sum(summary.back_counts.get(state, 0) for state in _LIVE)
        detail = f"Going back · {done:,} of {count(back, 'device')}"
        return Need(title_of(summary), detail, DeviceStatus.UPDATING, _place(summary), fraction=done / max(1, back))
    done = summary.total(ExecutionState.SUCCEEDED)
    bad = summary.total(*BAD_ENDS)
    number = sum(wave.state is not WaveState.PENDING for wave in rollout.waves) or 1
    detail = f"Wave {number} of {len(rollout.waves)} · {done:,} of {count(summary.devices, 'device')}"
    if rollout.state is RolloutState.SCHEDULED:
        detail = f"Scheduled · {count(summary.devices, 'device')}"
    if bad:
        detail += f" · {bad:,} went back or failed"
    fraction = done / max(1, summary.devices)
    return Need(title_of(summary), detail, DeviceStatus.UPDATING, _place(summary), fraction=fraction)


_LIVE = tuple(state for state in ExecutionState if state not in (*BAD_ENDS, ExecutionState.SUCCEEDED))


def title_of(summary: RolloutSummary) -> str:
    """`yard-vision 2 → press-hall`."""
    rollout = summary.rollout
    return f"{rollout.model} {rollout.version} → {rollout.group}"


def _place(summary: RolloutSummary) -> Place:
    return Place("rollouts", str(summary.rollout.id))
