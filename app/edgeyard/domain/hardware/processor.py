"""Profiles whose models run on the processor, or on the GPU beside it."""

from __future__ import annotations

from edgeyard.domain.hardware.profile import HardwareProfile, PowerMode, Speed

MIB = 1 << 20
GIB = 1 << 30

_CPU = ("onnxruntime", "litert")
_X86 = ("onnxruntime", "openvino")

ARM = (
    HardwareProfile(
        "pi4", "Raspberry Pi 4", "Cortex-A72, 4 cores, no int8 dot product", "onnxruntime-cpu",
        ("int8", "fp32"), 256 * MIB, 4 * GIB, "Raspberry Pi 4 product brief; Arm Cortex-A72 TRM",
        "arm64", "s8s8", runtimes=_CPU, alignment=8,
        speed=Speed(
            {"fp32": 7.2, "int8": 10.0}, 4.5, 0.4, 8.0,
            "Cortex-A72 software optimization guide: 4 fp32 multiply-adds a cycle at 1.8 GHz; int8 assumed 1.4 × that;"
            " memory: STREAM figures of LPDDR4-3200 x32 on BCM2711; efficiency assumed from the Raspberry Pi 5",
        ),
        power_modes=(PowerMode("full load", 6.4),),
    ),
    HardwareProfile(
        "pi5", "Raspberry Pi 5", "Cortex-A76, 4 cores, int8 dot product", "onnxruntime-cpu",
        ("int8", "fp16", "fp32"), 512 * MIB, 8 * GIB, "Raspberry Pi 5 product brief; Arm Cortex-A76 TRM",
        "arm64", "s8s8", ("dot-product",), runtimes=_CPU, alignment=8,
        speed=Speed(
            {"fp32": 19.2, "fp16": 38.4, "int8": 44.0}, 10.0, 0.44, 5.0,
            "Cortex-A76 software optimization guide: 8 fp32 multiply-adds a cycle at 2.4 GHz, 16 fp16; int8 assumed as"
            " on x86 with VNNI, of 32 by SDOT; memory: LPDDR4X-4267 x32, measured share; efficiency: YOLOX-S (13.4 G"
            " multiply-adds) at 2.5 a second in ONNX Runtime fp32 on four cores, visionanalysis.org, 2026",
        ),
        power_modes=(PowerMode("full load", 8.0),),
    ),
    HardwareProfile(
        "imx8mp", "NXP i.MX 8M Plus", "Cortex-A53, 4 cores, NPU 2.3 TOPS int8", "onnxruntime-cpu",
        ("int8", "fp32"), 256 * MIB, 2 * GIB, "NXP i.MX 8M Plus fact sheet",
        "arm64", "s8s8", runtimes=_CPU, alignment=8,
        speed=Speed(
            {"fp32": 7.2, "int8": 10.0}, 4.0, 0.3, 10.0,
            "Cortex-A53 at 1.8 GHz, 4 fp32 multiply-adds a cycle, in-order, int8 assumed 1.4 × that; LPDDR4-4000 x32;"
            " efficiency assumed. The NPU (LiteRT with the VX delegate) is not counted",
        ),
        power_modes=(PowerMode("typical", 4.0),),
        details={"npu_tops_int8": 2.3},
    ),
    HardwareProfile(
        "jetson-nano", "Jetson Nano", "Maxwell GPU, 128 CUDA cores; Cortex-A57, 4 cores", "onnxruntime-gpu",
        ("fp16", "fp32"), 512 * MIB, 4 * GIB, "NVIDIA Jetson Nano module data sheet DA-09366",
        "arm64", accelerator="gpu", runtimes=("tensorrt", "onnxruntime"), cores=1, alignment=8,
        speed=Speed(
            {"fp32": 118.0, "fp16": 236.0}, 25.6, 0.4, 20.0,
            "data sheet: 472 GFLOPS fp16 at 921 MHz, 25.6 GB/s; efficiency assumed. JetPack 4 has TensorRT 8.2",
        ),
        power_modes=(PowerMode("5W", 5.0), PowerMode("MAXN", 10.0)),
    ),
    HardwareProfile(
        "jetson-orin-nano", "Jetson Orin Nano", "Ampere GPU, 1024 CUDA cores, 32 tensor cores", "onnxruntime-gpu",
        ("fp16", "fp32"), 1024 * MIB, 8 * GIB, "NVIDIA Jetson Orin Nano data sheet DS-11105",
        "arm64", accelerator="gpu", runtimes=("tensorrt", "onnxruntime"), cores=1, alignment=8,
        speed=Speed(
            {"fp32": 640.0, "fp16": 5000.0, "int8": 10000.0}, 68.0, 0.3, 10.0,
            "data sheet: 1.28 TFLOPS fp32 and 20 dense int8 TOPS at 625 MHz, 68 GB/s; efficiency assumed",
        ),
        power_modes=(PowerMode("7W", 7.0), PowerMode("15W", 15.0)),
    ),
)  # fmt: skip

X86 = (
    HardwareProfile(
        "x86-vnni", "x86-64 with VNNI", "AVX-512 VNNI or AVX-VNNI", "onnxruntime-cpu",
        ("int8", "fp32"), 2048 * MIB, 8 * GIB, "Intel 64 and IA-32 SDM, VPDPBUSD",
        "x86-64", "u8s8", ("vnni",), runtimes=_X86, alignment=16,
        speed=Speed(
            {"fp32": 96.0, "int8": 220.0}, 15.0, 0.5, 2.0,
            "two 512-bit FMA a cycle at 3 GHz; int8 as measured of ResNet-20 and ResNet-8 (2.25 and 1.8 × fp32), of 384"
            " that VPDPBUSD could do; one core's share of memory; efficiency: ten fp32 networks"
            " from KWS to VGG-19 took 0.68 to 1.23 of the estimate on an AMD EPYC with AVX-512 VNNI, ONNX Runtime 1.31",
        ),
    ),
    HardwareProfile(
        "x86", "x86-64 with AVX2", "AVX2, no VNNI", "onnxruntime-cpu",
        ("fp32", "int8"), 2048 * MIB, 4 * GIB, "Intel 64 and IA-32 SDM",
        "x86-64", "u8s7", runtimes=_X86, alignment=8,
        speed=Speed(
            {"fp32": 48.0, "int8": 64.0}, 10.0, 0.5, 2.0,
            "two 256-bit FMA a cycle at 3 GHz; int8 by VPMADDUBSW, VPMADDWD and VPADDD; one core's share of memory",
        ),
    ),
)  # fmt: skip
