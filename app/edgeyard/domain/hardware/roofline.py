"""How long a model would take on hardware that is not here: an estimate, never evidence.

The roofline model (Williams, Waterman, Patterson, CACM 52(4), 2009): a layer takes the longer of its arithmetic at the
peak rate and its traffic at the memory's rate. Both peaks are lowered to the share that measured networks reach
(`Speed.efficiency`), each layer adds a fixed cost, and the sum is corrected by a factor learned on real devices.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edgeyard.domain.hardware.profile import Speed

PRECISION_BYTES = {"fp32": 4, "fp16": 2, "bf16": 2, "int8": 1, "int16": 2, "int4": 0.5}
_DEPTHWISE_SHARE = {"int8": 0.12}
_FLOAT_DEPTHWISE_SHARE = 0.35
"""Depthwise convolutions reach about a third of what full ones do, since each weight is used once per value loaded;
with 8-bit integers less, because dot-product instructions sum over channels, which they keep apart (person detection
of MLPerf Tiny on an AMD EPYC with VNNI: int8 as fast as fp32)."""


@dataclass(frozen=True, slots=True)
class Work:
    """One layer at batch 1: multiply-adds, and how many values (not bytes) of weights and activations it touches."""

    multiply_adds: int
    weight_values: int
    activation_values: int
    depthwise: bool = False


@dataclass(frozen=True, slots=True)
class Estimate:
    """Milliseconds for one sample; the shares add up to 1. `corrected` says whether a learned factor is in it."""

    latency_ms: float
    compute_share: float
    memory_share: float
    overhead_share: float
    precision: str
    corrected: bool = False


def estimate_latency(
    work: Iterable[Work],
    speed: Speed,
    precision: str,
    *,
    threads: int = 1,
    correction: float = 1.0,
    cache_bytes: int = 0,
) -> Estimate | None:
    """Estimate one run; `None` when the hardware does not compute in that data type.

    Args:
        threads: cores that share the arithmetic; memory is shared by all.
        correction: measured ÷ estimated, from devices of this kind.
        cache_bytes: on-chip memory for weights; what exceeds it is streamed. 0: weights come from main memory.
    """
    rate = speed.gmacs.get(precision)
    if not rate:
        return None
    per_s = rate * 1e9 * speed.efficiency * max(1, threads)
    bytes_per_s = speed.memory_gb_s * 1e9
    item_bytes = PRECISION_BYTES.get(precision, 4)
    depthwise_share = _DEPTHWISE_SHARE.get(precision, _FLOAT_DEPTHWISE_SHARE)
    work = tuple(work)
    weights = sum(layer.weight_values for layer in work) * item_bytes
    streamed = 1.0 if not cache_bytes else max(0.0, 1 - cache_bytes / weights) if weights else 0.0
    on_chip = cache_bytes > 0
    compute_s = memory_s = 0.0
    for layer in work:
        arithmetic_s = layer.multiply_adds / (per_s * (depthwise_share if layer.depthwise else 1.0))
        activations = 0 if on_chip else layer.activation_values
        traffic_s = (layer.weight_values * streamed + activations) * item_bytes / bytes_per_s
        if arithmetic_s >= traffic_s:
            compute_s += arithmetic_s
        else:
            memory_s += traffic_s
    overhead_s = len(work) * speed.layer_us * 1e-6
    total_s = compute_s + memory_s + overhead_s
    if total_s <= 0:
        return Estimate(0.0, 0.0, 0.0, 0.0, precision)
    return Estimate(
        total_s * 1e3 * correction,
        compute_s / total_s,
        memory_s / total_s,
        overhead_s / total_s,
        precision,
        correction != 1.0,
    )
