"""How much memory the tensors of a run take at each moment. Pure: names and sizes in, bytes out.

A tensor exists from the node that makes it to the last that reads it; inputs of the model from the start, outputs to
the end. Views (`Reshape`) share the memory of what they view, and an operator that may write over its input does so
when nobody reads that later, as ONNX Runtime plans it (its `Alias` and `MayInplace` kernel definitions).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

VIEWS = frozenset({"Dropout", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"})
IN_PLACE = frozenset(
    {
        "Abs", "Add", "BatchNormalization", "Ceil", "Clip", "Div", "Elu", "Erf", "Exp", "Floor", "HardSigmoid",
        "HardSwish", "LeakyRelu", "Log", "Max", "Min", "Mul", "Neg", "PRelu", "Reciprocal", "Relu", "Round",
        "Selu", "Sigmoid", "Sign", "Softmax", "Softplus", "Softsign", "Sqrt", "Sub", "Sum", "Tanh",
        "ThresholdedRelu",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunStep:
    """One node: names of the activations that it reads and makes (weights left out)."""

    operator: str
    reads: tuple[str, ...]
    makes: tuple[str, ...]


def live_bytes(
    steps: Sequence[RunStep], sizes: Mapping[str, int], inputs: Iterable[str], outputs: Iterable[str]
) -> list[int]:
    """Bytes of all tensors that exist while each step runs, in the order of `steps`; sizes not known count as 0."""
    inputs, kept = tuple(inputs), set(outputs)
    last_use = {name: -1 for step in steps for name in step.makes}
    for index, step in enumerate(steps):
        last_use |= dict.fromkeys(step.reads, index)
    last_use |= dict.fromkeys(kept, len(steps))
    homes: dict[str, str] = {}
    """The tensor whose memory each one uses."""
    born: dict[str, int] = {}
    ends: dict[str, int] = {}
    for name in inputs:
        homes[name] = name
        born[name], ends[name] = 0, max(0, last_use.get(name, 0))
    for index, step in enumerate(steps):
        for position, name in enumerate(step.makes):
            home = _shared_home(step, index, sizes, homes, ends, inputs) if position == 0 else ""
            homes[name] = home = home or name
            born.setdefault(home, index)
            ends[home] = max(ends.get(home, index), index, last_use.get(name, index))
    changes = [0] * (len(steps) + 2)
    for home, begin in born.items():
        size = sizes.get(home, 0)
        changes[begin] += size
        changes[ends[home] + 1] -= size
    result, total = [], 0
    for index in range(len(steps)):
        total += changes[index]
        result.append(total)
    return result


def _shared_home(
    step: RunStep,
    index: int,
    sizes: Mapping[str, int],
    homes: Mapping[str, str],
    ends: Mapping[str, int],
    inputs: tuple[str, ...],
) -> str:
    """Whose memory the first output takes over; empty when it needs its own."""
    if step.operator in VIEWS and step.reads and step.reads[0] in homes:
        return homes[step.reads[0]]
    if step.operator in IN_PLACE:
        wanted = sizes.get(step.makes[0], 0)
        for name in step.reads:
            home = homes.get(name, "")
            # The caller's own input is never written to.
            if home and home not in inputs and ends[home] == index and sizes.get(home, 0) == wanted:
                return home
    return ""
