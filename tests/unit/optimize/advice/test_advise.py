"""What dominates a model's cost, and what is advised against it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from edgeyard.domain.error import UserError
from edgeyard.domain.model import TensorContract
from edgeyard.optimize.advice.advisory import Advice, Advisory
from edgeyard.optimize.advise import advise
from edgeyard.optimize.block_table import BlockRow, BlockTable, default_table, read_block_table
from edgeyard.optimize.summary import LayerRow, ModelSummary

ROWS = {
    "conv3x3": 10.0, "depthwise-separable": 2.0, "bottleneck": 4.0, "grouped-4": 9.5, "conv5x5": 28.0,
    "two-conv3x3": 20.0, "conv3x3-half-size": 2.5, "Relu": 0.1, "Softplus": 50.0, "Tanh": 0.11, "gemm": 4.0,
    "gemm-low-rank": 2.0, "flat-head": 8.0, "pooled-head": 0.5,
}  # fmt: skip
TABLE = BlockTable(
    1, "Test CPU", "x86-64", ["vnni"], "onnxruntime 9", "fp32", 1, "2026-11-21",
    [BlockRow(name, 64, 32, ms) for name, ms in ROWS.items()]
    + [BlockRow("width-31", 0, 28, 3.0), BlockRow("width-32", 0, 28, 2.0)],
)  # fmt: skip


def conv(index: int, outputs: int = 64, inputs: int = 64, side: int = 32, kernel: int = 3, groups: int = 1) -> LayerRow:
    """A convolution that reads the layer before it."""
    weights = outputs * inputs // groups * kernel * kernel
    return LayerRow(
        f"conv-{index}", "Conv", weights, weights * side * side, (1, outputs, side, side),
        weight_bytes=4 * weights, output_bytes=4 * outputs * side * side,
        moved_bytes=4 * (weights + 2 * outputs * side * side),
        live_bytes=8 * outputs * side * side, sources=(index - 1,) if index else (),
        kernel=(outputs, inputs // groups, kernel, kernel), groups=groups,
    )  # fmt: skip


def dense(index: int, inputs: int, outputs: int) -> LayerRow:
    return LayerRow(
        f"dense-{index}", "Gemm", inputs * outputs, inputs * outputs, (1, outputs), weight_bytes=4 * inputs * outputs,
        moved_bytes=4 * inputs * outputs, sources=(index - 1,), kernel=(inputs, outputs),
    )  # fmt: skip


def plain(index: int, operator: str, *shape: int) -> LayerRow:
    return LayerRow(f"{operator}-{index}", operator, 0, 0, shape, sources=(index - 1,))


def summary(*layers: LayerRow, side: int = 32) -> ModelSummary:
    inputs = (TensorContract("x", "float32", (None, 3, side, side)),)
    outputs = (TensorContract("y", "float32", (None, 10)),)
    weights = sum(layer.parameters for layer in layers)
    return ModelSummary(
        "", 0, 8, 17, "", inputs, outputs, weights, sum(layer.multiply_adds for layer in layers), layers=layers,
        weight_bytes=4 * weights,
    )  # fmt: skip


def by_code(advisory: Advisory) -> dict[str, Advice]:
    return {advice.code: advice for advice in advisory.advice}


def test_full_convolutions_are_replaced_by_what_measured_faster() -> None:
    advisory = advise(summary(conv(0), conv(1), conv(2)), TABLE)
    found = by_code(advisory)
    assert set(found) == {"depthwise-separable", "bottleneck"}
    separable = found["depthwise-separable"]
    assert separable.block_ratio == pytest.approx(5.0)
    assert separable.model_ratio == pytest.approx(5.0)
    assert separable.time_share == 1.0
    assert separable.parameters_saved == 3 * (64 * 64 * 9 - 64 * 9 - 64 * 64)
    assert separable.source == "measured on Test CPU with onnxruntime 9, fp32, one thread, 2026-11-21"
    assert "5.0× faster" in separable.text
    assert advisory.advice[0] is separable
    assert advisory.dominance.kind == "compute"
    assert advisory.dominance.slowest[0].share == pytest.approx(1 / 3, abs=0.001)


def test_the_gain_of_the_model_is_bounded_by_what_stays() -> None:
    # 1×1 and depthwise convolutions stay as they are.
    layers = [conv(0), conv(1, kernel=1), conv(2, groups=64), conv(3, outputs=512, inputs=512, kernel=1)]
    separable = by_code(advise(summary(*layers), TABLE))["depthwise-separable"]
    assert separable.layers == ("conv-0",)
    assert separable.model_ratio is not None
    assert 1 < separable.model_ratio < 1 / (1 - separable.time_share) + 1e-3


def test_a_bottleneck_is_not_put_into_a_bottleneck() -> None:
    found = by_code(advise(summary(conv(0, kernel=1), plain(1, "Relu", 1, 64, 32, 32), conv(2)), TABLE))
    assert "bottleneck" not in found
    assert "depthwise-separable" in found


def test_large_kernels_and_stems_are_noticed() -> None:
    found = by_code(advise(summary(conv(0, inputs=3, kernel=7), conv(1, kernel=5)), TABLE))
    assert found["two-small-kernels"].block_ratio == pytest.approx(1.4)
    assert found["two-small-kernels"].parameters_saved == 64 * 64 * (25 - 18)
    assert found["small-stem"].block_ratio is None
    assert "not measured" in found["small-stem"].source


def test_resolution_is_advised_where_there_is_some_to_spare() -> None:
    assert "half-resolution" not in by_code(advise(summary(conv(0)), TABLE))
    found = by_code(advise(summary(conv(0), side=96), TABLE))["half-resolution"]
    assert "96×96" in found.text
    assert found.model_ratio == pytest.approx(4.0)


def test_a_head_over_a_whole_map_is_pooled() -> None:
    layers = [conv(0, side=8), plain(1, "Flatten", 1, 64 * 64), dense(2, 64 * 64, 512)]
    found = by_code(advise(summary(*layers), TABLE))["global-pooling"]
    assert found.block_ratio == pytest.approx(16.0)
    assert found.parameters_saved == 512 * 64 * 63
    assert "64×8×8" in found.text
    pooled = [
        conv(0, side=8),
        plain(1, "GlobalAveragePool", 1, 64, 1, 1),
        plain(2, "Flatten", 1, 64),
        dense(3, 64, 512),
    ]
    assert "global-pooling" not in by_code(advise(summary(*pooled), TABLE))


def test_large_products_get_a_lower_rank() -> None:
    found = by_code(advise(summary(dense(1, 1024, 1024)), TABLE))["low-rank"]
    assert found.parameters_saved == 1024 * 1024 - 256 * 2048
    assert "without training" in found.text
    assert "low-rank" not in by_code(advise(summary(dense(1, 128, 1024)), TABLE))


def test_costly_activations_are_named_and_cheap_ones_are_not() -> None:
    found = by_code(advise(summary(conv(0), plain(1, "Mish", 1, 64, 32, 32), plain(2, "Tanh", 1, 64, 32, 32)), TABLE))
    assert "as measured of Softplus" in found["plain-activation-mish"].text
    assert found["plain-activation-mish"].model_ratio is not None
    assert "plain-activation-tanh" not in found


def test_widths_that_fill_vectors_badly_are_named() -> None:
    found = by_code(advise(summary(conv(0, outputs=60, inputs=60), conv(1)), TABLE))["full-vectors"]
    assert "such as 60" in found.text
    assert "31 channels took 1.50×" in found.text
    assert "full-vectors" not in by_code(advise(summary(conv(0), conv(1)), TABLE))


def test_an_early_peak_of_memory_is_named() -> None:
    layers = (conv(0, side=64), *(conv(index, side=8) for index in range(1, 6)))
    given = replace(summary(*layers), peak_activation_bytes=layers[0].live_bytes, peak_layer="conv-0")
    assert "2,048 KiB at conv-0" in by_code(advise(given, TABLE))["early-stride"].text
    late = replace(given, peak_layer="conv-5")
    assert "early-stride" not in by_code(advise(late, TABLE))


def test_many_tiny_layers_are_named_for_what_they_are() -> None:
    advisory = advise(summary(*(conv(index, 4, 4, 2) for index in range(30))), TABLE)
    assert advisory.dominance.kind == "overhead"
    assert "30 layers" in by_code(advisory)["fewer-layers"].text


def test_nothing_is_said_where_nothing_is_known() -> None:
    empty = msgspec.structs.replace(TABLE, rows=[])
    assert [advice.code for advice in advise(summary(conv(0), dense(1, 64, 10)), empty).advice] == []
    nothing = advise(summary(), TABLE)
    assert nothing.advice == ()
    assert nothing.dominance.slowest == ()


def test_the_table_that_ships_was_measured_here_or_somewhere_that_is_named() -> None:
    table = default_table()
    assert table.host
    assert table.runtime.startswith("onnxruntime ")
    for block in ("depthwise-separable", "bottleneck", "grouped-4", "conv3x3-half-size"):
        ratio = table.ratio("conv3x3", block, 128, 28)
        assert ratio is not None
        assert ratio > 1
    cost = table.per_value_ns("Softplus", 64, 32)
    relu = table.per_value_ns("Relu", 64, 32)
    assert cost is not None
    assert relu is not None
    assert cost > relu
    assert table.ratio("conv3x3", "unheard-of", 1, 1) is None


@pytest.mark.parametrize(
    "damage", [lambda text: text[:-9], lambda text: text.replace('"ms"', '"ns"'), lambda text: text + " " * 100_000]
)
def test_a_damaged_table_is_refused(tmp_path: Path, damage: Callable[[str], str]) -> None:
    path = tmp_path / "t.json"
    path.write_text(damage(msgspec.json.encode(TABLE).decode()))
    with pytest.raises(UserError, match="table of blocks"):
        read_block_table(path)
