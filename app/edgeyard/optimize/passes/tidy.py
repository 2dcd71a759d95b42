"""The last step of a pass: put the graph in order, leave out what it does not use, and write the file."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeyard.optimize.model_file import all_nodes, nodes_below

if TYPE_CHECKING:
    import onnx


def write_model(model: onnx.ModelProto, path: Path) -> None:
    """Write `model` to `path`, the same bytes for the same model.

    Nodes are put in topological order, which ONNX demands and onnxruntime's float16 conversion does not keep.
    onnxruntime's optimizer stamps every operator domain it knows, in its newest version, on what it writes, and an
    older runtime on a device would refuse the file for operators that it does not hold: those go. So does the order of
    its metadata, which comes out of a hash table.
    """
    used = {node.domain for node in all_nodes(model)}
    opsets = [entry for entry in model.opset_import if entry.domain in used or entry.domain in {"", "ai.onnx"}]
    metadata = sorted(model.metadata_props, key=lambda entry: entry.key)
    nodes = _in_order(model.graph)
    _replace(model.opset_import, opsets)
    _replace(model.metadata_props, metadata)
    _replace(model.graph.node, nodes)
    path.write_bytes(model.SerializeToString(deterministic=True))


def _replace(field: Any, kept: Iterable[Any]) -> None:
    # Removing an entry of a repeated field makes it invalid, so what is kept is copied first.
    copies = [type(entry).FromString(entry.SerializeToString()) for entry in kept]
    del field[:]
    field.extend(copies)


def _in_order(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """The nodes in topological order, otherwise as they stood (Kahn's algorithm); untouched when there is a cycle."""
    nodes = list(graph.node)
    maker = {name: index for index, node in enumerate(nodes) for name in node.output if name}
    waits_for: list[set[int]] = []
    followers: dict[int, list[int]] = {}
    for index, node in enumerate(nodes):
        # What a subgraph reads from outside is an input of the node that holds it.
        needed = {maker[name] for inner in nodes_below([node]) for name in inner.input if name in maker} - {index}
        waits_for.append(needed)
        for source in needed:
            followers.setdefault(source, []).append(index)
    ready = [index for index, needed in enumerate(waits_for) if not needed]
    order = []
    while ready:
        index = heapq.heappop(ready)
        order.append(nodes[index])
        for follower in followers.get(index, []):
            waits_for[follower].discard(index)
            if not waits_for[follower]:
                heapq.heappush(ready, follower)
    return order if len(order) == len(nodes) else nodes
