"""What a job is about to do, and about how long it takes, before it starts."""

from __future__ import annotations

from dataclasses import dataclass

from edgeyard.optimize.summary import ModelSummary

MULTIPLY_ADDS_PER_S = 2e10
"""What one core does in 32 bits, about: for plans only."""
_LOAD_S = 0.3
"""Checking, loading and weighing an artifact, and timing it beside the original."""
_LAYERS_PER_S = 4000.0


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
    unless: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in the order in which they will run."""

    steps: tuple[PlannedStep, ...]
    proof_s: float
    """For the original and the final run-off."""

    @property
    def cost_s(self) -> float:
        """All that is left to do, in about so many seconds; steps that may be spared count."""
        return self.proof_s + sum(step.cost_s for step in self.steps if not step.obstacle and not step.cached)


def proof_cost_s(summary: ModelSummary, samples: int, screening_s: float) -> float:
    """About what proving one artifact on so many samples takes."""
    running_s = samples * (summary.multiply_adds / MULTIPLY_ADDS_PER_S + len(summary.layers) * 1e-6)
    return _LOAD_S + len(summary.layers) / _LAYERS_PER_S + running_s + screening_s
