"""What a good engineer would try for this model on this hardware with this data, in the order of promise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgeyard.domain.hardware import HardwareProfile
from edgeyard.optimize.recipe.recipe import Recipe, RecipeStep, Wishes
from edgeyard.optimize.summary import ModelSummary

HOST = "host"
_HOST_FORMS = ("u8s8", "s8s8")
"""On this machine all are measured, since which is fastest depends on its kernels more than on any rule."""


def default_recipe(
    summary: ModelSummary,
    profiles: Sequence[HardwareProfile],
    calibrated: bool,
    wishes: Wishes | None = None,
    max_drop: float = 0.01,
) -> Recipe:
    """The recipe that runs when none is given.

    Args:
        calibrated: whether there are calibration samples.
        max_drop: the accuracy that may be lost, for searches that stop at it.
    """
    del summary, calibrated, max_drop, wishes
    return Recipe((*_int8(profiles), *_half(profiles)), "Default")


def _int8(profiles: Sequence[HardwareProfile]) -> Iterator[RecipeStep]:
    for form in _forms(profiles):
        yield RecipeStep(f"int8-{form}", "int8-static", settings={"form": form})
    if any(profile.id == HOST for profile in profiles):
        yield RecipeStep("int8-u8s8-qoperator", "int8-static", settings={"form": "u8s8", "layout": "qoperator"})


def _half(profiles: Sequence[HardwareProfile]) -> Iterator[RecipeStep]:
    if any("fp16" in profile.precisions for profile in profiles):
        yield RecipeStep("fp16", "fp16")


def _forms(profiles: Sequence[HardwareProfile]) -> tuple[str, ...]:
    forms: dict[str, None] = {}
    for profile in profiles:
        if profile.id == HOST:
            forms.update(dict.fromkeys(_HOST_FORMS))
        if profile.int8_form and "int8" in profile.precisions:
            forms[profile.int8_form] = None
    return tuple(forms)
