"""All of it, in order, and held to giving the same answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgeyard.domain.error import UserError
from edgeyard.optimize.graph.fold import fold_batch_norms
from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.graph.replay import open_session
from edgeyard.optimize.simplify.first_convolution import first_convolution_without_transpose
from edgeyard.optimize.simplify.gemm import products_as_gemm
from edgeyard.optimize.simplify.shortcut import shortcuts_as_convolutions

if TYPE_CHECKING:
    import onnx

_LARGEST_FOLDED_BYTES = 16 << 20
"""A constant that folding would make larger stays a computation: a few bytes can ask for gigabytes."""
_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Simplified:
    """The smaller graph, and what was done, a sentence each."""

    graph: OnnxGraph
    notes: tuple[str, ...]
    operators_before: int


def simplify_model(
    model: onnx.ModelProto, samples: NDArray[np.float32], *, without_transpose: bool = False
) -> Simplified:
    """Fold constants and batch norms, remove what does nothing, merge what runtimes run faster as one.

    Args:
        model: is left as it is.
        samples: prepared inputs on which both graphs are run and must agree to a thousandth of the largest output.
        without_transpose: also let the first convolution read images with their channels last, which x86 likes.

    Raises:
        UserError: the original does not run. A step whose result differs is left out and said so.
    """
    original = OnnxGraph(model)
    before = _run(original, samples)
    notes: list[str] = []
    graph = _slimmed(model, original, samples, before, notes)
    rewritten = graph.copy()
    done = {
        "{} batch norms are part of the layer before them.": fold_batch_norms(rewritten),
        "{} products and their biases are one operator each.": products_as_gemm(rewritten),
        "{} shortcuts that skipped pixels and added zeros are convolutions.": shortcuts_as_convolutions(rewritten),
        "{} first convolution reads images with their channels last.": int(
            without_transpose and first_convolution_without_transpose(rewritten)
        ),
    }
    if any(done.values()):
        if _same(rewritten, samples, before):
            graph = rewritten.copy()  # without what nothing reads any more
            notes += [text.format(count) for text, count in done.items() if count]
        else:
            notes.append("Layers could not be merged: the answers would differ.")
    return Simplified(graph, tuple(notes), len(model.graph.node))


def _slimmed(
    model: onnx.ModelProto,
    original: OnnxGraph,
    samples: NDArray[np.float32],
    before: list[NDArray[np.float64]],
    notes: list[str],
) -> OnnxGraph:
    """What onnxslim makes of it; the original where that fails, since it knows fewer models than onnxruntime."""
    import onnx
    import onnxslim

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    try:
        slim = onnxslim.slim(copy, size_threshold=_LARGEST_FOLDED_BYTES)
        del slim.metadata_props[:]
        slim.metadata_props.extend(model.metadata_props)
        graph = OnnxGraph(slim)
    except MemoryError:
        raise
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        notes.append(f"onnxslim cannot read the model ({reason[:200]}); its constants stay unfolded.")
        return original
    if graph.inputs != original.inputs or graph.outputs != original.outputs or not _same(graph, samples, before):
        notes.append("onnxslim's result answers differently and was thrown away.")
        return original
    gone = len(original.nodes) - len(graph.nodes)
    if gone > 0:
        notes.append(f"{gone} of {len(original.nodes)} operators did nothing or were constant.")
    return graph


def _same(graph: OnnxGraph, samples: NDArray[np.float32], before: list[NDArray[np.float64]]) -> bool:
    try:
        after = _run(graph, samples)
    except UserError:
        return False
    return all(
        one.shape == other.shape and np.abs(one - other).max(initial=0) <= _TOLERANCE * np.abs(one).max(initial=1e-3)
        for one, other in zip(before, after, strict=True)
    )


def _run(graph: OnnxGraph, samples: NDArray[np.float32]) -> list[NDArray[np.float64]]:
    session = open_session(graph.to_model().SerializeToString(), 1)
    try:
        return [np.asarray(each, np.float64) for each in session.run(None, {graph.inputs[0]: samples})]
    except MemoryError:
        raise
    except Exception as error:
        raise UserError(f"onnxruntime cannot run the model: {str(error)[:300]}") from error
