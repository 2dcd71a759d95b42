"""Where integers begin and end."""

import pytest

from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.quantize.placement import Placement, place, slow_in_integers
from edgeyard.optimize.quantize.unit import Role, find_units
from tests.unit.optimize import toy_model
from tests.unit.optimize.quantize import networks


@pytest.fixture
def residual() -> OnnxGraph:
    return OnnxGraph(networks.residual())


def names(placement: Placement) -> list[str]:
    return [unit.name for unit in placement.integer_units()]


def test_an_activation_belongs_to_what_it_follows_when_nobody_else_reads_that(residual: OnnxGraph) -> None:
    units = {unit.name: unit for unit in find_units(residual)}
    assert list(units) == ["first", "second", "add", "pool", "flatten", "head"]
    assert units["first"].output == "r1"
    assert units["second"].output == "c2"
    assert units["add"].output == "r2"
    assert units["flatten"].role is Role.CARRY


def test_everything_between_layers_is_integer_and_the_last_product_gives_floats(residual: OnnxGraph) -> None:
    placement = place(residual)
    assert names(placement) == ["first", "second", "add", "pool", "flatten", "head"]
    assert placement.floats == {"g"}
    assert placement.held == {"x", "r1", "c2", "r2", "p", "f"}


def test_past_a_float_layer_the_addition_is_still_integer(residual: OnnxGraph) -> None:
    placement = place(residual, ["first"])
    assert names(placement) == ["second", "add", "pool", "flatten", "head"]
    assert "x" not in placement.held


def test_without_integer_layers_nothing_is_integer(residual: OnnxGraph) -> None:
    placement = place(residual, ["first", "second", "head"])
    assert not placement.integer
    assert not placement.held


def test_what_moves_the_input_about_works_on_integers(residual: OnnxGraph) -> None:
    placement = place(OnnxGraph(networks.everything()))
    assert "to-first" in names(placement)
    assert {"x", "t"} <= placement.held


def test_slow_layers_are_named_only_up_to_the_first_fast_one(residual: OnnxGraph) -> None:
    assert slow_in_integers(residual, find_units(residual)) == ["first"]
    everything = OnnxGraph(networks.everything())
    assert slow_in_integers(everything, find_units(everything)) == ["c1", "depthwise"]
    toy = OnnxGraph(toy_model.classifier())
    assert slow_in_integers(toy, find_units(toy)) == ["conv-1"]
