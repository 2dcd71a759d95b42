"""Which runtime runs an artifact, whether this machine has it, and opening a session in it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from edgeyard.domain.error import UserError
from edgeyard.optimize.runtime.session import RuntimeSession
from edgeyard.optimize.step import Trait

_MODULES = {"onnxruntime": "onnxruntime", "openvino": "openvino", "litert": "ai_edge_litert"}
"""Runtime (`Trait.runtime`) → the module that it is in."""
_EXTRAS = {"onnxruntime": "optimize", "openvino": "openvino", "litert": "litert"}
_FORMATS = {"onnxruntime": ("onnx", "ort"), "openvino": ("openvino", "onnx"), "litert": ("tflite",)}
_TITLES = {
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
    "litert": "LiteRT",
    "coreml": "Core ML",
    "tensorrt": "TensorRT",
    "hailort": "HailoRT",
    "qnn": "Qualcomm AI Engine Direct",
}


def runtime_title(runtime: str) -> str:
    """For people: `LiteRT`."""
    return _TITLES.get(runtime, runtime)


def runtime_obstacle(trait: Trait) -> str:
    """Why an artifact of that trait cannot be run on this machine, in one sentence; empty when it can."""
    title = runtime_title(trait.runtime)
    if trait.runtime not in _MODULES:
        return f"{title} does not run on this machine through Edgeyard: the file was written, but not run."
    if trait.file_format not in _FORMATS[trait.runtime]:
        return f"{title} does not read files of the format {trait.file_format}."
    module = _MODULES[trait.runtime]
    if module not in sys.modules and importlib.util.find_spec(module) is None:
        return f"{title} is not installed here (the extra {_EXTRAS[trait.runtime]})."
    return ""


def runtime_name(trait: Trait) -> str:
    """The runtime with its version, as in evidence: `openvino 2026.4.1`; without one where it is not installed."""
    if runtime_obstacle(trait):
        return trait.runtime
    if trait.runtime == "openvino":
        from edgeyard.optimize.runtime.openvino_session import openvino_name

        return openvino_name()
    if trait.runtime == "litert":
        from edgeyard.optimize.runtime.litert_session import litert_name

        return litert_name()
    from edgeyard.optimize.runtime.onnx_session import onnxruntime_name

    return onnxruntime_name()


def open_session(path: Path, trait: Trait, threads: int = 1, *, spin: bool = True) -> RuntimeSession:
    """Load the artifact at `path` in the runtime that `trait` names, with exactly `threads` threads.

    Without `spin`, threads that wait leave their core to others, where the runtime knows that: for work in bulk.

    Every session takes the prepared float32 batch of the original model, whatever the artifact's own types are.
    Call it in a worker: all runtimes are native code.

    Raises:
        UserError: the runtime is not here (the extra is named), or it cannot run the file.
    """
    obstacle = runtime_obstacle(trait)
    if obstacle:
        raise UserError(obstacle, _todo(trait))
    if trait.runtime == "openvino":
        from edgeyard.optimize.runtime.openvino_session import OpenVinoSession

        return OpenVinoSession(path, threads, precision=trait.precision, archive=trait.file_format == "openvino")
    if trait.runtime == "litert":
        from edgeyard.optimize.runtime.litert_session import LiteRtSession

        return LiteRtSession(path, threads)
    from edgeyard.optimize.runtime.onnx_session import OnnxSession

    return OnnxSession(path, threads, ort_format=trait.file_format == "ort", spin=spin)


def _todo(trait: Trait) -> str:
    extra = _EXTRAS.get(trait.runtime)
    if extra is None or trait.file_format not in _FORMATS[trait.runtime]:
        return "Run it on a device that has the runtime."
    return f"Install it: pip install 'edgeyard[{extra}]'."
