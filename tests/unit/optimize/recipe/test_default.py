"""The default recipe: what the profiles can run, in the order of promise, and what was wished for."""

from dataclasses import replace

import pytest

from edgeyard.domain.hardware import PROFILES, HardwareProfile
from edgeyard.domain.model import TensorContract
from edgeyard.optimize.recipe.default import default_recipe
from edgeyard.optimize.recipe.read import read_recipe
from edgeyard.optimize.recipe.recipe import ORIGINAL, Wishes
from edgeyard.optimize.recipe.write import recipe_to_text
from edgeyard.optimize.summary import ModelSummary

IMAGE = TensorContract("x", "float32", (None, 3, 8, 8))
SUMMARY = ModelSummary("0" * 64, 1000, 8, 17, "", (IMAGE,), (IMAGE,), 100, 100)
HOST = replace(PROFILES["x86-vnni"], id="host", precisions=("int8", "fp16", "fp32"))


BASIC = ("opset", "fp16", "int8-static", "prune-channels", "ort-format", "openvino", "litert")


def ids(*profiles: str | HardwareProfile, summary: ModelSummary = SUMMARY, wishes: Wishes | None = None) -> list[str]:
    wanted = [PROFILES[each] if isinstance(each, str) else each for each in profiles]
    return [step.id for step in default_recipe(summary, wanted, wishes, passes=BASIC).steps]


def test_only_what_a_profile_can_run_is_tried() -> None:
    assert ids("pi4") == ["int8-s8s8"]
    assert ids("jetson-orin-nano") == ["fp16"]
    assert ids("x86-vnni", "x86", "pi5") == ["int8-u8s8", "int8-u8s7", "int8-s8s8", "fp16"]
    assert ids() == []


def test_on_this_machine_all_layouts_are_measured_its_own_first() -> None:
    arm = replace(HOST, architecture="arm64", int8_form="s8s8")
    assert ids(arm) == ["int8-s8s8", "int8-s8s8-qoperator", "int8-u8s8", "fp16"]
    assert ids(replace(HOST, int8_form="u8s7")) == ["int8-u8s7", "int8-u8s7-qoperator", "int8-u8s8", "fp16"]


def test_what_is_never_fastest_on_this_machine_is_tried_only_when_everything_is() -> None:
    assert ids(HOST) == ["int8-u8s8", "int8-u8s8-qoperator", "fp16"]
    assert "int8-s8s8" in ids(HOST, wishes=Wishes(thorough=True))


def test_an_old_operator_set_is_converted_before_int8_and_not_offered() -> None:
    recipe = default_recipe(replace(SUMMARY, opset=9), [PROFILES["pi5"]], passes=BASIC)
    assert [(step.id, step.source, step.offer) for step in recipe.steps] == [
        ("opset-17", ORIGINAL, False),
        ("int8-s8s8", "opset-17", True),
        ("fp16", ORIGINAL, True),
    ]
    assert ids("jetson-orin-nano", summary=replace(SUMMARY, opset=9)) == ["fp16"]


def test_an_ir_version_that_devices_do_not_read_is_converted_for_all() -> None:
    recipe = default_recipe(replace(SUMMARY, ir_version=12, opset=18), [PROFILES["pi5"]], passes=BASIC)
    assert recipe.steps[0].settings == {"opset": 18}
    assert recipe.steps[0].offer
    assert {step.source for step in recipe.steps[1:]} == {"opset-17"}


def test_pruned_variants_come_when_they_are_wished_for_with_int8_on_top() -> None:
    recipe = default_recipe(SUMMARY, [PROFILES["x86-vnni"]], Wishes(prune=(0.25,)), passes=BASIC)
    assert [step.id for step in recipe.steps] == ["int8-u8s8", "pruned-25", "pruned-25-int8-u8s8"]
    assert recipe.step("pruned-25").settings == {"fraction": 0.25, "multiple_of": 16}


def test_hardware_without_onnx_gets_its_own_format_and_others_when_wished_for() -> None:
    assert ids("coral") == ["tflite-int8", "tflite-fp32"]
    wished = ids("x86-vnni", wishes=Wishes(formats=("ort", "openvino")))
    assert wished == [
        "int8-u8s8", "ort-fp32", "ort-int8-u8s8", "openvino-fp32", "openvino-int8-u8s8",
    ]  # fmt: skip


def test_mixed_precision_comes_after_int8_that_loses_too_much_in_the_layout_of_the_hardware() -> None:
    recipe = default_recipe(SUMMARY, [HOST], max_drop=0.003)
    mixed = [step for step in recipe.steps if step.kind == "int8-mixed"]
    assert [(step.id, step.unless) for step in mixed] == [
        ("int8-mixed-u8s8", "int8-u8s8"),
        ("int8-careful-u8s8", "int8-mixed-u8s8"),
    ]
    assert mixed[0].settings == {"form": "u8s8", "max_drop": 0.003, "layout": "qoperator"}
    assert recipe.step("fp32-clean").settings == {"without_transpose": True}
    assert default_recipe(SUMMARY, [HOST, PROFILES["pi5"]]).step("fp32-clean").settings == {}


def test_what_rarely_wins_is_only_tried_when_asked_for() -> None:
    kinds = {step.kind for step in default_recipe(SUMMARY, [HOST]).steps}
    more = {step.kind for step in default_recipe(SUMMARY, [HOST], Wishes(thorough=True)).steps}
    assert {"low-rank", "early-exit"} <= more - kinds


def test_passes_that_are_not_here_are_left_out_with_what_needs_them() -> None:
    recipe = default_recipe(SUMMARY, [HOST], Wishes(prune=(0.5,)), passes={"int8-static"})
    assert {step.kind for step in recipe.steps} == {"int8-static"}
    assert all(step.source == ORIGINAL for step in recipe.steps)


@pytest.mark.parametrize("opset", [9, 17])
def test_every_default_recipe_can_be_written_and_read(opset: int) -> None:
    wishes = Wishes((0.125, 0.5), ("ort", "openvino", "tflite"))
    recipe = default_recipe(replace(SUMMARY, opset=opset), [HOST, *PROFILES.values()], wishes)
    assert read_recipe(recipe_to_text(recipe)) == recipe
