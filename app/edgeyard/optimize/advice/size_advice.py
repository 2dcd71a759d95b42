"""Sizes: the stem, the resolution, widths that fill vectors badly, a peak of memory, very many small layers."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from edgeyard.optimize.advice.advisory import Advice
from edgeyard.optimize.advice.convolution_advice import LEAST_SHARE, worthwhile
from edgeyard.optimize.advice.cost_share import CostShares, dominance, short
from edgeyard.optimize.block_table import BlockTable

_STEM_CHANNELS = 4
_LEAST_SIDE = 64
_ALIGNMENT = 8
_WIDTHS = ((31, 32), (62, 64), (63, 64))
"""Measured widths, and the full one after each."""
_MUCH_OVERHEAD = 0.4
_COUNTED = "counted from the shapes, not measured"


def stem_advice(costs: CostShares) -> Iterator[Advice]:
    """Counted, not measured: what a 3×3 stem needs less than a larger one."""
    for index, layer in enumerate(costs.layers):
        kernel = layer.kernel
        if layer.operator != "Conv" or len(kernel) != 4 or kernel[1] > _STEM_CHANNELS or min(kernel[2:]) < 5:
            continue
        area = prod(kernel[2:])
        gain = costs.gain({index: area / 9})
        if gain.share < LEAST_SHARE:
            return
        yield Advice(
            "small-stem",
            "A smaller stem",
            f"The first convolution ({kernel[2]}×{kernel[3]}) takes about {gain.share:.0%} of the time on only"
            f" {kernel[1]} input channels. A 3×3 needs {area / 9:.1f}× fewer multiply-adds: about {gain.model:.2f}× for"
            " the model if time follows them. It needs training.",
            (short(layer.name),),
            gain.share,
            None,
            gain.model,
            kernel[0] * kernel[1] * (area - 9),
            layer.multiply_adds * (area - 9) // area,
            _COUNTED,
        )
        return


def resolution_advice(costs: CostShares, table: BlockTable) -> Iterator[Advice]:
    """Half the input's resolution."""
    shape = costs.summary.input.shape
    sides = [size for size in shape[1:] if size and size > _STEM_CHANNELS]
    if len(shape) != 4 or len(sides) < 2 or min(sides) < _LEAST_SIDE:
        return
    maps = [i for i, layer in enumerate(costs.layers) if layer.operator == "Conv" and len(layer.kernel) == 4]
    gain = costs.gain(worthwhile(costs, maps, "conv3x3", "conv3x3-half-size", table))
    if gain.share < LEAST_SHARE:
        return
    yield Advice(
        "half-resolution",
        "Half the resolution",
        f"The input is {sides[0]}×{sides[1]}. At half of that, convolutions of these sizes ran {gain.block:.1f}×"
        f" faster: about {gain.model:.2f}× for the model, and a quarter of the activation memory. Of all changes it is"
        " the least work; it needs training.",
        (),
        gain.share,
        gain.block,
        gain.model,
        0,
        sum(costs.layers[index].multiply_adds for index in maps) * 3 // 4,
        table.source,
    )


def width_advice(costs: CostShares, table: BlockTable) -> Iterator[Advice]:
    """Convolutions whose channels fill vectors badly, where the next full width measured no slower."""
    convolutions = {
        i: layer for i, layer in enumerate(costs.layers) if layer.operator == "Conv" and len(layer.kernel) == 4
    }
    uneven = {
        index: layer
        for index, layer in convolutions.items()
        if layer.kernel[0] % _ALIGNMENT and layer.kernel[0] > _ALIGNMENT and layer.groups == 1
    }
    if len(uneven) * 4 < len(convolutions) or not uneven:
        return
    measured = [
        (narrow, full, table.milliseconds(f"width-{narrow}", 0, 28), table.milliseconds(f"width-{full}", 0, 28))
        for narrow, full in _WIDTHS
    ]
    slower = [(before / after, narrow, full) for narrow, full, before, after in measured if before and after]
    if not slower or max(slower)[0] < 1:
        return
    ratio, narrow, full = max(slower)
    widths = sorted({layer.kernel[0] for layer in uneven.values()})[:5]
    yield Advice(
        "full-vectors",
        f"Channels in multiples of {_ALIGNMENT}",
        f"{len(uneven)} of {len(convolutions)} convolutions have widths such as {', '.join(map(str, widths))}. One with"
        f" {narrow} channels took {ratio:.2f}× as long as one with {full}: round widths to multiples of {_ALIGNMENT}."
        " It needs training.",
        tuple(short(layer.name) for layer in list(uneven.values())[:5]),
        round(costs.share(uneven), 4),
        round(ratio, 3),
        None,
        0,
        0,
        table.source,
    )


def memory_advice(costs: CostShares) -> Iterator[Advice]:
    """A peak of memory among the first layers, where maps are large."""
    summary = costs.summary
    peak = next((i for i, layer in enumerate(summary.layers) if layer.name == summary.peak_layer), None)
    if peak is None or summary.peak_activation_bytes < summary.weight_bytes // 4:
        return
    working = [i for i, layer in enumerate(summary.layers) if not layer.constant]
    if peak not in working or working.index(peak) * 3 > len(working) or len(summary.layers[peak].output_shape) != 4:
        return
    yield Advice(
        "early-stride",
        "Smaller maps early",
        f"Activations need {summary.peak_activation_bytes / 1024:,.0f} KiB at {short(summary.peak_layer)}, one of the"
        f" first layers; all weights need {summary.weight_bytes / 1024:,.0f} KiB. A stride of 2 before it divides the"
        " former by 4. It needs training.",
        (short(summary.peak_layer),),
        round(costs.share([peak]), 4),
        None,
        None,
        0,
        0,
        _COUNTED,
    )


def overhead_advice(costs: CostShares, table: BlockTable) -> Iterator[Advice]:
    """Very many very small layers."""
    found = dominance(costs, table)
    if found.overhead_share < _MUCH_OVERHEAD:
        return
    working = sum(milliseconds > 0 for milliseconds in costs.milliseconds)
    yield Advice(
        "fewer-layers",
        "Fewer, wider layers",
        f"About {found.overhead_share:.0%} of the time is the fixed cost of {working} layers, not arithmetic:"
        " quantizing or pruning gains little here; fewer and wider layers do. It needs training.",
        (),
        found.overhead_share,
        None,
        None,
        0,
        0,
        found.source,
    )
