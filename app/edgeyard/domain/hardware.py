"""Hardware profiles: what a kind of device can run. Ids are stable; they are signed into releases."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HardwareProfile:
    """One kind of hardware.

    `precisions` are the model data types its runtime executes natively, in the order to prefer when two variants
    measure alike. `max_model_bytes` bounds one slot. `source` says where the facts come from. `architecture` and
    `instructions` say on which measuring hosts a latency counts as this hardware's. `int8_form` is the layout of int8
    that its kernels are made for: `s8s8` (Arm), `u8s8` (x86 with VNNI) or `u8s7` (x86 without: weights in 7 bits, since
    VPMADDUBSW saturates; ONNX Runtime's `reduce_range`), or empty where int8 is not offered.
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
    """`arm64` or `x86-64`."""
    int8_form: str = ""
    instructions: tuple[str, ...] = ()
    """Instruction sets that decide its speed, of those `optimize` can see on a host (`dot-product`, `vnni`)."""
    accelerator: str = ""
    """`gpu` or `npu` where models run on one; a processor's latency is then no evidence."""


_MIB = 1 << 20
_GIB = 1 << 30

PROFILES: dict[str, HardwareProfile] = {
    profile.id: profile
    for profile in (
        HardwareProfile(
            "pi4", "Raspberry Pi 4", "Cortex-A72, 4 cores, no int8 dot product", "onnxruntime-cpu",
            ("int8", "fp32"), 256 * _MIB, 4 * _GIB, "Raspberry Pi 4 product brief; Arm Cortex-A72 TRM",
            "arm64", "s8s8",
        ),
        HardwareProfile(
            "pi5", "Raspberry Pi 5", "Cortex-A76, 4 cores, int8 dot product", "onnxruntime-cpu",
            ("int8", "fp16", "fp32"), 512 * _MIB, 8 * _GIB, "Raspberry Pi 5 product brief; Arm Cortex-A76 TRM",
            "arm64", "s8s8", ("dot-product",),
        ),
        HardwareProfile(
            "jetson-orin-nano", "Jetson Orin Nano", "Ampere GPU, 1024 CUDA cores, 32 tensor cores", "onnxruntime-gpu",
            ("fp16", "fp32"), 1024 * _MIB, 8 * _GIB, "NVIDIA Jetson Orin Nano data sheet DS-11105",
            "arm64", accelerator="gpu",
        ),
        HardwareProfile(
            "x86-vnni", "x86-64 with VNNI", "AVX-512 VNNI or AVX-VNNI", "onnxruntime-cpu",
            ("int8", "fp32"), 2048 * _MIB, 8 * _GIB, "Intel 64 and IA-32 SDM, VPDPBUSD",
            "x86-64", "u8s8", ("vnni",),
        ),
        HardwareProfile(
            "x86", "x86-64 with AVX2", "AVX2, no VNNI", "onnxruntime-cpu",
            ("fp32", "int8"), 2048 * _MIB, 4 * _GIB, "Intel 64 and IA-32 SDM",
            "x86-64", "u8s7",
        ),
        HardwareProfile(
            "imx8mp", "NXP i.MX 8M Plus", "Cortex-A53, 4 cores, NPU 2.3 TOPS int8", "onnxruntime-cpu",
            ("int8", "fp32"), 256 * _MIB, 2 * _GIB, "NXP i.MX 8M Plus fact sheet",
            "arm64", "s8s8",
        ),
    )
}  # fmt: skip


def profile_title(profile_id: str) -> str:
    """The profile's title, or its id where this program does not know it (a newer site may)."""
    profile = PROFILES.get(profile_id)
    return profile.title if profile else profile_id
