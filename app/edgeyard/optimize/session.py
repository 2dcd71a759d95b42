"""The names that callers of the first release use for models in onnxruntime; `runtime` has every runtime."""

from __future__ import annotations

from edgeyard.optimize.runtime.onnx_session import OnnxSession as Session
from edgeyard.optimize.runtime.onnx_session import onnxruntime_name as runtime_name

__all__ = ["Session", "runtime_name"]
