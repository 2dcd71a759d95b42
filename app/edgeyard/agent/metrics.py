"""The agent's own figures: a short window for people who watch now, a long one for the record."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from dataclasses import dataclass, field

import psutil

from edgeyard.agent.quantile import quantile
from edgeyard.agent.runner_message import Window
from edgeyard.agent.sensor import temperature_c
from edgeyard.wire.message import MetricsSummary

RECENT_S = 30.0
MAX_LATENCIES = 20_000
"""Kept for one summary; of more, the newest."""


@dataclass(frozen=True, slots=True)
class Recent:
    """What the last half minute was like."""

    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    inferences_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What agent and runner use of the machine together; `cpu_percent` of one core."""

    cpu_percent: float | None
    memory_bytes: int | None
    temperature_c: float | None


@dataclass(slots=True)
class _Totals:
    """One reporting interval."""

    began_at: float
    began: float
    inferences: int = 0
    errors: int = 0
    latencies_ms: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_LATENCIES))
    class_counts: list[int] = field(default_factory=list)


class Metrics:
    """Counts what the runner reports. `wall` times are Unix seconds of the device's clock."""

    def __init__(self, wall: float) -> None:
        self.inferences_total = 0
        self.errors_total = 0
        self._recent: deque[tuple[float, Window]] = deque()
        self._totals = _Totals(wall, time.monotonic())
        self._own = psutil.Process()
        self._runner: psutil.Process | None = None
        self._own.cpu_percent(None)

    def add(self, window: Window) -> None:
        """Take in a runner's window."""
        self.inferences_total += window.inferences
        self.errors_total += window.errors
        totals = self._totals
        totals.inferences += window.inferences
        totals.errors += window.errors
        totals.latencies_ms.extend(window.latencies_ms)
        if len(window.class_counts) > len(totals.class_counts):
            totals.class_counts += [0] * (len(window.class_counts) - len(totals.class_counts))
        for index, count in enumerate(window.class_counts):
            totals.class_counts[index] += count
        now = time.monotonic()
        self._recent.append((now, window))
        while self._recent and now - self._recent[0][0] > RECENT_S:
            self._recent.popleft()

    def recent(self) -> Recent:
        """Latency and rate of the last half minute; `None` where nothing was inferred."""
        now = time.monotonic()
        windows = [(at, window) for at, window in self._recent if now - at <= RECENT_S]
        latencies = [value for _, window in windows for value in window.latencies_ms]
        if len(windows) < 2 or not latencies:
            return Recent()
        # From the end of the oldest window to the end of the newest.
        span_s = max(windows[-1][0] - windows[0][0], 1e-3)
        count = sum(window.inferences for _, window in windows[1:])
        return Recent(quantile(latencies, 0.50), quantile(latencies, 0.95), count / span_s)

    def forget_recent(self) -> None:
        """Another model runs from now on."""
        self._recent.clear()

    def close_interval(self, wall: float, digest: str, usage: Usage) -> MetricsSummary:
        """The summary of the interval that ends now; the next begins."""
        totals, now = self._totals, time.monotonic()
        latencies = list(totals.latencies_ms)
        self._totals = _Totals(wall, now)
        return MetricsSummary(
            start=totals.began_at,
            duration_s=now - totals.began,
            digest=digest,
            inferences=totals.inferences,
            errors=totals.errors,
            latency_p50_ms=quantile(latencies, 0.50) if latencies else None,
            latency_p95_ms=quantile(latencies, 0.95) if latencies else None,
            latency_p99_ms=quantile(latencies, 0.99) if latencies else None,
            cpu_percent=usage.cpu_percent,
            memory_bytes=usage.memory_bytes,
            temperature_c=usage.temperature_c,
            class_counts=totals.class_counts,
        )

    def watch_runner(self, pid: int | None) -> None:
        """Count this process too, from now on."""
        self._runner = None
        if pid is not None:
            with contextlib.suppress(psutil.Error):
                self._runner = psutil.Process(pid)
                self._runner.cpu_percent(None)

    def usage(self) -> Usage:
        """Since the last call; what cannot be read is `None`."""
        cpu: float | None = None
        memory: int | None = None
        for process in (self._own, self._runner):
            if process is not None:
                with contextlib.suppress(psutil.Error):
                    cpu = (cpu or 0.0) + process.cpu_percent(None)
                    memory = (memory or 0) + process.memory_info().rss
        return Usage(cpu, memory, temperature_c())
