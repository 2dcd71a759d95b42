"""Full convolutions that cost much, and blocks that measured faster at their size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod, sqrt

from edgeyard.optimize.advice.advisory import Advice
from edgeyard.optimize.advice.cost_share import CostShares, count_of, short
from edgeyard.optimize.block_table import BlockTable
from edgeyard.optimize.estimate import FUSED
from edgeyard.optimize.summary import LayerRow

WORTH = 1.15
"""A block must have measured faster by this factor to be advised."""
LEAST_SHARE = 0.05
_LEAST_CHANNELS = 16
_NAMED = 5


@dataclass(frozen=True, slots=True)
class _Block:
    """A block that may stand for a full convolution: how it is called, and its weights for C_in, C_out and k²."""

    code: str
    measured_as: str
    title: str
    weights: Callable[[int, int, int], int]
    about: str


_BLOCKS = (
    _Block(
        "depthwise-separable", "depthwise-separable", "Depthwise separable convolutions",
        lambda inputs, outputs, area: inputs * area + inputs * outputs,
        "a depthwise convolution and a 1×1 (as in MobileNet)",
    ),
    _Block(
        "bottleneck", "bottleneck", "Bottleneck blocks",
        lambda inputs, outputs, area: (inputs * outputs + outputs * outputs * area // 4 + outputs * outputs) // 4,
        "1×1 to a quarter of the channels, the convolution, and 1×1 back (as in ResNet-50)",
    ),
    _Block(
        "grouped", "grouped-4", "Grouped convolutions",
        lambda inputs, outputs, area: inputs * outputs * area // 4,
        "the same convolution in 4 groups (as in ResNeXt)",
    ),
)  # fmt: skip


def convolution_advice(costs: CostShares, table: BlockTable) -> Iterator[Advice]:
    """Blocks in place of full convolutions, and two small kernels in place of a large one."""
    full = [index for index, layer in enumerate(costs.layers) if is_full(layer)]
    for block in _BLOCKS:
        # What stands between two 1×1 convolutions is a bottleneck already.
        chosen = [index for index in full if block.code != "bottleneck" or not _is_after_1x1(costs.layers, index)]
        ratios = worthwhile(costs, chosen, "conv3x3", block.measured_as, table)
        yield from _replacement(costs, table, block, ratios)
    large = [index for index in full if min(costs.layers[index].kernel[2:]) in {5, 6}]
    yield from _two_small(costs, table, worthwhile(costs, large, "conv5x5", "two-conv3x3", table))


def is_full(layer: LayerRow) -> bool:
    """A convolution over all channels, with a kernel of 3×3 or more, and not of a handful of channels."""
    kernel = layer.kernel
    if layer.operator != "Conv" or layer.constant or len(kernel) != 4 or layer.groups != 1:
        return False
    return min(kernel[2:]) >= 3 and min(kernel[:2]) >= _LEAST_CHANNELS


def worthwhile(costs: CostShares, positions: list[int], old: str, new: str, table: BlockTable) -> dict[int, float]:
    """Old ÷ new at each layer's size, of those layers where it was measured to be worth it."""
    ratios = {}
    for position in positions:
        layer = costs.layers[position]
        ratio = table.ratio(old, new, round(sqrt(prod(layer.kernel[:2]))), side_of(layer))
        if ratio is not None and ratio >= WORTH:
            ratios[position] = ratio
    return ratios


def side_of(layer: LayerRow) -> int:
    """The side of a square map with as many values as the layer's output has per channel."""
    known = [size for size in layer.output_shape[2:] if size]
    return max(1, round(prod(known) ** (1 / len(known)))) if known else 1


def _replacement(costs: CostShares, table: BlockTable, block: _Block, ratios: dict[int, float]) -> Iterator[Advice]:
    gain = costs.gain(ratios)
    if gain.share < LEAST_SHARE:
        return
    parameters = work = 0
    for index in ratios:
        layer = costs.layers[index]
        outputs, inputs, *sides = layer.kernel
        before, after = prod(layer.kernel), block.weights(inputs, outputs, prod(sides))
        parameters += before - after
        work += layer.multiply_adds * (before - after) // before
    yield Advice(
        block.code,
        block.title,
        f"{count_of(len(ratios), 'full convolution take')} about {gain.share:.0%} of the time. In their place,"
        f" {block.about}: such blocks ran {gain.block:.1f}× faster at these sizes, which makes the model about"
        f" {gain.model:.2f}× faster, with {parameters:,} weights less. It needs training, and usually some more"
        " channels or layers to be as accurate.",
        _slowest(costs, ratios),
        gain.share,
        gain.block,
        gain.model,
        parameters,
        work,
        table.source,
    )


def _two_small(costs: CostShares, table: BlockTable, ratios: dict[int, float]) -> Iterator[Advice]:
    gain = costs.gain(ratios)
    if gain.share < LEAST_SHARE:
        return
    saved = work = 0
    for index in ratios:
        layer = costs.layers[index]
        outputs, inputs, *_ = layer.kernel
        less = prod(layer.kernel) - 9 * outputs * (inputs + outputs)
        saved += less
        work += layer.multiply_adds * less // prod(layer.kernel)
    yield Advice(
        "two-small-kernels",
        "Two 3×3 kernels for one 5×5",
        f"{count_of(len(ratios), '5×5 convolution take')} about"
        f" {gain.share:.0%} of the time. Two 3×3 one after the other see as far and ran {gain.block:.1f}× faster at"
        f" these sizes: about {gain.model:.2f}× for the model. It needs training.",
        _slowest(costs, ratios),
        gain.share,
        gain.block,
        gain.model,
        saved,
        work,
        table.source,
    )


def _is_after_1x1(layers: tuple[LayerRow, ...], position: int) -> bool:
    layer = layers[position]
    for _ in range(8):
        if len(layer.sources) != 1:
            return False
        layer = layers[layer.sources[0]]
        if layer.operator not in FUSED:
            return layer.operator == "Conv" and prod(layer.kernel[2:]) == 1
    return False


def _slowest(costs: CostShares, positions: dict[int, float]) -> tuple[str, ...]:
    slowest = sorted(positions, key=lambda index: -costs.milliseconds[index])[:_NAMED]
    return tuple(short(costs.layers[index].name) for index in slowest)
