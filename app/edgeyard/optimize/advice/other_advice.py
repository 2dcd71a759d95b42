"""Heads, large matrix products, and activations that cost more than they look."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod, sqrt

from edgeyard.optimize.advice.advisory import Advice
from edgeyard.optimize.advice.convolution_advice import WORTH
from edgeyard.optimize.advice.cost_share import CostShares, count_of, short
from edgeyard.optimize.block_table import BlockTable
from edgeyard.optimize.inspection.liveness import VIEWS
from edgeyard.optimize.summary import LayerRow

_PRODUCTS = ("Gemm", "MatMul")
_MUCH_OF_WEIGHTS = 0.1
_LEAST_RANK = 256
_LEAST_ACTIVATION_SHARE = 0.03
_MEASURED_AS = {
    "Celu": "Elu", "Elu": "Elu", "Erf": "Erf", "Gelu": "Erf", "HardSwish": "HardSwish", "Mish": "Softplus",
    "Selu": "Elu", "Sigmoid": "Sigmoid", "Softplus": "Softplus", "Tanh": "Tanh",
}  # fmt: skip
"""Activations, and the measured one that each is most like."""


def head_advice(costs: CostShares, table: BlockTable) -> Iterator[Advice]:
    """A product over a whole map, where its mean per channel would do."""
    parameters = costs.summary.parameters
    for index, layer in enumerate(costs.layers):
        if layer.operator not in _PRODUCTS or len(layer.kernel) != 2 or not parameters:
            continue
        source = _map_before(costs.layers, layer)
        if source is None or layer.kernel[0] != prod(source[1:]):
            continue
        channels, area = source[1], prod(source[2:])
        weight_share = layer.parameters / parameters
        ratio = table.ratio("flat-head", "pooled-head", channels, round(sqrt(area))) or 0.0
        if weight_share < _MUCH_OF_WEIGHTS or ratio < WORTH:
            continue
        saved = layer.kernel[1] * channels * (area - 1)
        gain = costs.gain({index: ratio})
        yield Advice(
            "global-pooling",
            "Global average pooling before the head",
            f"{short(layer.name)} multiplies a whole map ({'×'.join(map(str, source[1:]))}) and holds"
            f" {weight_share:.0%} of the weights. The mean per channel in its place needs {area}× fewer ({saved:,}"
            f" less) and ran {gain.block:.1f}× faster: about {gain.model:.2f}× for the model. It needs training.",
            (short(layer.name),),
            gain.share,
            gain.block,
            gain.model,
            saved,
            saved,
            table.source,
        )


def low_rank_advice(costs: CostShares, table: BlockTable) -> Iterator[Advice]:
    """Large products that two thin ones may stand for."""
    found = {
        index: layer
        for index, layer in enumerate(costs.layers)
        if layer.operator in _PRODUCTS and len(layer.kernel) == 2 and min(layer.kernel) >= _LEAST_RANK
    }
    weights = sum(layer.parameters for layer in found.values())
    if not found or weights < _MUCH_OF_WEIGHTS * costs.summary.parameters:
        return
    ratios, saved = {}, 0
    for index, layer in found.items():
        ratios[index] = table.ratio("gemm", "gemm-low-rank", round(sqrt(prod(layer.kernel))), 1) or 1.0
        saved += max(0, prod(layer.kernel) - min(layer.kernel) // 4 * sum(layer.kernel))
    gain = costs.gain(ratios)
    if gain.block < WORTH:
        return
    yield Advice(
        "low-rank",
        "Low rank for large products",
        f"{count_of(len(found), 'large matrix product hold')} {weights / costs.summary.parameters:.0%} of the weights."
        f" Two of a quarter of the rank in place of each ran {gain.block:.1f}× faster: about {gain.model:.2f}× for the"
        f" model, with {saved:,} weights less. Factorization tries it without training.",
        tuple(short(layer.name) for layer in list(found.values())[:5]),
        gain.share,
        gain.block,
        gain.model,
        saved,
        saved,
        table.source,
    )


def activation_advice(costs: CostShares, table: BlockTable) -> Iterator[Advice]:
    """Activations that cost more than ReLU, each kind by itself."""
    for operator, alike in _MEASURED_AS.items():
        found = [
            layer
            for layer in costs.layers
            if layer.operator == operator and len(layer.output_shape) > 2 and not layer.constant
        ]
        extra_ms = 0.0
        for layer in found:
            shape = [size or 1 for size in layer.output_shape]
            side = max(1, round(sqrt(prod(shape[2:]))))
            cost, plain = (table.per_value_ns(name, shape[1], side) for name in (alike, "Relu"))
            if cost is not None and plain is not None:
                extra_ms += max(0.0, cost - plain) * prod(shape) * 1e-6
        # The estimate of the whole model holds only their traffic, so what they compute comes on top.
        share = extra_ms / (costs.total_ms + extra_ms) if extra_ms else 0.0
        if share < _LEAST_ACTIVATION_SHARE:
            continue
        like = "" if alike == operator else f" (as measured of {alike})"
        model = 1 / (1 - share)
        yield Advice(
            f"plain-activation-{operator.lower()}",
            f"ReLU for {operator}",
            f"{count_of(len(found), f'{operator} operator add')}{like} about {share:.0%} to the time over ReLU: about"
            f" {model:.2f}× for the model. ReLU also quantizes better and is fused into the layer before it. It needs"
            " training.",
            tuple(short(layer.name) for layer in found[:5]),
            round(share, 4),
            None,
            round(model, 3),
            0,
            0,
            table.source,
        )


def _map_before(layers: tuple[LayerRow, ...], layer: LayerRow) -> tuple[int, ...] | None:
    """The map (batch, channels, sides) that a product reads through a view; `None` when it reads no map."""
    for _ in range(8):
        if len(layer.sources) != 1:
            return None
        layer = layers[layer.sources[0]]
        shape = tuple(size for size in layer.output_shape if size)
        if layer.operator not in VIEWS:
            is_map = len(shape) == len(layer.output_shape) == 4 and prod(shape[2:]) > 1
            return shape if is_map else None
    return None
