"""Runtimes that hardware profiles name: which ONNX models each can take. Every list names its source."""

from __future__ import annotations

from dataclasses import dataclass

from edgeyard.domain.hardware import operators


@dataclass(frozen=True, slots=True)
class Runtime:
    """One runtime.

    `operators` are names of the ONNX standard's operators that it runs; `None` means all of the opset range except
    those in `missing`. `opset` and `ir_version` bound what it reads when it reads ONNX itself or its converter does.
    """

    name: str
    title: str
    versions: str
    file_formats: tuple[str, ...]
    """Words of what is shipped to it: `onnx`, `ort`, `openvino`, `tflite`, `coreml`, or the vendor's own."""
    min_opset: int
    max_opset: int
    max_ir_version: int
    source: str
    operators: frozenset[str] | None = None
    missing: frozenset[str] = frozenset()
    static_shapes: bool = False
    """Every axis must have a fixed size when the model is converted."""
    int8_only: bool = False
    falls_back: bool = False
    """Operators that it lacks run on the processor instead: slower, but the model runs."""

    def lacks(self, operator: str) -> bool:
        """Whether it cannot run the operator (name in the standard domain)."""
        return operator in self.missing or (self.operators is not None and operator not in self.operators)


_LATEST_IR = 13

RUNTIMES: dict[str, Runtime] = {
    runtime.name: runtime
    for runtime in (
        Runtime(
            "onnxruntime", "ONNX Runtime", "1.20 and newer", ("onnx", "ort"), 7, 21, 10,
            "ONNX Runtime compatibility page: 1.20 implements opset 21 and IR 10; onnx.ai/onnx operator list",
            missing=operators.NOT_IN_ONNXRUNTIME_CPU,
        ),
        Runtime(
            "openvino", "OpenVINO", "2024.6 and newer", ("openvino", "onnx"), 7, 21, _LATEST_IR,
            "openvino repository, src/frontends/onnx/docs/supported_ops.md", missing=operators.NOT_IN_OPENVINO,
        ),
        Runtime(
            "litert", "LiteRT (TensorFlow Lite)", "1.2 and newer", ("tflite",), 7, 21, _LATEST_IR,
            "onnx2tf repository, list of operators; LiteRT builtin operators", operators.LITERT, static_shapes=True,
        ),
        Runtime(
            "tensorrt", "TensorRT", "8.5 and newer", ("onnx", "engine"), 9, 17, _LATEST_IR,
            "onnx-tensorrt repository, docs/operators.md of TensorRT 8.5 (Jetson Linux 35)",
            missing=operators.NOT_IN_TENSORRT, falls_back=True,
        ),
        Runtime(
            "hailort", "Hailo Dataflow Compiler and HailoRT", "3.30 / 4.20", ("hef",), 8, 17, _LATEST_IR,
            "Hailo Dataflow Compiler product brief and user guide 3.30, supported layers", operators.HAILO,
            static_shapes=True, int8_only=True,
        ),
        Runtime(
            "edgetpu", "Edge TPU (LiteRT with the Coral compiler)", "16", ("tflite",), 7, 21, _LATEST_IR,
            "coral.ai, TensorFlow models on the Edge TPU, table 1: supported operations", operators.EDGE_TPU,
            static_shapes=True, int8_only=True, falls_back=True,
        ),
        Runtime(
            "qnn", "Qualcomm AI Engine Direct, through ONNX Runtime", "2.22 and newer", ("onnx", "qnn"), 11, 21, 10,
            "onnxruntime repository, core/providers/qnn/builder/op_builder_factory.cc", operators.QNN,
            static_shapes=True, falls_back=True,
        ),
        Runtime(
            "coreml", "Core ML, through ONNX Runtime", "Core ML 5 and newer", ("onnx", "coreml"), 7, 21, 10,
            "onnxruntime repository, tools/ci_build/github/apple/coreml_supported_mlprogram_ops.md", operators.CORE_ML,
            falls_back=True,
        ),
        Runtime(
            "tflm", "LiteRT for Microcontrollers", "2024 and newer", ("tflite",), 7, 21, _LATEST_IR,
            "tflite-micro repository, micro_mutable_op_resolver.h", operators.MICRO, static_shapes=True, int8_only=True,
        ),
    )
}  # fmt: skip
