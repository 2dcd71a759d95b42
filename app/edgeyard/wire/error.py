"""The one error of this layer: bytes that are not what their topic promises."""

from __future__ import annotations


class WireError(ValueError):
    """Received bytes were refused; the text says why and is kept with the dead letter."""
