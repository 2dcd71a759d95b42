"""Write a scheme as float operators between QuantizeLinear and DequantizeLinear: the form that every runtime reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.quantize.affine import TYPES, Affine
from edgeyard.optimize.quantize.naming import mark_for
from edgeyard.optimize.quantize.scheme import Scheme
from edgeyard.optimize.quantize.unit import Unit
from edgeyard.optimize.quantize.weight import quantize_bias

if TYPE_CHECKING:
    import onnx


def emit_qdq(scheme: Scheme) -> onnx.ModelProto:
    """The quantized model. Inputs and outputs keep names and types."""
    return _Writer(scheme).model()


class _Writer:
    def __init__(self, scheme: Scheme) -> None:
        self._scheme = scheme
        self._graph: OnnxGraph = scheme.graph.copy()
        self._mark = mark_for(scheme.graph)
        self._nodes: list[onnx.NodeProto] = []

    def model(self) -> onnx.ModelProto:
        units = {unit.node.output[0]: unit for unit in self._scheme.placement.integer_units()}
        # A Relu that the range makes needless goes; the Add of a bias after a float product stays.
        absorbed = [node for unit in units.values() for node in unit.absorbed]
        gone = {node.output[0] for node in absorbed if node.op_type != "Add"}
        for name in self._graph.inputs:
            self._hold(name, name)
        for node in list(self._graph.nodes):
            if node.output[0] in gone:
                continue
            unit = units.get(node.output[0])
            if unit is not None:
                self._integer(unit, node)
                continue
            self._nodes.append(node)
            for name in node.output:
                self._hold(name, name)
        self._graph.nodes = self._nodes
        self._graph.index()
        return self._graph.to_model()

    def _integer(self, unit: Unit, node: onnx.NodeProto) -> None:
        for slot, name in enumerate(unit.inputs):
            node.input[slot] = self._held_name(name)
        if unit.output in self._scheme.weights:
            self._weights(unit, node)
        self._nodes.append(node)
        if unit.output in self._scheme.placement.floats:
            if unit.layer is not None and unit.layer.bias_node is None:
                self._hold(unit.output, unit.output)
            return
        # All readers, integer or not, go on with what the integers stand for.
        node.output[0] = f"{unit.output}{self._mark}exact"
        self._pair(node.output[0], unit.output, self._scheme.affines[unit.output])

    def _held_name(self, tensor: str) -> str:
        made = tensor in self._scheme.placement.integer and tensor not in self._scheme.placement.floats
        return tensor if made else f"{tensor}{self._mark}held"

    def _hold(self, tensor: str, source: str) -> None:
        """Convert a float tensor that integer units read; float readers keep the exact one."""
        if tensor in self._scheme.placement.held:
            self._pair(source, self._held_name(tensor), self._scheme.affines[tensor])

    def _pair(self, source: str, out: str, affine: Affine) -> None:
        from onnx import helper

        stem = out if self._mark in out else f"{out}{self._mark}value"
        scale, zero, integer = f"{stem}_scale", f"{stem}_zero", f"{stem}_integer"
        self._graph.store(scale, np.array(affine.scale, np.float32))
        self._graph.store(zero, np.array(affine.zero_point, TYPES[affine.type]))
        self._nodes += [
            helper.make_node("QuantizeLinear", [source, scale, zero], [integer], f"{stem}_quantize"),
            helper.make_node("DequantizeLinear", [integer, scale, zero], [out], f"{stem}_dequantize"),
        ]

    def _weights(self, unit: Unit, node: onnx.NodeProto) -> None:
        from onnx import helper

        weight, bias = self._scheme.weights[unit.output], self._scheme.biases[unit.output]
        name = f"{unit.output}{self._mark}weight"
        scales = weight.scales if weight.scales.size > 1 else weight.scales[0]
        self._graph.store(f"{name}_integer", weight.values)
        self._graph.store(f"{name}_scale", np.asarray(scales, np.float32))
        self._graph.store(f"{name}_zero", np.zeros(np.shape(scales), np.int8))
        inputs = [f"{name}_integer", f"{name}_scale", f"{name}_zero"]
        axis: dict[str, Any] = {"axis": weight.axis} if np.ndim(scales) else {}
        self._nodes.append(helper.make_node("DequantizeLinear", inputs, [name], f"{name}_dequantize", **axis))
        node.input[1] = name
        if bias is None:
            return
        product = self._scheme.affines[unit.inputs[0]].scale * weight.scales.astype(np.float64)
        name = f"{unit.output}{self._mark}bias"
        single = product.size == 1
        self._graph.store(f"{name}_integer", quantize_bias(bias, product))
        self._graph.store(f"{name}_scale", np.asarray(product[0] if single else product, np.float32))
        axis = {} if single else {"axis": 0}
        inputs = [f"{name}_integer", f"{name}_scale"]
        self._nodes.append(helper.make_node("DequantizeLinear", inputs, [name], f"{name}_dequantize", **axis))
        while len(node.input) < 3:
            node.input.append("")
        node.input[2] = name
