"""Numbers and times as people read them. Figures keep their width: tabular, with a thin unit behind."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from edgeyard.domain import quantity

count = quantity.count


def age(seconds: float) -> str:
    """How long ago, in one unit: `now`, `12 s`, `5 min`, `3 h`, `8 d`."""
    if math.isnan(seconds):
        return "never"
    if seconds < 2:
        return "now"
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds // 3600:.0f} h"
    return f"{seconds // 86400:.0f} d"


def ago(seconds: float) -> str:
    """`age` in a sentence: `just now`, `5 min ago`."""
    words = age(seconds)
    return {"now": "just now", "never": "never"}.get(words, f"{words} ago")


def size(size_bytes: float) -> str:
    """Bytes with a decimal unit and three figures: `512 B`, `1.27 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if size_bytes < 1000 or unit == "GB":
            return f"{size_bytes:.0f} B" if unit == "B" else f"{figure(size_bytes)} {unit}"
        size_bytes /= 1000
    return ""


def figure(value: float) -> str:
    """Three significant figures, never an exponent: `0.042`, `4.20`, `42.0`, `420`, `4,200`."""
    if math.isnan(value):
        return "–"
    magnitude = abs(value)
    if magnitude >= 100:
        return f"{value:,.0f}"
    if magnitude >= 10:
        return f"{value:.1f}"
    if magnitude >= 1:
        return f"{value:.2f}"
    return f"{value:.3f}" if magnitude else "0"


def percent(fraction: float) -> str:
    """`98.4 %` of a fraction 0..1."""
    return f"{fraction * 100:.1f} %"


def clock(at: float) -> str:
    """Local time: today's as `14:05:09`, another day's with its date."""
    local = datetime.fromtimestamp(at).astimezone()
    if local.date() == datetime.now().astimezone().date():
        return local.strftime("%H:%M:%S")
    return local.strftime("%Y-%m-%d %H:%M")


def both_clocks(at: float) -> str:
    """Local time with its zone, and UTC: for tooltips."""
    local = datetime.fromtimestamp(at).astimezone()
    utc = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
    return utc if not local.utcoffset() else f"{local:%Y-%m-%d %H:%M:%S %Z}\n{utc}"
