"""Run a model in onnxruntime on this machine's processor, one thread, and turn its failures into words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from edgeyard.domain.error import UserError

if TYPE_CHECKING:
    from edgeyard.optimize.dataset import Dataset

_SILENT = 4


class Session:
    """One loaded model. Inputs are prepared float32 samples, outputs are scores N×classes of its first output."""

    def __init__(self, path: Path) -> None:
        """Load it; `UserError` when onnxruntime cannot."""
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = _SILENT
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            self._input = self._session.get_inputs()[0].name
            self._output = self._session.get_outputs()[0].name
            first_axis = self._session.get_inputs()[0].shape[0]
        except MemoryError:
            raise
        except Exception as error:
            raise _cannot_run(error) from error
        self.batch: int | None = first_axis if isinstance(first_axis, int) else None

    def run(self, x: NDArray[np.float32]) -> NDArray[Any]:
        """The first output for a batch, as it comes."""
        return cast("NDArray[Any]", self._session.run([self._output], {self._input: x})[0])

    def scores(self, dataset: Dataset, batch: int = 32) -> NDArray[np.float32]:
        """Scores of every sample, N×classes.

        Raises:
            UserError: the model fails, gives no numbers, or is no classifier.
        """
        try:
            parts = [self.run(x) for x in dataset.batches(self.batch or batch)]
        except (UserError, MemoryError):
            raise
        except Exception as error:
            raise _cannot_run(error) from error
        if any(part.ndim < 2 or part.size != part.shape[0] * part.shape[1] for part in parts):
            said = "×".join(map(str, parts[0].shape))
            raise UserError(
                f"The model's output has the shape {said}; only classifiers (N×classes) can be evaluated.",
                "Export it with the class scores as its first output.",
            )
        scores = np.concatenate([part.reshape(part.shape[0], -1) for part in parts]).astype(np.float32)
        if len(scores) != len(dataset):
            raise UserError(
                f"The model gave {len(scores)} answers for {len(dataset)} samples.",
                "Export it with a batch axis that its output keeps.",
            )
        if not np.isfinite(scores).all():
            raise UserError(
                f"The model's scores are no numbers (NaN or infinite) for {int((~np.isfinite(scores)).any(1).sum())} of"
                f" {len(scores)} samples.",
                "Check the preprocessing; if that is right, the training diverged.",
            )
        return scores


def runtime_name() -> str:
    """`onnxruntime 1.31.1`."""
    import onnxruntime

    return f"onnxruntime {onnxruntime.__version__}"


def _cannot_run(error: Exception) -> UserError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return UserError(
        f"{runtime_name()} cannot run the model: {reason[:300]}", "Export it again with operators that onnxruntime has."
    )
