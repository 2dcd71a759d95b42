"""The steps of the tour, and how each is recognised as done from what the site says. No Qt in here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgeyard.domain.execution import ExecutionState
from edgeyard.domain.rollout import RolloutState, WaveState
from edgeyard.store.rollout import RolloutSummary

_GIVEN_VERSION = 1
"""The version that the demo itself rolls out while the window opens."""


@dataclass(frozen=True, slots=True)
class TourState:
    """What the steps are judged by. `started_at` is when the tour began: what happened before does not count."""

    rollouts: Sequence[RolloutSummary]
    pages_seen: frozenset[str]
    started_at: float

    @property
    def new(self) -> list[RolloutSummary]:
        """Rollouts since the tour began; the one that gives every device its first model is not the person's."""
        return [
            found
            for found in self.rollouts
            if found.rollout.created_at >= self.started_at and found.rollout.version > _GIVEN_VERSION
        ]


@dataclass(frozen=True, slots=True)
class TourStep:
    """`place` is the page it happens on; `done` says whether it has happened."""

    id: str
    title: str
    text: str
    place: str
    done: Callable[[TourState], bool]


def _went_back(summary: RolloutSummary) -> bool:
    return summary.total(ExecutionState.ROLLED_BACK) > 0 or any(
        wave.state is WaveState.FAILED for wave in summary.rollout.waves
    )


STEPS = (
    TourStep(
        "fleet",
        "See the fleet",
        "Every cell is a device. Grey means healthy: what has colour wants something from you.",
        "fleet",
        lambda state: "fleet" in state.pages_seen,
    ),
    TourStep(
        "drag",
        "Roll out version 2",
        "On Models, drag version 2 over Fleet and onto a group. The plan opens; sign and start it there.",
        "models",
        lambda state: bool(state.new),
    ),
    TourStep(
        "waves",
        "Watch the waves",
        "Each device verifies, tests itself and tries the model before it counts. Wait for the first wave to pass.",
        "rollouts",
        lambda state: any(w.state is WaveState.PASSED for found in state.new for w in found.rollout.waves),
    ),
    TourStep(
        "broken",
        "Try the broken version 3",
        "The plan warns you: it is less accurate than what runs. Start it all the same, and see the devices go back.",
        "models",
        lambda state: any(_went_back(found) for found in state.new),
    ),
    TourStep(
        "undo",
        "Undo a rollout",
        "Choose the good rollout and press Undo. Each device returns to the model it ran before.",
        "rollouts",
        lambda state: any(
            found.rollout.state in (RolloutState.UNDOING, RolloutState.UNDONE) for found in state.rollouts
        ),
    ),
)
"""In the order they are shown; each can be done at any time."""
