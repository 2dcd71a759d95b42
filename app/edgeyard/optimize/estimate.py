"""How long a model would take on a kind of hardware, from its layers: always an estimate, and labelled so."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from edgeyard.domain.hardware import HardwareProfile
from edgeyard.domain.hardware.roofline import Estimate, Work, estimate_latency
from edgeyard.optimize.correction_store import Corrections
from edgeyard.optimize.summary import LayerRow, ModelSummary

FUSED = frozenset(
    {
        "BatchNormalization", "Cast", "Clip", "Constant", "DequantizeLinear", "Dropout", "Flatten", "HardSigmoid",
        "Identity", "LeakyRelu", "PRelu", "QuantizeLinear", "Relu", "Relu6", "Reshape", "Shape", "Squeeze", "Unsqueeze",
    }
)  # fmt: skip
"""Operators that runtimes fold into the one before, or that move nothing."""
_FLOAT_BYTES = 4


def works_of(layers: Sequence[LayerRow]) -> list[Work]:
    """What is left to do at run time, layer by layer, when activations and normalizations are fused."""
    return [_work(layer) for layer in layers if not layer.constant and layer.operator not in FUSED]


def estimate_summary(
    summary: ModelSummary,
    profile: HardwareProfile,
    precision: str,
    *,
    threads: int = 1,
    corrections: Corrections | None = None,
) -> Estimate | None:
    """Estimate one sample of the model on `profile` in `precision`; `None` where the hardware has no figures for it.

    `summary` is of the float32 model: other precisions are taken to have the same layers with smaller values.
    """
    if profile.speed is None:
        return None
    learned = (corrections or {}).get((profile.id, precision))
    return estimate_latency(
        works_of(summary.layers),
        profile.speed,
        precision,
        threads=min(threads, profile.cores),
        correction=learned.factor if learned else 1.0,
        cache_bytes=profile.sample_cache_bytes,
    )


def _work(layer: LayerRow) -> Work:
    outputs = prod(size for size in layer.output_shape if size is not None)
    moved = (layer.moved_bytes - layer.weight_bytes) // _FLOAT_BYTES if layer.moved_bytes else 2 * outputs
    # One input channel per group: each weight is used for one channel only.
    depthwise = layer.groups > 1 and len(layer.kernel) == 4 and layer.kernel[1] == 1
    return Work(layer.multiply_adds, layer.parameters, moved, depthwise)
