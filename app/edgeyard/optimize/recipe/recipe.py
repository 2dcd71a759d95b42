"""A recipe: a graph of steps, each one pass with its settings. Plain data, importable without onnx."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

ORIGINAL = "fp32"
"""The id of the original: always a candidate, never a step, and what steps start from unless they say otherwise."""


@dataclass(frozen=True, slots=True)
class RecipeStep:
    """One pass on one artifact. The id names the artifact, and the variant when it is chosen: `int8-u8s8`.

    `kind` is the pass (`PASSES`), `source` the id of the step that it works on, or `ORIGINAL`. `settings` are JSON
    types as written: what is left out has the pass's default. Only offered artifacts are proven and may be chosen; the
    others are there for later steps. With `unless`, the step runs only when the artifact of that earlier step loses
    more accuracy than the job allows, may well do so, or could not be made.
    """

    id: str
    kind: str
    source: str = ORIGINAL
    settings: Mapping[str, Any] = field(default_factory=dict)
    offer: bool = True
    unless: str = ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Steps in an order in which each comes after its source; `recipe.read` refuses anything else."""

    steps: tuple[RecipeStep, ...] = ()
    title: str = ""

    def step(self, step_id: str) -> RecipeStep:
        """The step of that id; `KeyError` when there is none."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)

    def way_to(self, step_id: str) -> tuple[RecipeStep, ...]:
        """The steps that make the artifact, the first one first; none for the original."""
        way: list[RecipeStep] = []
        while step_id != ORIGINAL:
            way.append(self.step(step_id))
            step_id = way[-1].source
        return tuple(reversed(way))

    def descendants(self, step_id: str) -> Iterator[RecipeStep]:
        """The steps that cannot run without this one."""
        lost = {step_id}
        for step in self.steps:
            if step.source in lost:
                lost.add(step.id)
                yield step


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the default recipe should hold besides what the profiles ask for.

    `prune` are shares of channels to remove, 0 to 1. `formats` are file formats besides ONNX (`Trait.file_format`).
    `thorough` also tries what rarely wins.
    """

    prune: tuple[float, ...] = ()
    formats: tuple[str, ...] = ()
    thorough: bool = False
