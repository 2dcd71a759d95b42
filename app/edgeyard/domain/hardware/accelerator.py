"""Profiles whose models a vendor's own compiler makes, and microcontrollers, for which figures are estimates only."""

from __future__ import annotations

from edgeyard.domain.hardware.processor import GIB, MIB
from edgeyard.domain.hardware.profile import HardwareProfile, PowerMode, Speed

ACCELERATORS = (
    HardwareProfile(
        "hailo8", "Hailo-8", "Hailo-8, 26 TOPS int8, on PCIe", "hailort",
        ("int8",), 64 * MIB, 1 * GIB, "Hailo-8 product brief: 26 TOPS, 2.5 W typical",
        "arm64", accelerator="npu", runtimes=("hailort",), cores=1, alignment=8,
        speed=Speed(
            {"int8": 13000.0}, 2.0, 0.36, 1.0,
            "26 TOPS; efficiency: ResNet-50 (3.49 G multiply-adds) at 1,331 samples a second, Hailo model zoo 2.10;"
            " memory: PCIe 3.0 x4 in practice, for weights beyond about 32 MB, which its largest networks use in"
            " one context",
        ),
        power_modes=(PowerMode("typical", 2.5),), sample_cache_bytes=32 * MIB, details={"tops_int8": 26.0},
    ),
    HardwareProfile(
        "hailo8l", "Hailo-8L", "Hailo-8L, 13 TOPS int8, on PCIe", "hailort",
        ("int8",), 64 * MIB, 1 * GIB, "Hailo-8L product brief: 13 TOPS, 1.5 W typical; Raspberry Pi AI Kit",
        "arm64", accelerator="npu", runtimes=("hailort",), cores=1, alignment=8,
        speed=Speed({"int8": 6500.0}, 0.4, 0.36, 1.0, "13 TOPS; efficiency as Hailo-8; memory: one PCIe 2.0 lane"),
        power_modes=(PowerMode("typical", 1.5),), sample_cache_bytes=16 * MIB, details={"tops_int8": 13.0},
    ),
    HardwareProfile(
        "coral", "Coral Edge TPU", "Edge TPU, 4 TOPS int8, 8 MB on-chip memory", "edgetpu",
        ("int8",), 32 * MIB, 1 * GIB, "coral.ai data sheets: 4 TOPS, 2 TOPS per watt, 8 MB SRAM",
        "arm64", accelerator="npu", runtimes=("edgetpu",), cores=1, alignment=16,
        speed=Speed(
            {"int8": 2000.0}, 0.5, 0.19, 15.0,
            "4 TOPS; efficiency: Inception v1 (1.5 G multiply-adds) in 4.1 ms on the Dev Board, coral.ai benchmarks;"
            " weights beyond 8 MB stream at about 0.5 GB/s (ResNet-50 v1 299 px: 56 ms)",
        ),
        power_modes=(PowerMode("full load", 2.0),), sample_cache_bytes=8 * MIB, details={"tops_int8": 4.0},
    ),
    HardwareProfile(
        "qcs6490", "Qualcomm QCS6490", "Hexagon NPU, 12 TOPS int8; Kryo 670, 8 cores", "onnxruntime-qnn",
        ("int8", "fp16"), 512 * MIB, 8 * GIB, "Qualcomm QCS6490 product brief",
        "arm64", "u8s8", accelerator="npu", runtimes=("qnn", "onnxruntime"), cores=1, alignment=32,
        speed=Speed(
            {"int8": 6000.0, "fp16": 1500.0}, 25.6, 0.25, 10.0,
            "12 TOPS; LPDDR4X-4267 dual channel; fp16 a quarter of int8 on Hexagon; efficiency assumed",
        ),
        power_modes=(PowerMode("typical", 5.0),), details={"tops_int8": 12.0},
    ),
    HardwareProfile(
        "apple-ane", "Apple Neural Engine", "Apple M1, Neural Engine with 16 cores", "onnxruntime-coreml",
        ("fp16",), 1024 * MIB, 8 * GIB, "Apple M1 press release; Deploying Transformers on the ANE (Apple, 2022)",
        "arm64", accelerator="npu", runtimes=("coreml", "onnxruntime"), cores=1, alignment=64,
        speed=Speed(
            {"fp16": 5500.0}, 60.0, 0.3, 20.0,
            "11 TOPS fp16; LPDDR4X-4266 x128: 68 GB/s; 64-byte alignment of the last axis; efficiency assumed",
        ),
        details={"tops_fp16": 11.0},
    ),
)  # fmt: skip

MICROCONTROLLERS = (
    HardwareProfile(
        "mcu-m7", "Microcontroller, Cortex-M7", "STM32H743 class: Cortex-M7 at 480 MHz, 1 MB RAM, 2 MB flash", "tflm",
        ("int8",), 2 * MIB, 1 * MIB, "STM32H743 data sheet DS12110; Arm Cortex-M7 TRM",
        "armv7-m", runtimes=("tflm",), cores=1, alignment=4, estimate_only=True,
        speed=Speed(
            {"int8": 0.96, "fp32": 0.48}, 0.4, 0.3, 20.0,
            "SMLAD: two 16-bit multiply-adds a cycle; CMSIS-NN (Lai et al., 2018, arXiv 1801.06601) reaches about 0.3"
            " of that; flash behind the cache",
        ),
        power_modes=(PowerMode("run", 0.3),),
    ),
)  # fmt: skip
