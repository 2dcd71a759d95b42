"""Where the channels are after a reshape, if they are still channels."""

from __future__ import annotations

import numpy as np

from edgeyard.optimize.prune.label import Channels

Sizes = tuple[int, ...]


def reshaped(given: Channels, shape: Sizes, result: Sizes) -> Channels | None:
    """When only axes of size 1 came or went: the channels on their new axis. Shapes are those of one sample."""
    if not given.axis or len(given.labels) == 1 or [n for n in shape if n != 1] != [n for n in result if n != 1]:
        return None
    place = sum(size != 1 for size in shape[: given.axis])
    wide = [axis for axis, size in enumerate(result) if size != 1]
    return Channels(wide[place], given.labels) if wide[place] else None


def flattened(given: Channels, shape: Sizes, result: Sizes) -> Channels | None:
    """When all axes but the batch became one: the label of each of its positions."""
    if not given.axis or shape[0] != 1 or len(result) != 2 or result[0] != 1:
        return None
    lying = given.labels.reshape([-1 if axis == given.axis else 1 for axis in range(1, len(shape))])
    return Channels(1, np.broadcast_to(lying, shape[1:]).reshape(-1))
