"""Put an early exit into a graph: as an `If` that skips the rest of the model, or as further outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.prune.exit_head import ExitHead

if TYPE_CHECKING:
    import onnx

SCORES, CONFIDENCE = "exit_scores", "exit_confidence"
_AXES_AS_INPUT = 18


def ends_in_softmax(graph: OnnxGraph) -> bool:
    """Whether the first output holds probabilities, so that an exit must give them too."""
    maker = graph.maker(graph.outputs[0])
    return maker is not None and maker.op_type == "Softmax"


def skipping(graph: OnnxGraph, head: ExitHead, threshold: float) -> onnx.ModelProto:
    """A model that computes what follows the exit only when it has to. `graph` is edited.

    One sample: the rest of the model does not run when the exit is sure. Several: it runs unless the exit is sure of
    all; each sample has the answer that it would have alone.
    """
    from onnx import TensorProto, helper

    first, rest = graph.nodes[: head.point.nodes], graph.nodes[head.point.nodes :]
    before = {node.output[0] for node in graph.needed_for([head.point.tensor])}
    # Nodes that compute constants may stand before the exit in the file and be needed only behind it.
    rest = [node for node in first if node.output[0] not in before] + list(rest)
    build = _Builder(graph, [node for node in first if node.output[0] in before])
    scores, confidence = build.head(head, ends_in_softmax(graph))
    limit = build.constant("exit_threshold", np.array(threshold, np.float32))
    sure = build.node("Not", [build.node("Less", [confidence, limit])])
    lowest = build.reduce("ReduceMin", confidence, [0, 1], keep=False)
    all_sure = build.node("Not", [build.node("Less", [lowest, limit])])
    output = graph.outputs[0]
    shape = graph.output_shape(output)
    chosen, taken, full = (build.name(f"{output}_{part}") for part in ("early", "chosen", "full"))
    early = helper.make_graph(
        [helper.make_node("Identity", [scores], [chosen])],
        "early",
        [],
        [helper.make_tensor_value_info(chosen, TensorProto.FLOAT, shape)],
    )
    late = helper.make_graph(
        [*build.renamed(rest, {output: full}), helper.make_node("Where", [sure, scores, full], [taken])],
        "late",
        [],
        [helper.make_tensor_value_info(taken, TensorProto.FLOAT, shape)],
        build.constants_of(rest),
    )
    build.nodes.append(helper.make_node("If", [all_sure], [output], "early_exit", then_branch=early, else_branch=late))
    graph.nodes = build.nodes
    graph.index()
    return graph.to_model()


def with_outputs(graph: OnnxGraph, head: ExitHead) -> onnx.ModelProto:
    """The whole model with two further outputs: `exit_scores` (N×classes) and `exit_confidence` (N×1). `graph` is
    edited."""
    from onnx import TensorProto, helper

    build = _Builder(graph, list(graph.nodes))
    scores, confidence = build.head(head, ends_in_softmax(graph))
    build.nodes.append(helper.make_node("Identity", [scores], [SCORES]))
    build.nodes.append(helper.make_node("Identity", [confidence], [CONFIDENCE]))
    graph.nodes = build.nodes
    graph.index()
    classes, batch = len(head.bias), graph.output_shape(graph.outputs[0])[0]
    return graph.to_model(
        [
            helper.make_tensor_value_info(SCORES, TensorProto.FLOAT, [batch, classes]),
            helper.make_tensor_value_info(CONFIDENCE, TensorProto.FLOAT, [batch, 1]),
        ]
    )


class _Builder:
    """Adds nodes with names that nothing has yet."""

    def __init__(self, graph: OnnxGraph, nodes: list[onnx.NodeProto]) -> None:
        self.graph = graph
        self.nodes = nodes
        self._taken: set[str] = set()
        self._late: dict[str, str] = {}

    def name(self, hint: str) -> str:
        while (name := self.graph.new_name(hint)) in self._taken:
            hint += "_"
        self._taken.add(name)
        return name

    def constant(self, hint: str, values: Any) -> str:
        name = self.name(hint)
        self.graph.store(name, values)
        return name

    def node(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        from onnx import helper

        name = self.name(f"exit_{operator.lower()}")
        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def reduce(self, operator: str, tensor: str, axes: list[int], keep: bool) -> str:
        if self.graph.opset >= _AXES_AS_INPUT:
            return self.node(operator, [tensor, self.constant("exit_axes", np.array(axes))], keepdims=int(keep))
        return self.node(operator, [tensor], axes=axes, keepdims=int(keep))

    def head(self, head: ExitHead, probabilities: bool) -> tuple[str, str]:
        """The scores of the exit and its confidence (N×1)."""
        feature = self.feature(head)
        if head.pool is not None:
            feature = self.node("AveragePool", [feature], kernel_shape=list(head.pool), strides=list(head.pool))
        flat = self.node("Flatten", [feature], axis=1)
        weights, bias = self.constant("exit_weight", head.weights), self.constant("exit_bias", head.bias)
        scores = self.node("Gemm", [flat, weights, bias])
        shares = self.node("Softmax", [scores], axis=1)
        return shares if probabilities else scores, self.reduce("ReduceMax", shares, [1], keep=True)

    def feature(self, head: ExitHead) -> str:
        """The exit's tensor in float32; dequantized apart from the model's own, which stays with what reads it."""
        point = head.point
        if point.feature == point.tensor:
            return point.tensor
        import onnx

        own = onnx.NodeProto()
        made = self.graph.maker(point.feature)
        assert made is not None, "a feature is made of its tensor"
        own.CopyFrom(made)
        own.output[0] = own.name = self.name("exit_feature")
        self.nodes.append(own)
        return str(own.output[0])

    def constants_of(self, nodes: list[onnx.NodeProto]) -> list[onnx.TensorProto]:
        """Copies of the constants that these nodes read, under the names that `renamed` gives them: fusions inside a
        branch want their weights there."""
        from onnx import numpy_helper

        read = dict.fromkeys(name for node in nodes for name in node.input if self.graph.is_constant(name))
        return [numpy_helper.from_array(np.asarray(self.graph.constant(name)), self.late(name)) for name in read]

    def late(self, constant: str) -> str:
        """The name of a constant's copy in the branch."""
        if constant not in self._late:
            self._late[constant] = self.name(f"{constant}_late")
        return self._late[constant]

    def renamed(self, nodes: list[onnx.NodeProto], outputs: dict[str, str]) -> list[onnx.NodeProto]:
        """Copies for a branch: constants by their names in the branch, and `outputs` under new ones."""
        import onnx

        copies = []
        for node in nodes:
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            for slot, name in enumerate(copy.input):
                copy.input[slot] = self.late(name) if self.graph.is_constant(name) else outputs.get(name, name)
            for slot, name in enumerate(copy.output):
                copy.output[slot] = outputs.get(name, name)
            copies.append(copy)
        return copies
