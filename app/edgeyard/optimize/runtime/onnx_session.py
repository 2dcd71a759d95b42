"""Run a model in onnxruntime, on the processor: ONNX files and ONNX Runtime's own ORT format."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from edgeyard.optimize.runtime.session import cannot_run, collect_scores

if TYPE_CHECKING:
    from edgeyard.optimize.dataset import Dataset

_SILENT = 4


class OnnxSession:
    """One loaded model; see `RuntimeSession`."""

    def __init__(self, path: Path, threads: int = 1, *, ort_format: bool = False, spin: bool = True) -> None:
        """Load it; `UserError` when onnxruntime cannot. Without `spin`, waiting threads leave their core to others."""
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _SILENT
        if not spin:
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Said, not guessed from the name: a file must be what its trait says.
        options.add_session_config_entry("session.load_model_format", "ORT" if ort_format else "ONNX")
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            self._input = self._session.get_inputs()[0].name
            self._output = self._session.get_outputs()[0].name
            first_axis = self._session.get_inputs()[0].shape[0]
        except MemoryError:
            raise
        except Exception as error:
            raise cannot_run(onnxruntime_name(), error) from error
        self.batch: int | None = first_axis if isinstance(first_axis, int) else None

    def run(self, x: NDArray[np.float32]) -> NDArray[Any]:
        """The first output for a batch, as it comes."""
        return cast("NDArray[Any]", self._session.run([self._output], {self._input: x})[0])

    def scores(self, dataset: Dataset, batch: int = 32) -> NDArray[np.float32]:
        """Scores of every sample, N×classes."""
        return collect_scores(self, onnxruntime_name(), dataset, batch)


def onnxruntime_name() -> str:
    """`onnxruntime 1.31.1`."""
    import onnxruntime

    return f"onnxruntime {onnxruntime.__version__}"
