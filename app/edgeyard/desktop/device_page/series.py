"""The figures of one device as lines over time: stored windows, then what was heard live. Gaps stay gaps. No Qt."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeyard.desktop.device_page.detail import DeviceDetail
from edgeyard.domain.device import Device

Floats = npt.NDArray[np.float64]

_LIVE_POINTS = 2000
LIVE_GAP_S = 20.0
"""A device that is heard every few seconds and then not for this long leaves a gap."""
_GAP_WINDOWS = 2.5
"""After a stored window, so many windows without another one are a gap."""


@dataclass(frozen=True, slots=True)
class Line:
    """`x` in Unix seconds; NaN in `y` where nothing is known."""

    name: str
    x: Floats
    y: Floats


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines that share an axis. `floor` is a value the axis always shows, if any, and it spans at least `reach`."""

    title: str
    unit: str
    lines: tuple[Line, ...]
    floor: float | None = 0.0
    reach: float = 0.0
    band: tuple[float, float] | None = None
    """What is normal for this device."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(np.isfinite(line.y).any() for line in self.lines)


@dataclass(frozen=True, slots=True)
class Mark:
    """An event on the time axis."""

    at: float
    text: str
    role: str = "quiet"


class LivePoints:
    """What was heard of the device while it was on screen."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, ...]] = deque(maxlen=_LIVE_POINTS)

    def add(self, device: Device) -> bool:
        """Take over the device's figures if they are newer than the last; whether they were."""
        at = device.last_seen_at
        if at is None or (self._points and at <= self._points[-1][0]):
            return False
        figures = (
            device.latency_p50_ms, device.latency_p95_ms, device.inferences_per_s, device.error_rate,
            device.cpu_percent, device.memory_bytes, device.temperature_c,
        )  # fmt: skip
        self._points.append((at, *(np.nan if figure is None else float(figure) for figure in figures)))
        return True

    def after(self, at: float) -> Floats:
        """(points, 8) of those later than `at`: time, p50, p95, per second, error rate, cpu, memory, temperature."""
        points = [point for point in self._points if point[0] > at]
        return np.array(points, np.float64).reshape(len(points), 8)


def charts_of(detail: DeviceDetail | None, live: LivePoints) -> list[Chart]:
    """The charts in the order they are shown, empty ones included."""
    stored, reach = _stored(detail)
    heard = live.after(float(stored[-1, 0]) if len(stored) else 0.0)
    rows = np.concatenate([stored, heard])
    x = rows[:, 0]
    breaks = _gaps(x, np.concatenate([reach, heard[:, 0] + LIVE_GAP_S]))
    bands = detail.bands if detail is not None else {}

    def line(name: str, column: int, scale: float = 1.0) -> Line:
        return Line(name, *_broken(x, rows[:, column] * scale, breaks))

    def band(name: str, scale: float = 1.0) -> tuple[float, float] | None:
        found = bands.get(name)
        return (found[0] * scale, found[1] * scale) if found else None

    return [
        Chart("Latency", "ms", (line("p50", 1), line("p95", 2)), band=band("latency_p95_ms")),
        Chart("Inferences", "/s", (line("inferences", 3),), reach=1.0),
        Chart("Errors", "%", (line("errors", 4, 100.0),), reach=1.0),
        Chart("Processor", "%", (line("processor", 5),), reach=10.0, band=band("cpu_percent")),
        Chart("Memory", "MB", (line("memory", 6, 1e-6),), band=band("memory_bytes", 1e-6)),
        Chart("Temperature", "°C", (line("temperature", 7),), floor=None, band=band("temperature_c")),
    ]


def value_at(line: Line, x: float) -> float:
    """The value nearest to `x`; NaN in a gap or where there is nothing."""
    if not len(line.x):
        return float("nan")
    return float(line.y[int(np.argmin(np.abs(line.x - x)))])


def last_value(line: Line) -> float:
    """The newest value there is, or NaN."""
    known = line.y[np.isfinite(line.y)]
    return float(known[-1]) if len(known) else float("nan")


def _stored(detail: DeviceDetail | None) -> tuple[Floats, Floats]:
    """Rows as of `LivePoints.after`, and for each the time by which the next must come or else it is a gap."""
    if detail is None or not len(detail.samples):
        return np.empty((0, 8)), np.empty(0)
    s = detail.samples
    seconds = np.maximum(s["duration_s"], 1e-9)
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = np.where(s["inferences"] > 0, s["errors"] / s["inferences"], np.nan)
    middle = s["at"] + s["duration_s"] / 2
    columns = (
        middle, s["latency_p50_ms"], s["latency_p95_ms"], s["inferences"] / seconds, errors,
        s["cpu_percent"], s["memory_bytes"], s["temperature_c"],
    )  # fmt: skip
    return np.column_stack(columns).astype(np.float64), middle + np.maximum(_GAP_WINDOWS * seconds, LIVE_GAP_S)


def _gaps(x: Floats, reach: Floats) -> npt.NDArray[np.intp]:
    """Positions before which the line breaks."""
    return np.flatnonzero(x[1:] > reach[:-1]) + 1


def _broken(x: Floats, y: Floats, breaks: npt.NDArray[np.intp]) -> tuple[Floats, Floats]:
    if not len(breaks):
        return x, y
    return np.insert(x, breaks, (x[breaks - 1] + x[breaks]) / 2), np.insert(y, breaks, np.nan)
