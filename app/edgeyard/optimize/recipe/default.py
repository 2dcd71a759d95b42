"""What a good engineer would try for this model on this hardware with this data, in the order of promise.

Only passes that are registered are used. Whether a step can run at all is for the pass to say, in the plan.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from edgeyard.domain.hardware import RUNTIMES, HardwareProfile
from edgeyard.optimize.recipe.recipe import ORIGINAL, Recipe, RecipeStep, Wishes
from edgeyard.optimize.summary import ModelSummary

HOST = "host"
_HOST_FORMS = ("u8s8", "s8s8")
"""On this machine all are measured, since which is fastest depends on its kernels more than on any rule."""
_OPSET, _MIN_INT8_OPSET, _LARGEST_IR = 17, 13, 10
_CONVERTED = "opset-17"
_FORMAT_PASSES = {
    "ort": "ort-format",
    "openvino": "openvino",
    "tflite": "litert",
    "coreml": "coreml",
    "hef": "hailo",
    "engine": "tensorrt",
    "qnn": "qualcomm",
}
"""File format (`Trait.file_format`, `Runtime.file_formats`) → the pass that writes it."""


def default_recipe(
    summary: ModelSummary,
    profiles: Sequence[HardwareProfile],
    wishes: Wishes | None = None,
    passes: Collection[str] | None = None,
) -> Recipe:
    """The recipe that runs when none is given. `passes` are the kinds that may be used, by default all there are."""
    wishes = wishes or Wishes()
    known = passes if passes is not None else _all_passes()
    steps: dict[str, RecipeStep] = {}
    for step in _steps(summary, profiles, wishes):
        if step.kind in known and step.source in {ORIGINAL, *steps}:
            steps[step.id] = step
    return Recipe(tuple(steps.values()), "Default")


def _all_passes() -> Collection[str]:
    from edgeyard.optimize.passes import PASSES

    return PASSES


def _steps(summary: ModelSummary, profiles: Sequence[HardwareProfile], wishes: Wishes) -> Iterator[RecipeStep]:
    forms = _forms(profiles)
    too_new = summary.ir_version > _LARGEST_IR
    base = ORIGINAL
    if too_new or (forms and summary.opset < _MIN_INT8_OPSET and not summary.already_quantized):
        base = _CONVERTED
        # Devices read no newer IR version, so then the converted model is what the original would have been.
        opset = summary.opset if summary.opset >= _MIN_INT8_OPSET else _OPSET
        yield RecipeStep(base, "opset", settings={"opset": opset}, offer=too_new)
    yield from _int8(profiles, forms, base, "")
    if _wants(profiles, "fp16"):
        yield RecipeStep("fp16", "fp16", base if too_new else ORIGINAL)
    for share in wishes.prune:
        name = f"pruned-{round(share * 100)}"
        width = max((profile.alignment for profile in profiles), default=8)
        yield RecipeStep(name, "prune-channels", base, {"fraction": share, "multiple_of": min(64, width)})
        yield from _int8(profiles, forms, name, f"{name}-")
    yield from _formats(profiles, forms, base, wishes)


def _int8(profiles: Sequence[HardwareProfile], forms: Sequence[str], source: str, prefix: str) -> Iterator[RecipeStep]:
    for form in forms:
        yield RecipeStep(f"{prefix}int8-{form}", "int8-static", source, {"form": form})
    if any(profile.id == HOST for profile in profiles) and "u8s8" in forms:
        settings = {"form": "u8s8", "layout": "qoperator"}
        yield RecipeStep(f"{prefix}int8-u8s8-qoperator", "int8-static", source, settings)


def _formats(
    profiles: Sequence[HardwareProfile], forms: Sequence[str], base: str, wishes: Wishes
) -> Iterator[RecipeStep]:
    """Files besides ONNX: those wished for, and those without which a profile would go empty-handed."""
    wanted = dict.fromkeys(wishes.formats)
    for profile in profiles:
        taken = [name for runtime in profile.runtimes for name in RUNTIMES[runtime].file_formats]
        if "onnx" not in taken:
            wanted.update(dict.fromkeys(taken))
    for name in wanted:
        kind = _FORMAT_PASSES.get(name)
        if kind == "litert":
            if _wants(profiles, "int8"):
                yield RecipeStep("tflite-int8", kind, base, {"precision": "int8"})
            yield RecipeStep("tflite-fp32", kind, base, {"precision": "fp32"})
        elif kind in {"ort-format", "openvino"}:
            yield RecipeStep(f"{name}-fp32", kind, base)
            yield from (RecipeStep(f"{name}-int8-{form}", kind, f"int8-{form}") for form in forms)
            if kind == "openvino" and _wants(profiles, "bf16"):
                yield RecipeStep(f"{name}-bf16", kind, base, {"precision": "bf16"})
        elif kind is not None:
            yield RecipeStep(name, kind, base)


def _wants(profiles: Sequence[HardwareProfile], precision: str) -> bool:
    return any(precision in profile.precisions for profile in profiles)


def _forms(profiles: Sequence[HardwareProfile]) -> tuple[str, ...]:
    forms: dict[str, None] = {}
    for profile in profiles:
        if profile.id == HOST:
            # What its instructions are for comes first, then whatever else might be faster here.
            forms.update(dict.fromkeys(form for form in (profile.int8_form, *_HOST_FORMS) if form))
        elif profile.int8_form and "int8" in profile.precisions:
            forms[profile.int8_form] = None
    return tuple(forms)
