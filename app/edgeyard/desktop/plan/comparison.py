"""How the new version compares with what the devices run now, by the accuracy both were evaluated with. No Qt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from edgeyard.domain.model import Evidence, ModelVersion, Variant
from edgeyard.domain.plan import RolloutPlan
from edgeyard.store.model import ModelSummary

_POINTS = 100
_NOTHING = 0.0005
"""Less than this is not shown as a difference: it would read 0.0 points."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One version that devices of the plan run now. `points` is new minus old accuracy, in points, the worst device's.

    `sure` says that the 95 % intervals of both do not overlap.
    """

    label: str
    devices: int
    points: float
    sure: bool
    samples: tuple[int, int]

    @property
    def worse(self) -> bool:
        """Whether the new one is the worse of the two."""
        return self.points < 0

    @property
    def sentence(self) -> str:
        """`Accuracy 28.1 points below yard-vision 2, which runs on 12 of these devices`."""
        devices = "1 of these devices" if self.devices == 1 else f"{self.devices:,} of these devices"
        if self.points == 0:
            return f"As accurate as {self.label}, which runs on {devices}"
        word = "below" if self.worse else "above"
        return f"Accuracy {abs(self.points):.1f} points {word} {self.label}, which runs on {devices}"

    @property
    def basis(self) -> str:
        """What the figure stands on, for a tooltip."""
        new, old = self.samples
        sure = "more than" if self.sure else "within"
        return (
            f"Accuracy as evaluated when the variants were made: {new:,} samples now, {old:,} then.\n"
            f"The difference is {sure} what chance alone would give (95 % intervals)."
        )


def compare_running(plan: RolloutPlan, models: Iterable[ModelSummary]) -> tuple[Comparison, ...]:
    """Compare for every version that the plan's devices run; the worst for the fleet first.

    Devices without a model, and pairs of which one was never evaluated, are left out.
    """
    known = {v.digest: (version, v) for model in models for version in model.versions for v in version.variants}
    offered = {variant.digest: variant for variant in plan.version.variants}
    pairs: defaultdict[int, list[tuple[Variant, Variant]]] = defaultdict(list)
    versions: dict[int, ModelVersion] = {}
    for device in plan.devices:
        if device.previous_digest in known and device.digest in offered:
            version, old = known[device.previous_digest]
            versions[version.id] = version
            pairs[version.id].append((offered[device.digest], old))
    found = [_compare(versions[version_id], pairs[version_id]) for version_id in pairs]
    return tuple(sorted((c for c in found if c is not None), key=lambda c: c.points))


def _compare(version: ModelVersion, pairs: list[tuple[Variant, Variant]]) -> Comparison | None:
    measured = [(_difference(new, old), new.evidence, old.evidence) for new, old in _once(pairs)]
    judged = [(points, new, old) for points, new, old in measured if points is not None]
    if not judged:
        return None
    points, new, old = min(judged, key=lambda item: item[0])
    points = 0.0 if abs(points) < _NOTHING else points
    return Comparison(version.label, len(pairs), points * _POINTS, _apart(new, old), (new.samples, old.samples))


def _once(pairs: list[tuple[Variant, Variant]]) -> list[tuple[Variant, Variant]]:
    # Each pair of artifacts once, in order.
    return list({(new.digest, old.digest): (new, old) for new, old in pairs}.values())


def _difference(new: Variant, old: Variant) -> float | None:
    if new.evidence.accuracy is None or old.evidence.accuracy is None:
        return None
    return new.evidence.accuracy - old.evidence.accuracy


def _apart(new: Evidence, old: Evidence) -> bool:
    if None in (new.accuracy_low, new.accuracy_high, old.accuracy_low, old.accuracy_high):
        return False
    assert new.accuracy_low is not None
    assert new.accuracy_high is not None
    assert old.accuracy_low is not None
    assert old.accuracy_high is not None
    return new.accuracy_high < old.accuracy_low or new.accuracy_low > old.accuracy_high
