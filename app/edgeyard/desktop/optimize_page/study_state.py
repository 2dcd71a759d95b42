"""What a study looks like now: the events of its job, folded. Pure: any window, also a later one, sees the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from edgeyard.optimize.engine.event import (
    CandidateProven,
    Event,
    JobPicked,
    JobPlanned,
    ParetoChanged,
    StepDone,
    StepFailed,
    StepProgress,
    StepStarted,
)
from edgeyard.optimize.engine.result import Candidate, Choice, JobResult, Rejected
from edgeyard.optimize.recipe.recipe import ORIGINAL

WAITS, RUNS, PROVES, DONE, CACHED, FAILED, SPARED = (
    "waits", "runs", "proves", "done", "cached", "failed", "spared",
)  # fmt: skip

_RUN_OFF = "run-off"


@dataclass(slots=True)
class StepRow:
    """One step of the recipe. `cost_s` is what was expected, `took_s` what it took; `text` says what happened."""

    id: str
    title: str
    cost_s: float = 0.0
    state: str = WAITS
    text: str = ""
    took_s: float | None = None
    done: float = 0.0


@dataclass(slots=True)
class StudyState:
    """`names_pareto`: nothing else is at once smaller, faster and more accurate. `picked` is by profile."""

    fraction: float = 0.0
    text: str = ""
    elapsed_s: float = 0.0
    steps: dict[str, StepRow] = field(default_factory=dict)
    candidates: dict[str, Candidate] = field(default_factory=dict)
    rejected: dict[str, Rejected] = field(default_factory=dict)
    names_pareto: frozenset[str] = frozenset()
    picked: dict[str, str] = field(default_factory=dict)
    choices: tuple[Choice, ...] = ()
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)
    ended: bool = False

    def profiles_of(self, name: str) -> tuple[str, ...]:
        """The profiles for which this candidate is picked, or would be now."""
        return tuple(profile for profile, picked in self.picked.items() if picked == name)


def fold(events: Iterable[Event]) -> StudyState:
    """The state after these events."""
    state = StudyState()
    for event in events:
        _apply(state, event)
    return state


def fold_result(state: StudyState, result: JobResult) -> StudyState:
    """The state with the result that was published, which has more to say than the events before it."""
    state.candidates = {candidate.name: candidate for candidate in result.candidates}
    state.rejected = {rejected.name: rejected for rejected in result.rejected}
    state.names_pareto = frozenset(candidate.name for candidate in result.candidates if candidate.pareto)
    state.choices, state.picked = result.choices, dict(result.picked)
    state.elapsed_s, state.fraction, state.ended = result.duration_s, 1.0, True
    for step in state.steps.values():
        rejected = state.rejected.get(step.id)
        if rejected is not None:
            step.state, step.text = FAILED, rejected.reason
        elif step.state == WAITS:
            step.state, step.text = SPARED, "It was not needed."
    return state


def _apply(state: StudyState, event: Event) -> None:
    state.fraction, state.elapsed_s = max(state.fraction, event.fraction), max(state.elapsed_s, event.at_s)
    if event.text:
        state.text = event.text
    match event:
        case JobPlanned(plan=plan):
            _row(state, ORIGINAL)
            for planned in plan.steps:
                row = StepRow(planned.id, planned.title, planned.cost_s)
                if planned.obstacle:
                    row.state, row.text = FAILED, planned.obstacle
                state.steps.setdefault(planned.id, row)
        case StepStarted() | StepProgress() | StepDone() | StepFailed():
            _apply_step(state, event)
        case CandidateProven(candidate=candidate):
            state.candidates[candidate.name] = candidate
            proven = _row(state, candidate.name)
            if proven is not None and proven.state == PROVES:
                proven.state, proven.text = DONE, " ".join(candidate.notes)
        case ParetoChanged(names=names, picked=picked):
            state.names_pareto, state.picked = frozenset(names), dict(picked)
        case JobPicked(choices=choices):
            state.choices, state.ended = choices, True
            if _RUN_OFF in state.steps:
                state.steps[_RUN_OFF].state, state.steps[_RUN_OFF].text = DONE, ""
            state.picked = {choice.profile: choice.picked for choice in choices}
        case _:
            pass


def _apply_step(state: StudyState, event: StepStarted | StepProgress | StepDone | StepFailed) -> None:
    row = _row(state, event.step) or StepRow(event.step, event.step)
    match event:
        case StepStarted(phase=phase):
            row.state, row.text = (PROVES if phase == "prove" else RUNS), event.text
        case StepProgress(done=done):
            row.done, row.text = done, event.text or row.text
        case StepDone(cached=cached, took_s=took_s, notes=notes, figures=figures):
            state.figures[event.step] = figures
            row.state, row.took_s, row.done = (CACHED if cached else DONE), took_s, 1.0
            row.text = " ".join(notes)
        case StepFailed(cause=cause, reason=reason):
            state.rejected[event.step] = Rejected(event.step, row.title, cause, reason)
            state.candidates.pop(event.step, None)
            row.state, row.text = FAILED, reason


def _row(state: StudyState, step: str) -> StepRow | None:
    """The row of a step of the recipe; the original and the run-off get one when they are first heard of."""
    if step not in state.steps:
        title = {ORIGINAL: "Original", _RUN_OFF: "The best side by side"}.get(step)
        if title is None:
            return None
        state.steps[step] = StepRow(step, title)
    return state.steps[step]
