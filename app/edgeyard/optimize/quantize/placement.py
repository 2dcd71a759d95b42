"""Which units compute in integers, and which tensors are then held as such."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from edgeyard.optimize.graph.layer import weight_of
from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.quantize.unit import Role, Unit, find_units

_FEW_CHANNELS = 4
_VECTOR = 16
_MOVERS = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Identity")


@dataclass(frozen=True, slots=True)
class Placement:
    """`integer` are the units that compute in integers, by output; `held` the tensors that exist as integers.

    Units in `floats` multiply integers and give floats. A tensor in `held` that comes as floats is converted.
    """

    units: tuple[Unit, ...]
    integer: frozenset[str]
    floats: frozenset[str]
    held: frozenset[str]

    def integer_units(self) -> list[Unit]:
        """In the order of the nodes."""
        return [unit for unit in self.units if unit.output in self.integer]

    def weighted(self) -> list[Unit]:
        """Those with weights."""
        return [unit for unit in self.integer_units() if unit.role is Role.WEIGHTS]


def place(graph: OnnxGraph, keep_float: Collection[str] = (), units: Iterable[Unit] | None = None) -> Placement:
    """Put every unit with weights into integers but those in `keep_float` (unit names), and around them what saves
    conversions: pooling, additions and the like between integer units, and what moves the input about before them."""
    units = tuple(find_units(graph) if units is None else units)
    integer = {unit.output for unit in units if unit.role is Role.WEIGHTS and unit.name not in keep_float}
    wanted = {name for unit in units if unit.output in integer for name in unit.inputs}
    inside = {id(unit.node) for unit in units}
    floats = {unit.output for unit in units if unit.output in integer and _gives_float(graph, unit, inside)}
    for unit in units:
        if unit.role is Role.WEIGHTS or unit.name in keep_float:
            continue
        made = [name in integer and name not in floats for name in unit.inputs]
        at_hand = all(here or name in wanted for here, name in zip(made, unit.inputs, strict=True))
        if any(made) and (at_hand or (unit.output in wanted and unit.role is Role.BLEND)):
            integer.add(unit.output)
            wanted |= set(unit.inputs)
    readers = _unit_readers(units)
    for unit in reversed(units):
        if unit.node.op_type not in _MOVERS or unit.output in integer or unit.name in keep_float:
            continue
        after = readers.get(unit.output, [])
        alone = len(after) == len(graph.readers(unit.output)) and unit.output not in graph.outputs
        if after and alone and all(reader.output in integer for reader in after):
            integer.add(unit.output)
    held = {name for unit in units if unit.output in integer for name in unit.inputs} | (integer - floats)
    return Placement(units, frozenset(integer), frozenset(floats), frozenset(held))


def slow_in_integers(graph: OnnxGraph, units: Iterable[Unit]) -> list[str]:
    """Names of the units at the input that onnxruntime's integer kernels for x86 are slower at than its float ones.

    Measured on AVX-512 VNNI (onnxruntime 1.31): convolutions of fewer than 4 channels take 1.5 to 2.5 times as long,
    depthwise ones of a number of channels that is no multiple of 16 about 3 times. Only those before the first fast
    layer are named, so that values are converted once.
    """
    slow = []
    for unit in units:
        if unit.role is not Role.WEIGHTS:
            continue
        if unit.layer is None or unit.layer.operator != "Conv":
            break
        weight = weight_of(graph, unit.layer)
        few = unit.layer.group == 1 and weight.shape[1] < _FEW_CHANNELS
        narrow = unit.layer.group == len(weight) and len(weight) % _VECTOR != 0
        if not (few or narrow):
            break
        slow.append(unit.name)
    return slow


def _unit_readers(units: Iterable[Unit]) -> dict[str, list[Unit]]:
    readers: dict[str, list[Unit]] = {}
    for unit in units:
        for name in unit.inputs:
            readers.setdefault(name, []).append(unit)
    return readers


def _gives_float(graph: OnnxGraph, unit: Unit, inside: Collection[int]) -> bool:
    """Products that nothing reads as integers stay as exact as they are; so do those with a bias added afterwards."""
    assert unit.layer is not None
    if unit.layer.bias_node is not None:
        return True
    if unit.layer.operator == "Conv" or unit.absorbed:
        return False
    return not any(id(reader.node) in inside for reader in graph.readers(unit.output))
