"""An ONNX model in a form that can be edited: nodes in a list, constants by name, and who makes and reads each tensor.

Every tensor has one maker, so a node is known by the name of its first output.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgeyard.optimize.graph_shape import at_batch_one, inlined, known_shapes

if TYPE_CHECKING:
    import onnx

_FIRST_IR_WITH_PLAIN_INITIALIZERS = 4
_MAY_HOLD_GRAPHS = (0, 5, 10)
"""Types of attributes: not stated, GRAPH, GRAPHS."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A place where a tensor is read: input number `slot` of `node`."""

    node: onnx.NodeProto
    slot: int


class OnnxGraph:
    """The main graph of a model. Edits change this object only; `to_model` gives the result.

    On the way in local functions are unfolded, `Constant` nodes become initializers, initializers that are also listed
    as inputs become plain constants, and stored shapes of intermediate tensors, which edits would make wrong, go.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        """Take a copy of `model`."""
        import onnx

        self._model = onnx.ModelProto()
        self._model.CopyFrom(inlined(model))
        graph = self._model.graph
        self._constants: dict[str, onnx.TensorProto] = {tensor.name: tensor for tensor in graph.initializer}
        self._sparse = {tensor.values.name for tensor in graph.sparse_initializer}
        self.nodes: list[onnx.NodeProto] = []
        for node in graph.node:
            stored = _stored_tensor(node)
            if stored is None:
                self.nodes.append(node)
            else:
                self._constants[stored.name] = stored
        inputs = [value for value in graph.input if value.name not in self._constants]
        self.inputs = tuple(value.name for value in inputs)
        self.outputs = tuple(value.name for value in graph.output)
        self._input_values = inputs
        self._model.ir_version = max(self._model.ir_version, _FIRST_IR_WITH_PLAIN_INITIALIZERS)
        self._maker: dict[str, onnx.NodeProto] = {}
        self._readers: dict[str, list[Reader]] = {}
        self.captured: frozenset[str] = frozenset()
        """Tensors that a subgraph reads from outside."""
        self.index()

    @classmethod
    def read(cls, path: Path) -> OnnxGraph:
        """The graph of a file that was checked before (`model_file.read_model`)."""
        import onnx

        return cls(onnx.load(path, load_external_data=False))

    @property
    def opset(self) -> int:
        """Version of the standard operators."""
        return max(entry.version for entry in self._model.opset_import if entry.domain in {"", "ai.onnx"})

    def index(self) -> None:
        """Find makers and readers anew, after `nodes` or names in them were changed by hand."""
        self._maker = {name: node for node in self.nodes for name in node.output if name}
        self._readers = {}
        captured = set()
        for node in self.nodes:
            for slot, name in enumerate(node.input):
                if name:
                    self._readers.setdefault(name, []).append(Reader(node, slot))
            captured |= names_from_outside(node)
        self.captured = frozenset(captured)

    def maker(self, tensor: str) -> onnx.NodeProto | None:
        """The node that makes `tensor`; `None` for inputs and constants."""
        return self._maker.get(tensor)

    def readers(self, tensor: str) -> tuple[Reader, ...]:
        """Who reads `tensor` in the main graph, in the order of the nodes."""
        return tuple(self._readers.get(tensor, ()))

    def only_reader(self, tensor: str) -> Reader | None:
        """The one reader of a tensor that nothing else sees: no second reader, no subgraph, no output of the model."""
        readers = self._readers.get(tensor, [])
        hidden = tensor not in self.outputs and tensor not in self.captured
        return readers[0] if len(readers) == 1 and hidden else None

    def is_constant(self, tensor: str) -> bool:
        """Whether its values are stored in the file."""
        return tensor in self._constants

    def constant(self, tensor: str) -> NDArray[Any] | None:
        """The stored values of `tensor`, a copy; `None` when it is computed or fed."""
        from onnx import numpy_helper

        stored = self._constants.get(tensor)
        return None if stored is None else np.array(numpy_helper.to_array(stored))

    def store(self, tensor: str, values: NDArray[Any]) -> None:
        """Make `tensor` a constant with these values, for all its readers."""
        from onnx import numpy_helper

        self._constants[tensor] = numpy_helper.from_array(np.asarray(values, order="C"), tensor)

    def store_for(self, node: onnx.NodeProto, slot: int, values: NDArray[Any]) -> None:
        """Give this one reader these values: a constant that others read too is left to them."""
        while len(node.input) <= slot:
            node.input.append("")
        name = node.input[slot]
        if not name or len(self._readers.get(name, ())) > 1 or name in self.captured or name in self.outputs:
            name = self.new_name(name or f"{node.output[0]}_{slot}")
            node.input[slot] = name
            self.index()
        self.store(name, values)

    def new_name(self, hint: str) -> str:
        """A tensor name that nothing has yet."""
        taken = self._constants.keys() | self._maker.keys() | self._readers.keys() | set(self.inputs)
        number = 1
        while f"{hint}_{number}" in taken:
            number += 1
        return f"{hint}_{number}"

    def shapes(self) -> dict[str, tuple[int | None, ...]]:
        """Shapes at batch 1 by tensor name, constants included, as far as ONNX can tell them."""
        return {name: shape for name, (shape, _) in known_shapes(at_batch_one(self.to_model())).items()}

    def needed_for(self, tensors: Iterable[str], known: Iterable[str] = ()) -> list[onnx.NodeProto]:
        """The nodes that compute `tensors` when `known` are given, in order."""
        stop, seen, waiting = set(known), set[str](), list(tensors)
        wanted: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name in seen or name in stop:
                continue
            seen.add(name)
            node = self._maker.get(name)
            if node is not None:
                wanted.add(node.output[0])
                waiting += [*node.input, *names_from_outside(node)]
        return [node for node in self.nodes if node.output[0] in wanted]

    def to_model(self, more_outputs: Sequence[onnx.ValueInfoProto] = ()) -> onnx.ModelProto:
        """The model as it stands, without nodes and constants that no output needs."""
        nodes = self.needed_for([*self.outputs, *(value.name for value in more_outputs)])
        return self._assembled(nodes, self._input_values, [*self._model.graph.output, *more_outputs])

    def output_shape(self, output: str) -> list[int | str | None]:
        """As the model declares it: sizes, names of free axes, `None` where it says nothing."""
        value = next(value for value in self._model.graph.output if value.name == output)
        return [size.dim_value or size.dim_param or None for size in value.type.tensor_type.shape.dim]

    def part(self, known: Iterable[tuple[str, int, tuple[int | str, ...]]], wanted: Iterable[str]) -> onnx.ModelProto:
        """A model that computes `wanted` (float32) from `known`: name, ONNX element type and shape of each."""
        from onnx import TensorProto, helper

        given, outputs = list(known), list(wanted)
        nodes = self.needed_for(outputs, [name for name, _, _ in given])
        read = {name for node in nodes for name in (*node.input, *names_from_outside(node))}
        inputs = [helper.make_tensor_value_info(*each) for each in given if each[0] in read or each[0] in outputs]
        have = {value.name for value in inputs}
        inputs += [value for value in self._input_values if value.name in read and value.name not in have]
        values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        return self._assembled(nodes, inputs, values)

    def copy(self) -> OnnxGraph:
        """An independent graph."""
        return OnnxGraph(self.to_model())

    def _assembled(
        self, nodes: list[onnx.NodeProto], inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]
    ) -> onnx.ModelProto:
        import onnx

        read = {name for node in nodes for name in (*node.input, *names_from_outside(node))}
        read |= {value.name for value in outputs}
        model = onnx.ModelProto(
            ir_version=self._model.ir_version,
            producer_name=self._model.producer_name,
            producer_version=self._model.producer_version,
            domain=self._model.domain,
            model_version=self._model.model_version,
            doc_string=self._model.doc_string,
        )
        model.opset_import.extend(self._model.opset_import)
        model.metadata_props.extend(self._model.metadata_props)
        graph = self._model.graph
        model.graph.name = graph.name or "graph"
        model.graph.node.extend(nodes)
        model.graph.input.extend(inputs)
        model.graph.output.extend(outputs)
        model.graph.initializer.extend(self._constants[name] for name in self._constants if name in read)
        model.graph.sparse_initializer.extend(each for each in graph.sparse_initializer if each.values.name in read)
        return model


def names_from_outside(node: onnx.NodeProto) -> set[str]:
    """What the subgraphs of `node` read from the graph around them."""
    read: set[str] = set()
    for each in node.attribute:
        if each.type not in _MAY_HOLD_GRAPHS:
            continue  # nearly all are: this is asked of every node, over and over
        for graph in (each.g, *each.graphs):
            inside = {tensor.name for tensor in graph.initializer} | {value.name for value in graph.input}
            inside |= {name for inner in graph.node for name in inner.output}
            wanted = {name for inner in graph.node for name in inner.input if name}
            for inner in graph.node:
                wanted |= names_from_outside(inner)
            read |= (wanted | {value.name for value in graph.output}) - inside
    return read


def attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    """The value of an attribute; strings as text."""
    from onnx import helper

    for each in node.attribute:
        if each.name == name:
            value = helper.get_attribute_value(each)
            return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return default


def set_attribute(node: onnx.NodeProto, name: str, value: Any) -> None:
    """Set or replace an attribute."""
    from onnx import helper

    kept = [each for each in node.attribute if each.name != name]
    copies = [type(each).FromString(each.SerializeToString()) for each in kept]
    del node.attribute[:]
    node.attribute.extend([*copies, helper.make_attribute(name, value)])


def _stored_tensor(node: onnx.NodeProto) -> onnx.TensorProto | None:
    """What a `Constant` node holds; `None` for other nodes, and for text and sparse constants."""
    import onnx
    from onnx import numpy_helper

    if node.op_type != "Constant" or node.domain not in {"", "ai.onnx"}:
        return None
    types = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64}
    for each in node.attribute:
        if each.name == "value":
            tensor = onnx.TensorProto()
            tensor.CopyFrom(each.t)
            tensor.name = node.output[0]
            return tensor
        if each.name in types:
            return numpy_helper.from_array(np.array(attribute(node, each.name, 0), types[each.name]), node.output[0])
    return None
