"""One model in onnxruntime on one thread of this device's processor, fed sample by sample."""

from __future__ import annotations

import os
import time
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from edgeyard.agent.runner_message import ModelFile
from edgeyard.domain.error import UserError
from edgeyard.domain.preprocessing import read_preprocessing

_SILENT = 4
_TYPES: dict[str, Any] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
}


class ModelSession:
    """Loads on construction; raises `UserError` when onnxruntime cannot, or the model is not what the release says."""

    def __init__(self, model: ModelFile) -> None:
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime

        self.model = model
        self.preprocessing = read_preprocessing(model.preprocessing)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = _SILENT
        try:
            self._session = onnxruntime.InferenceSession(model.path, options, providers=["CPUExecutionProvider"])
        except MemoryError as error:
            raise UserError(f"{model.label} needs more memory than this device allows it.") from error
        except Exception as error:  # onnxruntime raises its own kinds, RuntimeError and ValueError alike
            raise UserError(f"onnxruntime cannot load {model.label}: {_first_line(error)}") from error
        inputs = self._session.get_inputs()
        names = [given.name for given in inputs]
        if names != [model.input_name]:
            raise UserError(f"{model.label} has the inputs {names}, but the release names {model.input_name!r}.")
        if model.output_name not in [given.name for given in self._session.get_outputs()]:
            raise UserError(f"{model.label} has no output {model.output_name!r}, which the release names.")
        if inputs[0].type not in _TYPES:
            raise UserError(f"{model.label} takes {inputs[0].type}, which this agent does not know.")
        self._type = _TYPES[inputs[0].type]
        first = inputs[0].shape[0] if inputs[0].shape else None
        self._batch = first if isinstance(first, int) and first > 1 else 1

    def warm_up(self, x: NDArray[np.float32] | None = None) -> None:
        """Run once, on zeros without a sample; raises `UserError` when the model fails."""
        if x is None:
            shape = [size if isinstance(size, int) and size > 0 else 1 for size in self.model.input_shape]
            x = np.zeros([1, *shape[1:]], np.float32)
        try:
            self.run(x)
        except MemoryError as error:
            raise UserError(f"{self.model.label} needs more memory than this device allows it.") from error
        except Exception as error:  # as above
            raise UserError(f"{self.model.label} fails on its first input: {_first_line(error)}") from error

    def run(self, x: NDArray[np.float32]) -> tuple[NDArray[Any], float]:
        """Answer of a prepared batch of one, and the milliseconds it took; what onnxruntime raises comes through."""
        given = x if self._type is np.float32 else x.astype(self._type)
        if self._batch > 1:
            given = np.repeat(given, self._batch, axis=0)
        begin = time.perf_counter()
        answer = cast("NDArray[Any]", self._session.run([self.model.output_name], {self.model.input_name: given})[0])
        milliseconds = (time.perf_counter() - begin) * 1000
        return answer[:1] if answer.ndim else answer, milliseconds

    def scores(self, x: NDArray[np.float32]) -> tuple[NDArray[Any], float]:
        """As `run`, for a classifier: one score per class, all finite. Raises `ValueError` for anything else."""
        answer, milliseconds = self.run(x)
        row = answer.reshape(-1)
        if answer.ndim < 2 or row.size != answer.shape[1]:
            raise ValueError(f"the answer has the shape {answer.shape}, not one score per class")
        if row.dtype.kind == "f" and not np.isfinite(row).all():
            raise ValueError("the scores are no numbers (NaN or infinite)")
        return row, milliseconds


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
