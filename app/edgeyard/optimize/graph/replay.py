"""Run a graph over calibration samples and look at tensors inside it, step by step, in bounded memory.

Whoever changes a model layer by layer wants the input of one layer after the other. Running the model from its input
each time costs as much as the square of its depth; so the tensors seen last are kept, and the next ones computed
from them. When they do not fit into the budget they are dropped and computed again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeyard.domain.error import UserError
from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.graph.onnx_graph import OnnxGraph, names_from_outside

Tensors = dict[str, NDArray[Any]]
_SILENT = 4


class Replay:
    """One graph and one data set. The graph may be edited between runs, but only below what has been `keep`-ed."""

    def __init__(self, graph: OnnxGraph, dataset: Dataset, batch: int, memory_bytes: int, threads: int = 1) -> None:
        """`memory_bytes` bounds the tensors that are kept between runs."""
        self._graph = graph
        self._dataset = dataset
        self._batch = batch
        self._memory_bytes = memory_bytes
        self._threads = threads
        self._kept: dict[str, list[NDArray[Any]]] = {}

    @property
    def kept_bytes(self) -> int:
        """What the kept tensors take now."""
        return sum(array.nbytes for arrays in self._kept.values() for array in arrays)

    def batches(self, wanted: Sequence[str], keep: Sequence[str] = ()) -> Iterator[Tensors]:
        """The tensors `wanted`, batch after batch, in the order of the samples; those in `keep` stay for later runs.

        Raises:
            UserError: onnxruntime cannot run the part, or a tensor does not keep the batch axis.
        """
        known = {name: self._kept[name] for name in self._reached(wanted)}
        session = None
        missing = [name for name in dict.fromkeys((*wanted, *keep)) if name not in self._kept]
        if missing and not set(missing) <= set(self._graph.inputs):
            session = self._session(known, [name for name in missing if name not in self._graph.inputs])
        feeds = {value.name for value in session.get_inputs()} if session is not None else set()
        fresh: dict[str, list[NDArray[Any]]] | None = {name: [] for name in keep if name not in self._kept}
        room = self._memory_bytes - self.kept_bytes
        for number, x in enumerate(self._dataset.batches(self._batch)):
            tensors: Tensors = {name: arrays[number] for name, arrays in self._kept.items()}
            tensors |= dict.fromkeys(self._graph.inputs, x)
            if session is not None:
                names = [value.name for value in session.get_outputs()]
                results = _run(session, names, {name: tensors[name] for name in feeds})
                tensors |= dict(zip(names, results, strict=True))
            for name in wanted:
                if not tensors[name].ndim or len(tensors[name]) != len(x):
                    raise UserError(f"The tensor {name} inside the model has no batch axis.")
            if fresh is not None:
                for name, arrays in fresh.items():
                    arrays.append(tensors[name])
                    room -= tensors[name].nbytes
                if room < 0:
                    fresh = None
            yield {name: tensors[name] for name in wanted}
        if fresh:
            self._kept |= fresh
        self._forget()

    def _reached(self, wanted: Sequence[str]) -> list[str]:
        """Kept tensors that the way back from `wanted` ends at."""
        nodes = self._graph.needed_for(wanted, self._kept)
        read = {name for node in nodes for name in (*node.input, *names_from_outside(node))} | set(wanted)
        return [name for name in self._kept if name in read]

    def _forget(self) -> None:
        """Drop what no output needs any more, now that later tensors are kept."""
        needed = set(self._reached(self._graph.outputs))
        self._kept = {name: arrays for name, arrays in self._kept.items() if name in needed}

    def _session(self, known: dict[str, list[NDArray[Any]]], wanted: list[str]) -> Any:
        from onnx import helper

        inputs = [
            (name, helper.np_dtype_to_tensor_dtype(arrays[0].dtype), ("N", *arrays[0].shape[1:]))
            for name, arrays in known.items()
        ]
        return open_session(self._graph.part(inputs, wanted).SerializeToString(), self._threads)


def open_session(model: bytes, threads: int) -> Any:
    """An onnxruntime session on the processor; `UserError` when the model cannot be loaded."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = _SILENT
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except MemoryError:
        raise
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"onnxruntime cannot run a part of the model: {reason[:300]}") from error


def fitting_batch(largest_tensor_bytes: int, fixed: int | None, memory_bytes: int = 64 << 20, most: int = 64) -> int:
    """How many samples at a time keep one tensor within `memory_bytes`; `fixed` where the model has a fixed batch."""
    return fixed or max(1, min(most, memory_bytes // max(1, largest_tensor_bytes)))


def _run(session: Any, names: list[str], feeds: Tensors) -> list[NDArray[Any]]:
    try:
        results: list[NDArray[Any]] = session.run(names, feeds)
    except MemoryError:
        raise
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"onnxruntime cannot run a part of the model: {reason[:300]}") from error
    if not all(np.isfinite(array).all() for array in results if array.dtype.kind == "f"):
        raise UserError("Values inside the model are no numbers (NaN or infinite) on the calibration samples.")
    return results
