"""Names for what quantization adds to a graph."""

from __future__ import annotations

from itertools import chain, count

from edgeyard.optimize.graph.onnx_graph import OnnxGraph


def mark_for(graph: OnnxGraph) -> str:
    """A piece of text that no name in the graph has: after a tensor's name and before any word it makes a new name."""
    used = {name for node in graph.nodes for name in (*node.input, *node.output, node.name)} | set(graph.inputs)
    marks = chain(["_q_"], (f"_q{number}_" for number in count(1)))
    return next(mark for mark in marks if not any(mark in name for name in used))
