"""What is known of one kind of hardware."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Speed:
    """What a roofline estimate needs (`roofline`): peaks, and how far from them real models stay.

    `gmacs` is 10⁹ multiply-adds per second by data type, of one core; of the whole chip where `cores` of the profile
    is 1. `memory_gb_s` is 10⁹ bytes per second of main memory. `layer_us` is what every layer costs besides.
    `efficiency` is the share of the peaks that measured networks reach; `source` says where each figure comes from.
    """

    gmacs: Mapping[str, float]
    memory_gb_s: float
    efficiency: float
    layer_us: float
    source: str


@dataclass(frozen=True, slots=True)
class PowerMode:
    """A setting of the board that trades speed for power: its name there, and watts at full load."""

    name: str
    watts: float


@dataclass(frozen=True, slots=True)
class HardwareProfile:
    """One kind of hardware.

    `precisions` are the model data types its runtime executes natively, in the order to prefer when two variants
    measure alike. `max_model_bytes` bounds one slot. `source` says where the facts come from. `architecture` and
    `instructions` say on which measuring hosts a latency counts as this hardware's. `int8_form` is the layout of int8
    that its kernels are made for: `s8s8` (Arm), `u8s8` (x86 with VNNI) or `u8s7` (x86 without: weights in 7 bits, since
    VPMADDUBSW saturates; ONNX Runtime's `reduce_range`), or empty where int8 is not offered in ONNX.
    """

    id: str
    title: str
    processor: str
    runtime: str
    precisions: tuple[str, ...]
    max_model_bytes: int
    memory_bytes: int
    source: str
    architecture: str
    """`arm64`, `x86-64`, or `armv7-m` for microcontrollers."""
    int8_form: str = ""
    instructions: tuple[str, ...] = ()
    """Instruction sets that decide its speed, of those `optimize` can see on a host (`dot-product`, `vnni`)."""
    accelerator: str = ""
    """`gpu` or `npu` where models run on one; a processor's latency is then no evidence."""
    runtimes: tuple[str, ...] = ("onnxruntime",)
    """Names in `RUNTIMES`, the preferred first."""
    cores: int = 4
    """Processor cores that a model may use; 1 for an accelerator."""
    alignment: int = 8
    """Channels are best a multiple of this: the width of its vectors or arrays in values."""
    speed: Speed | None = None
    power_modes: tuple[PowerMode, ...] = ()
    estimate_only: bool = False
    """No agent runs there and nothing is deployed to it: figures are estimates for planning."""
    sample_cache_bytes: int = 0
    """On-chip memory for weights, where what exceeds it is streamed again for every sample."""
    details: Mapping[str, float] = field(default_factory=dict)
    """Further figures by name with the unit in it (`tops_int8`), for people."""
