"""Run a .tflite model in LiteRT, on the processor.

Quantized inputs and outputs are handled here by their scale and zero point (real = scale × (quantized − zero point),
the TensorFlow Lite 8-bit quantization specification), so that every artifact takes and gives the same float32 numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgeyard.domain.error import UserError
from edgeyard.optimize.runtime.session import cannot_run, collect_scores

if TYPE_CHECKING:
    from edgeyard.optimize.dataset import Dataset

MAGIC = b"TFL3"
_MAGIC_OFFSET = 4


@dataclass(frozen=True, slots=True)
class Quantized:
    """How a tensor's whole numbers stand for real ones; `scale` 0 means that they are real numbers already."""

    dtype: Any
    scale: float
    zero_point: int

    def quantize(self, x: NDArray[np.float32]) -> NDArray[Any]:
        """Round to the nearest whole number, ties to even, and keep to the type's range."""
        if not self.scale:
            return np.asarray(x.astype(self.dtype, copy=False))
        bounds = np.iinfo(self.dtype)
        steps = np.clip(np.rint(x / self.scale) + self.zero_point, bounds.min, bounds.max)
        return np.asarray(steps.astype(self.dtype))

    def dequantize(self, x: NDArray[Any]) -> NDArray[np.float32]:
        """The real numbers, float32."""
        if not self.scale:
            return x.astype(np.float32)
        return ((x.astype(np.float32) - self.zero_point) * self.scale).astype(np.float32)


class LiteRtSession:
    """One loaded model; see `RuntimeSession`. Files fix their batch, nearly always at 1: `run` walks over more."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        """Load it; `UserError` when it is no .tflite file or LiteRT cannot run it."""
        with path.open("rb") as file:
            if file.read(_MAGIC_OFFSET + len(MAGIC))[_MAGIC_OFFSET:] != MAGIC:
                raise UserError(f"{path.name} is no LiteRT model (.tflite).", "Optimize the model again.")
        from ai_edge_litert.interpreter import Interpreter

        try:
            self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
            self._interpreter.allocate_tensors()
            inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        except MemoryError:
            raise
        except Exception as error:
            raise cannot_run(litert_name(), error) from error
        if len(inputs) != 1 or not len(inputs[0]["shape"]):
            raise UserError(f"{path.name} has {len(inputs)} inputs; exactly one is supported.")
        self._input, self._output = int(inputs[0]["index"]), int(outputs[0]["index"])
        self._shape = tuple(int(size) for size in inputs[0]["shape"])
        self._enter, self._leave = _quantized(inputs[0]), _quantized(outputs[0])
        self._file_batch = self._shape[0]
        self.batch: int | None = None if self._file_batch == 1 else self._file_batch

    def run(self, x: NDArray[np.float32]) -> NDArray[Any]:
        """The first output for a batch, float32; as many invocations as the file's own batch demands."""
        if x.shape[1:] != self._shape[1:] or len(x) % self._file_batch:
            raise ValueError(f"the model takes {self._shape}, not {x.shape}")
        answers = []
        for start in range(0, len(x), self._file_batch):
            self._interpreter.set_tensor(self._input, self._enter.quantize(x[start : start + self._file_batch]))
            self._interpreter.invoke()
            answers.append(self._leave.dequantize(self._interpreter.get_tensor(self._output)))
        return np.concatenate(answers)

    def scores(self, dataset: Dataset, batch: int = 32) -> NDArray[np.float32]:
        """Scores of every sample, N×classes."""
        return collect_scores(self, litert_name(), dataset, batch)


def litert_name() -> str:
    """`litert 2.3.0`."""
    import ai_edge_litert

    return f"litert {ai_edge_litert.__version__}"


def _quantized(details: dict[str, Any]) -> Quantized:
    parameters = details["quantization_parameters"]
    scales, zeros = parameters["scales"], parameters["zero_points"]
    dtype = np.dtype(details["dtype"])
    if dtype.kind == "f" or not len(scales):
        return Quantized(dtype, 0.0, 0)
    if len(scales) != 1:
        raise UserError("The model's input or output is quantized per channel, which is not supported.")
    return Quantized(dtype, float(scales[0]), int(zeros[0]))
