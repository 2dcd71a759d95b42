"""What is known of a graph while it is written in integers: in which forms each tensor exists so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.quantize.affine import TYPES
from edgeyard.optimize.quantize.naming import mark_for
from edgeyard.optimize.quantize.scheme import Scheme

if TYPE_CHECKING:
    import onnx

MICROSOFT = "com.microsoft"
TO_LAST, TO_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)


class IntegerWriter:
    """Nodes written so far, and the names under which tensors exist: as integers in the order of the original axes, as
    integers with the channels last, or as floats under their own name. Missing forms are made when asked for."""

    def __init__(self, scheme: Scheme) -> None:
        """Start from a copy of the scheme's graph."""
        self.scheme = scheme
        self.graph: OnnxGraph = scheme.graph.copy()
        self.mark = mark_for(scheme.graph)
        self.nodes: list[onnx.NodeProto] = []
        self.shapes = self.graph.shapes()
        self._plain: dict[str, str] = {}
        self._last: dict[str, str] = {}
        self._integer_made = scheme.placement.integer - scheme.placement.floats
        self._real: set[str] = set()

    def rank(self, tensor: str) -> int | None:
        """Number of axes, if known."""
        shape = self.shapes.get(tensor)
        return None if shape is None else len(shape)

    def is_image(self, tensor: str) -> bool:
        """Whether it has a batch, channels, height and width, so that its channels may come last."""
        return self.rank(tensor) == 4

    def has_last(self, tensor: str) -> bool:
        """Whether it exists with its channels last."""
        return tensor in self._last

    def real(self, tensor: str) -> str:
        """The tensor as floats; its name stays."""
        if tensor in self._integer_made and tensor not in self._real:
            self._real.add(tensor)
            if tensor in self._last:
                # Transposed as floats: onnxruntime merges that with the reordering for its blocked convolutions.
                name = f"{tensor}{self.mark}last_real"
                self._convert("DequantizeLinear", self._last[tensor], name, tensor)
                self.add("Transpose", [name], tensor, perm=list(TO_FIRST))
            else:
                self._convert("DequantizeLinear", self._plain[tensor], tensor, tensor)
        return tensor

    def plain(self, tensor: str) -> str:
        """The name of the tensor as integers in the original order of axes."""
        if tensor not in self._plain:
            name = f"{tensor}{self.mark}integer"
            if tensor in self._last:
                self.add("Transpose", [self._last[tensor]], name, perm=list(TO_FIRST))
            else:
                self._convert("QuantizeLinear", tensor, name, tensor)
            self._plain[tensor] = name
        return self._plain[tensor]

    def last(self, tensor: str) -> str:
        """The name of an image as integers with its channels last."""
        if tensor not in self._last:
            name = f"{tensor}{self.mark}last"
            if tensor in self._plain or tensor in self.graph.inputs:
                self.add("Transpose", [self.plain(tensor)], name, perm=list(TO_LAST))
            else:
                self.add("Transpose", [tensor], f"{name}_real", perm=list(TO_LAST))
                self._convert("QuantizeLinear", f"{name}_real", name, tensor)
            self._last[tensor] = name
        return self._last[tensor]

    def integers(self, tensor: str, last: bool) -> str:
        """`last` or `plain`."""
        return self.last(tensor) if last else self.plain(tensor)

    def make(self, tensor: str, last: bool) -> str:
        """The name under which a kernel is to write the tensor's integers."""
        name = f"{tensor}{self.mark}last" if last else f"{tensor}{self.mark}integer"
        self.alias(tensor, name, last)
        return name

    def alias(self, tensor: str, name: str, last: bool) -> None:
        """Say that the tensor's integers exist under this name."""
        (self._last if last else self._plain)[tensor] = name

    def grid(self, tensor: str) -> list[str]:
        """Names of the scale and zero point of a held tensor."""
        affine = self.scheme.affines[tensor]
        scale, zero = f"{tensor}{self.mark}scale", f"{tensor}{self.mark}zero"
        self.graph.store(scale, np.array(affine.scale, np.float32))
        self.graph.store(zero, np.array(affine.zero_point, TYPES[affine.type]))
        return [scale, zero]

    def store(self, name: str, values: NDArray[Any]) -> str:
        """A constant; its name."""
        self.graph.store(name, values)
        return name

    def add(self, operator: str, inputs: list[str], output: str, domain: str = "", **attributes: Any) -> None:
        """Append a node."""
        from onnx import helper

        self.nodes.append(
            helper.make_node(operator, inputs, [output], f"{output}{self.mark}{operator}", domain=domain, **attributes)
        )

    def _convert(self, operator: str, source: str, out: str, tensor: str) -> None:
        self.add(operator, [source, *self.grid(tensor)], out)
