"""From a recipe to a plan: what each step will cost, what already stands in its way, and what is done already."""

from __future__ import annotations

from edgeyard.optimize.engine.bench import Bench, problem_of
from edgeyard.optimize.engine.job_data import JobData
from edgeyard.optimize.passes import PASSES
from edgeyard.optimize.recipe.plan import Plan, PlannedStep, proof_cost_s
from edgeyard.optimize.recipe.recipe import ORIGINAL, Recipe, RecipeStep
from edgeyard.optimize.recipe.setting import settings_of
from edgeyard.optimize.summary import ModelSummary

_UNKNOWN_S = 5.0


def make_plan(
    recipe: Recipe, bench: Bench, summary: ModelSummary, data: JobData, run_off_s: float, screening_s: float
) -> Plan:
    """Plan all steps of `recipe`. Obstacles are only known of steps that work on the original; a step whose source
    cannot be made says so."""
    proof_s = proof_cost_s(summary, len(data.evaluation), screening_s)
    samples = len(data.calibration) if data.calibration is not None else 0
    keys = {ORIGINAL: bench.original.key}
    planned: dict[str, PlannedStep] = {}
    for step in recipe.steps:
        each = PASSES[step.kind]
        keys[step.id] = bench.key(step, keys[step.source])
        obstacle = _obstacle(step, bench) if step.source == ORIGINAL else ""
        if step.source in planned and planned[step.source].obstacle:
            obstacle = f"{step.source}, which it works on, cannot be made."
        cost_s = _cost_s(step, summary, samples)
        planned[step.id] = PlannedStep(
            id=step.id,
            kind=step.kind,
            title=each.title,
            source=step.source,
            offer=step.offer,
            cost_s=cost_s + (proof_s if step.offer else 0.0),
            obstacle=obstacle,
            cached=bench.is_kept(keys[step.id]),
            unless=step.unless,
        )
    return Plan(tuple(planned.values()), proof_s + run_off_s)


def _obstacle(step: RecipeStep, bench: Bench) -> str:
    try:
        return bench.obstacle(step)
    except Exception as error:  # a broken pass costs its own step, not the job
        return problem_of(error).reason


def _cost_s(step: RecipeStep, summary: ModelSummary, samples: int) -> float:
    each = PASSES[step.kind]
    try:
        return max(0.0, each.cost_s(settings_of(each.settings_type, step.settings), summary, samples))
    except Exception:  # likewise
        return _UNKNOWN_S
