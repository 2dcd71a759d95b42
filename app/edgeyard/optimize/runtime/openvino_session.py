"""Run a model in OpenVINO, on the processor: an archive of its intermediate representation, or an ONNX file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgeyard.optimize.runtime.openvino_archive import unpack_openvino
from edgeyard.optimize.runtime.session import cannot_run, collect_scores

if TYPE_CHECKING:
    from edgeyard.optimize.dataset import Dataset

_ARITHMETIC = {"fp32": "f32", "int8": "f32", "bf16": "bf16"}
"""Which arithmetic OpenVINO may use for what is not quantized. Its own default on processors with bf16 is bf16 for
every model, which would make an fp32 artifact something else than it says; for fp16 the default is what is meant."""


class OpenVinoSession:
    """One loaded model; see `RuntimeSession`."""

    def __init__(self, path: Path, threads: int = 1, *, precision: str = "fp32", archive: bool = True) -> None:
        """Load it; `UserError` when the archive is unfit or OpenVINO cannot run it.

        Args:
            precision: as in `Trait`.
            archive: whether `path` is an archive (see `openvino_archive`); else an ONNX file.
        """
        import openvino

        settings: dict[str, Any] = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            # A thread bound to one processor core waits for whoever else uses that core.
            "ENABLE_CPU_PINNING": False,
            # The weights are then ours in memory, and the files they came from can go.
            "ENABLE_MMAP": False,
        }
        if precision in _ARITHMETIC:
            settings["INFERENCE_PRECISION_HINT"] = _ARITHMETIC[precision]
        core = openvino.Core()
        core.set_property({"ENABLE_MMAP": settings.pop("ENABLE_MMAP")})
        with tempfile.TemporaryDirectory(prefix="edgeyard-openvino-") as folder:
            graph = unpack_openvino(path, Path(folder)) if archive else path
            try:
                model = core.read_model(str(graph))
                first_axis = model.inputs[0].get_partial_shape()[0]
                self._request = core.compile_model(model, "CPU", settings).create_infer_request()
            except MemoryError:
                raise
            except Exception as error:
                raise cannot_run(openvino_name(), _readable(error)) from error
        self.batch: int | None = None if first_axis.is_dynamic else int(first_axis.get_length())

    def run(self, x: NDArray[np.float32]) -> NDArray[Any]:
        """The first output for a batch."""
        self._request.infer({0: x}, share_inputs=True)
        output: NDArray[Any] = self._request.get_output_tensor(0).data.copy()
        return output

    def scores(self, dataset: Dataset, batch: int = 32) -> NDArray[np.float32]:
        """Scores of every sample, N×classes."""
        return collect_scores(self, openvino_name(), dataset, batch)


def openvino_name() -> str:
    """`openvino 2026.4.1`."""
    import openvino

    return f"openvino {openvino.__version__.partition('-')[0]}"


def _readable(error: Exception) -> Exception:
    """OpenVINO's messages begin with where in its source they come from; the reason is in a later line."""
    lines = [line.strip() for line in str(error).splitlines()]
    telling = [line for line in lines if line and not line.startswith(("Exception from", "Check '"))]
    return RuntimeError(telling[0]) if telling else error
