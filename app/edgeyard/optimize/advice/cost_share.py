"""How the time of one sample divides among layers, estimated for the machine on which the blocks were measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from edgeyard.domain.hardware import PROFILES, HardwareProfile
from edgeyard.domain.hardware.roofline import estimate_latency
from edgeyard.optimize.advice.advisory import Dominance, LayerShare
from edgeyard.optimize.block_table import BlockTable
from edgeyard.optimize.estimate import FUSED, works_of
from edgeyard.optimize.summary import LayerRow, ModelSummary

PRECISION = "fp32"
_SHOWN = 5
_NAME_CHARACTERS = 48


@dataclass(frozen=True, slots=True)
class Gain:
    """What faster blocks make of the time: the `share` of it they stand for, old ÷ new of that part, and of all."""

    share: float
    block: float
    model: float


@dataclass(frozen=True, slots=True)
class CostShares:
    """Estimated milliseconds of each layer (0 for what is fused or only computes weights), and their sum."""

    summary: ModelSummary
    milliseconds: tuple[float, ...]
    total_ms: float

    @property
    def layers(self) -> tuple[LayerRow, ...]:
        """The rows, in the order of `milliseconds`."""
        return self.summary.layers

    def share(self, positions: Iterable[int]) -> float:
        """Of the estimated time that these layers take, 0 to 1."""
        return sum(self.milliseconds[position] for position in positions) / self.total_ms if self.total_ms else 0.0

    def gain(self, ratios: Mapping[int, float]) -> Gain:
        """When each of these layers becomes faster by its ratio, and the others stay (Amdahl's law)."""
        old_ms = sum(self.milliseconds[position] for position in ratios)
        if not old_ms:
            return Gain(0.0, 1.0, 1.0)
        new_ms = sum(self.milliseconds[position] / ratio for position, ratio in ratios.items())
        rest_ms = self.total_ms - old_ms
        return Gain(
            round(old_ms / self.total_ms, 4), round(old_ms / new_ms, 3), round(self.total_ms / (rest_ms + new_ms), 3)
        )


def reference_profile(table: BlockTable) -> HardwareProfile:
    """The built-in profile of the machine that measured the table."""
    for profile in PROFILES.values():
        if (
            profile.architecture == table.architecture
            and not profile.accelerator
            and set(profile.instructions) == set(table.instructions)
        ):
            return profile
    return PROFILES["x86" if table.architecture == "x86-64" else "pi5"]


def cost_shares(summary: ModelSummary, table: BlockTable) -> CostShares:
    """Estimate each layer by itself."""
    profile = reference_profile(table)
    assert profile.speed is not None
    each = []
    for layer in summary.layers:
        estimate = None
        if not layer.constant and layer.operator not in FUSED:
            estimate = estimate_latency(works_of([layer]), profile.speed, PRECISION)
        each.append(estimate.latency_ms if estimate else 0.0)
    return CostShares(summary, tuple(each), sum(each))


def dominance(costs: CostShares, table: BlockTable) -> Dominance:
    """What the time and the parameters go to."""
    profile = reference_profile(table)
    assert profile.speed is not None
    estimate = estimate_latency(works_of(costs.layers), profile.speed, PRECISION)
    shares = {"compute": 0.0, "memory": 0.0, "overhead": 0.0}
    if estimate is not None:
        shares = {
            "compute": estimate.compute_share,
            "memory": estimate.memory_share,
            "overhead": estimate.overhead_share,
        }
    parameters = [layer.parameters for layer in costs.layers]
    return Dominance(
        max(shares, key=lambda kind: shares[kind]),
        round(shares["compute"], 4),
        round(shares["memory"], 4),
        round(shares["overhead"], 4),
        _largest(costs.layers, costs.milliseconds),
        _largest(costs.layers, parameters),
        f"estimated for {profile.title}, {PRECISION}, one thread",
    )


def short(name: str) -> str:
    """A node's name as it is shown: converters join many into one."""
    return name if len(name) <= _NAME_CHARACTERS else f"{name[: _NAME_CHARACTERS - 1]}…"


def count_of(count: int, thing: str) -> str:
    """`1 convolution takes`, `3 convolutions take`; the verb comes with the thing."""
    noun, _, verb = thing.rpartition(" ")
    return f"{count} {noun} {verb}s" if count == 1 else f"{count} {noun}s {verb}"


def _largest(layers: Sequence[LayerRow], values: Sequence[float]) -> tuple[LayerShare, ...]:
    total = sum(values)
    if not total:
        return ()
    order = sorted(range(len(values)), key=lambda index: (-values[index], index))[:_SHOWN]
    return tuple(
        LayerShare(short(layers[index].name), layers[index].operator, round(values[index] / total, 4))
        for index in order
        if values[index] > 0
    )
