"""Write a scheme as onnxruntime's integer operators, images with their channels last.

onnxruntime makes such operators of the QDQ form when it loads it, but transposes wherever its optimizer does not see
through; here the order of the axes is decided once. The operators are of the domain com.microsoft: only onnxruntime
runs the result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeyard.optimize.graph.onnx_graph import OnnxGraph, names_from_outside
from edgeyard.optimize.quantize.integer_kernel import KERNELS
from edgeyard.optimize.quantize.integer_writer import MICROSOFT, IntegerWriter
from edgeyard.optimize.quantize.scheme import Scheme

if TYPE_CHECKING:
    import onnx


def emit_integer(scheme: Scheme) -> onnx.ModelProto:
    """The quantized model. Inputs and outputs keep names, types and order of axes."""
    writer = IntegerWriter(scheme)
    units = {unit.node.output[0]: unit for unit in scheme.placement.integer_units()}
    gone = {node.output[0] for unit in units.values() for node in unit.absorbed if node.op_type != "Add"}
    for node in writer.graph.nodes:
        unit = units.get(node.output[0])
        if unit is not None:
            KERNELS[node.op_type](writer, unit, node)
        elif node.output[0] not in gone:
            for slot, name in enumerate(node.input):
                node.input[slot] = writer.real(name)
            for name in names_from_outside(node):
                writer.real(name)
            writer.nodes.append(node)
    for name in writer.graph.outputs:
        writer.real(name)
    return _assembled(writer)


def _assembled(writer: IntegerWriter) -> onnx.ModelProto:
    from onnx import helper

    graph: OnnxGraph = writer.graph
    graph.nodes = writer.nodes
    graph.index()
    model = graph.to_model()
    if any(node.domain == MICROSOFT for node in model.graph.node):
        model.opset_import.append(helper.make_opsetid(MICROSOFT, 1))
    return model


def integer_operators(model: onnx.ModelProto) -> dict[str, int]:
    """How many of each operator of `com.microsoft` and QLinear… there are: what became integer arithmetic."""
    names = [n.op_type for n in model.graph.node if n.domain == MICROSOFT or n.op_type.startswith("QLinear")]
    return {name: names.count(name) for name in sorted(set(names))}
