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
"""On this machine both are measured, since which is fastest depends on its kernels more than on any rule; but on x86-64
ONNX Runtime's kernels never make s8s8 the faster one (its guide to quantization says so, and 0.84 × was measured)."""
_QUIETER_DB = 2.0
"""How much less noise a more careful mixture must have. On ResNet-20 it leaves three of five changed answers, and three
quarters of the speed."""
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
    max_drop: float = 0.01,
    passes: Collection[str] | None = None,
) -> Recipe:
    """The recipe that runs when none is given.

    Args:
        max_drop: the accuracy that may be lost, 0 to 1, for searches that stop at it.
        passes: the kinds that may be used, by default all there are.
    """
    wishes = wishes or Wishes()
    known = passes if passes is not None else _all_passes()
    steps: dict[str, RecipeStep] = {}
    for step in _steps(summary, profiles, wishes, max_drop):
        if step.kind in known and step.source in {ORIGINAL, *steps}:
            steps[step.id] = step
    return Recipe(tuple(steps.values()), "Default")


def _all_passes() -> Collection[str]:
    from edgeyard.optimize.passes import PASSES

    return PASSES


def _steps(
    summary: ModelSummary, profiles: Sequence[HardwareProfile], wishes: Wishes, max_drop: float
) -> Iterator[RecipeStep]:
    forms = _forms(profiles)
    too_new = summary.ir_version > _LARGEST_IR
    base = ORIGINAL
    if too_new or (forms and summary.opset < _MIN_INT8_OPSET and not summary.already_quantized):
        base = _CONVERTED
        # Devices read no newer IR version, so then the converted model is what the original would have been.
        opset = summary.opset if summary.opset >= _MIN_INT8_OPSET else _OPSET
        yield RecipeStep(base, "opset", settings={"opset": opset}, offer=too_new)
    yield from _int8(profiles, forms, base, "")
    on_host = any(profile.id == HOST for profile in profiles)
    for form in forms:
        settings = {"form": form, "max_drop": max_drop, **({"layout": "qoperator"} if on_host else {})}
        mixed, careful = f"int8-mixed-{form}", f"int8-careful-{form}"
        yield RecipeStep(mixed, "int8-mixed", base, settings, unless=f"int8-{form}")
        # What seemed good enough on the samples of the search may not be on those that judge.
        yield RecipeStep(careful, "int8-mixed", base, {**settings, "quieter_db": _QUIETER_DB}, unless=mixed)
    if any("fp32" in profile.precisions for profile in profiles):
        only_x86 = all(profile.architecture == "x86-64" for profile in profiles)
        yield RecipeStep("fp32-clean", "clean-up", base, {"without_transpose": True} if only_x86 else {})
    for profile in profiles:
        if profile.id == HOST:
            hopeless = {"s8s8"} if profile.architecture == "x86-64" and not wishes.thorough else set()
            others = tuple(form for form in _HOST_FORMS if form not in {*forms, *hopeless})
            yield from (RecipeStep(f"int8-{form}", "int8-static", base, {"form": form}) for form in others)
    if _wants(profiles, "fp16"):
        yield RecipeStep("fp16", "fp16", base if too_new else ORIGINAL)
    for share in wishes.prune:
        name = f"pruned-{round(share * 100)}"
        width = max((profile.alignment for profile in profiles), default=8)
        yield RecipeStep(name, "prune-channels", base, {"fraction": share, "multiple_of": min(64, width)})
        yield from _int8(profiles, forms, name, f"{name}-")
    yield from _formats(profiles, forms, base, wishes)
    if wishes.thorough:
        yield RecipeStep("low-rank", "low-rank", base)
        yield RecipeStep("early-exit", "early-exit", base, {"max_drop": min(0.2, max_drop)})


def _int8(profiles: Sequence[HardwareProfile], forms: Sequence[str], source: str, prefix: str) -> Iterator[RecipeStep]:
    for form in forms:
        yield RecipeStep(f"{prefix}int8-{form}", "int8-static", source, {"form": form})
    for form in dict.fromkeys(profile.int8_form for profile in profiles if profile.id == HOST):
        # On the machine itself the layout that only ONNX Runtime reads may be faster.
        yield RecipeStep(f"{prefix}int8-{form}-qoperator", "int8-static", source, {"form": form, "layout": "qoperator"})


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
    wanted = (profile.int8_form for profile in profiles if profile.int8_form and "int8" in profile.precisions)
    return tuple(dict.fromkeys(wanted))
