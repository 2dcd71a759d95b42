"""An ONNX graph as a PyTorch module that runs its nodes and can be trained, and its weights back into the same graph.

A quantized graph (QDQ) is trained through its own quantizing operators: stored whole numbers become real parameters
that are rounded on the way, and are stored as whole numbers again at the end. Scales and zero points stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from onnx import ModelProto, NodeProto, helper, numpy_helper

from edgeyard.optimize.sidecar.tool.task import RefusedError
from edgeyard.optimize.sidecar.tool.torch_operators import OPERATORS, dequantize, quantize

_TRAINED_INPUTS = {
    "Conv": (1, 2),
    "ConvTranspose": (1, 2),
    "Gemm": (1, 2),
    "MatMul": (0, 1),
    "BatchNormalization": (1, 2),
    "PRelu": (1,),
}
_INTEGER_RANGE = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767), "uint16": (0, 65535)}


@dataclass(frozen=True)
class _Quantized:
    """A weight that is stored as whole numbers."""

    scale: str
    zero: str
    attributes: dict[str, Any]
    dtype: Any


class Network(torch.nn.Module):  # type: ignore[misc]  # types of sidecars' packages are not looked at
    """The graph. `forward` returns the logits, and the tensors named in `wanted`."""

    def __init__(self, model: ModelProto, weight_limit: int = 127) -> None:
        """Take the graph apart; `RefusedError` when it has operators that cannot be trained here.

        Args:
            weight_limit: the largest stored size of quantized 8-bit weights (64 where they are in 7 bits).
        """
        super().__init__()
        self._model = model
        graph = model.graph
        missing = sorted({node.op_type for node in graph.node} - OPERATORS.keys() - {"Constant"})
        if missing:
            raise RefusedError(f"The trainer has no {', '.join(missing[:5])}.", "Leave the training step out.")
        arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        arrays |= {node.output[0]: _constant(node) for node in graph.node if node.op_type == "Constant"}
        self._nodes = [node for node in graph.node if node.op_type != "Constant"]
        self._attributes = [_attributes(node, arrays) for node in self._nodes]
        self.input = next(value.name for value in graph.input if value.name not in arrays)
        self.output = self._logits(graph.output[0].name)
        self._quantized: dict[str, _Quantized] = {}
        self._weight_limit = weight_limit
        self._parameters_of: dict[str, str] = {}
        self._constants: dict[str, torch.Tensor] = {}
        trained = self._trained(arrays)
        for name, array in arrays.items():
            if name in trained:
                self._register(name, _real(array, self._quantized.get(name), arrays))
            else:
                real = array.dtype.kind == "f" or array.dtype.name in {"int8", "uint8"}
                self._constants[name] = torch.from_numpy(array.astype(np.float32) if real else array.copy())

    def forward(self, x: Any, wanted: tuple[str, ...] = ()) -> tuple[Any, dict[str, Any]]:
        """The logits for a batch, and the wanted tensors."""
        values: dict[str, Any] = {"": None, **self._constants, self.input: x}
        parameters = dict(self.named_parameters())
        for name, key in self._parameters_of.items():
            values[name] = self._stored(name, parameters[key])
        for node, attributes in zip(self._nodes, self._attributes, strict=True):
            result = OPERATORS[node.op_type](attributes, *(values[name] for name in node.input))
            values.update(zip(node.output, result if isinstance(result, tuple) else (result,), strict=False))
            if self.output in node.output:
                break
        return values[self.output], {name: values[name] for name in wanted}

    @property
    def quantized(self) -> bool:
        """Whether the graph rounds (QDQ)."""
        return any(node.op_type == "QuantizeLinear" for node in self._nodes)

    def feature_names(self) -> list[str]:
        """Outputs of additions and pooling on the way: what another network of the same family has too."""
        return [node.output[0] for node in self._nodes if node.op_type in {"Add", "Concat", "MaxPool", "AveragePool"}]

    def write_back(self) -> ModelProto:
        """The same graph with the trained weights; nothing else in it changes."""
        parameters = dict(self.named_parameters())
        for tensor in self._model.graph.initializer:
            if tensor.name in self._parameters_of:
                value = parameters[self._parameters_of[tensor.name]].detach()
                dtype = numpy_helper.to_array(tensor).dtype
                array = self._stored(tensor.name, value).detach().numpy()
                tensor.CopyFrom(numpy_helper.from_array(array.astype(dtype).reshape(value.shape), tensor.name))
        return self._model

    def _register(self, name: str, array: Any) -> None:
        key = f"weight_{len(self._parameters_of)}"
        self._parameters_of[name] = key
        self.register_parameter(key, torch.nn.Parameter(torch.from_numpy(array.astype(np.float32))))

    def _stored(self, name: str, parameter: Any) -> Any:
        """What the graph holds of a parameter: itself, or whole numbers."""
        how = self._quantized.get(name)
        if how is None:
            return parameter
        zero = self._constants.get(how.zero)
        return quantize(how.attributes, parameter, self._constants[how.scale], zero)

    def _trained(self, arrays: dict[str, Any]) -> set[str]:
        """Names of the stored tensors that are trained; fills `_quantized`."""
        maker = {name: node for node in self._nodes for name in node.output}
        trained = set()
        for node in self._nodes:
            positions = _TRAINED_INPUTS.get(node.op_type, ())
            if node.op_type == "Add" and any(_follows_product(name, maker) for name in node.input):
                positions = (0, 1)
            for name in (node.input[i] for i in positions if i < len(node.input)):
                source = maker.get(name)
                if name in arrays and arrays[name].dtype == np.float32:
                    trained.add(name)
                elif source is not None and source.op_type == "DequantizeLinear" and source.input[0] in arrays:
                    stored = source.input[0]
                    self._quantized[stored] = self._quantization(source, arrays[stored])
                    trained.add(stored)
        return trained

    def _quantization(self, node: NodeProto, array: Any) -> _Quantized:
        low, high = _INTEGER_RANGE.get(array.dtype.name, (-(2**31), 2**31 - 1))
        if array.dtype.name == "int8":
            low, high = -min(-low, self._weight_limit), min(high, self._weight_limit)
        attributes = {"range": (float(low), float(high)), "axis": _attribute(node, "axis", 1)}
        zero = node.input[2] if len(node.input) > 2 else ""
        return _Quantized(node.input[1], zero, attributes, array.dtype)

    def _logits(self, output: str) -> str:
        """The tensor before a closing softmax: what is distilled."""
        for node in self._nodes:
            if output in node.output and node.op_type in {"Softmax", "LogSoftmax"}:
                return str(node.input[0])
            if output in node.output and node.op_type == "DequantizeLinear":
                # A quantized graph may round the probabilities once more.
                rounded = next((each for each in self._nodes if node.input[0] in each.output), None)
                if rounded is not None and self._logits(rounded.input[0]) != rounded.input[0]:
                    return self._logits(rounded.input[0])
        return output


def _real(array: Any, how: _Quantized | None, arrays: dict[str, Any]) -> Any:
    if how is None:
        return array
    zero = torch.from_numpy(arrays[how.zero].astype(np.float32)) if how.zero in arrays else None
    scale = torch.from_numpy(arrays[how.scale].astype(np.float32))
    return dequantize(how.attributes, torch.from_numpy(array.astype(np.float32)), scale, zero).numpy()


def _follows_product(name: str, maker: dict[str, NodeProto]) -> bool:
    return name in maker and maker[name].op_type == "MatMul"


def _constant(node: NodeProto) -> Any:
    value = helper.get_attribute_value(node.attribute[0])
    return numpy_helper.to_array(value) if node.attribute[0].name == "value" else np.array(value)


def _attribute(node: NodeProto, name: str, default: Any) -> Any:
    return next((helper.get_attribute_value(each) for each in node.attribute if each.name == name), default)


def _attributes(node: NodeProto, arrays: dict[str, Any]) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    for each in node.attribute:
        value = helper.get_attribute_value(each)
        attributes[each.name] = value.decode() if isinstance(value, bytes) else value
    if node.op_type == "Split":
        attributes["outputs"] = len(node.output)
    if node.op_type == "QuantizeLinear":
        zero = arrays.get(node.input[2]) if len(node.input) > 2 else None
        name = "uint8" if zero is None else zero.dtype.name
        if name not in _INTEGER_RANGE:
            raise RefusedError(f"The trainer does not know how to train in {name}.")
        attributes["range"] = tuple(float(bound) for bound in _INTEGER_RANGE[name])
    return attributes
