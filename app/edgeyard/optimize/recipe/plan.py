"""What a job is about to do, and about how long it takes, before it starts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """`cost_s` is about what the step and the proof of its artifact take on one core. `obstacle` says why it will not
    run, if so; `cached` that an earlier job has left its artifact."""

    id: str
    kind: str
    title: str
    source: str
    offer: bool
    cost_s: float
    obstacle: str = ""
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in the order in which they will run: cheap and promising ones first where sources allow."""

    steps: tuple[PlannedStep, ...]
    proof_s: float
    """For the original and the final run-off."""

    @property
    def cost_s(self) -> float:
        """All that is left to do, in about so many seconds."""
        return self.proof_s + sum(step.cost_s for step in self.steps if not step.obstacle and not step.cached)
