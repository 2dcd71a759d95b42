"""Figures over time: what each device measured of itself, window by window."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from edgeyard.store.bound import finite, natural
from edgeyard.store.raw import fetch, fetch_one, insert_many, run


@dataclass(frozen=True, slots=True)
class Sample:
    """One window of one device, in the order of the table. `at` is its start in Unix seconds of the hub's clock.

    Latencies are milliseconds per inference; `None` is a figure that was not measured.
    """

    device_id: str
    at: float
    duration_s: float
    digest: str
    inferences: int
    errors: int
    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    latency_p99_ms: float | None = None
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    temperature_c: float | None = None


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """The whole fleet within one window that starts at `at`: means over the devices' own windows, sums of counts."""

    at: float
    devices: int
    inferences: int
    errors: int
    latency_p95_ms: float | None
    cpu_percent: float | None


_COLUMNS = tuple(field.name for field in fields(Sample))

SAMPLE_TYPE = np.dtype(
    [
        ("at", "f8"),
        ("duration_s", "f8"),
        ("digest", "U64"),
        *((name, "f8") for name in _COLUMNS[4:]),
    ]
)
"""One row of `samples`; NaN where a figure was not measured."""


def add_samples(c: Connection, samples: Sequence[Sample]) -> None:
    """Keep samples. Figures that no column can hold (NaN, infinities, negative counts) are left out or cut."""
    insert_many(c, "metric_sample", _COLUMNS, [_row(sample) for sample in samples])


def samples(c: Connection, device_id: str, since: float, until: float) -> NDArray[np.void]:
    """The device's samples with `since <= at < until` by time, as a structured array of `SAMPLE_TYPE`."""
    rows = fetch(
        c,
        f"SELECT {', '.join(_COLUMNS[1:])} FROM metric_sample"  # noqa: S608 - our own names
        " WHERE device_id = ? AND at >= ? AND at < ? ORDER BY at",
        (device_id, since, until),
    )
    array = np.zeros(len(rows), SAMPLE_TYPE)
    columns: list[tuple[Any, ...]] = list(zip(*rows, strict=True))
    for name, column in zip(_COLUMNS[1:], columns, strict=bool(rows)):
        array[name] = column if name == "digest" else np.array(column, dtype="f8")  # None becomes NaN
    return array


def recent_latency(
    c: Connection, since: float, device_ids: Sequence[str] | None = None
) -> dict[str, list[tuple[float, float]]]:
    """Per device its p95 latencies from `since` on as (at, milliseconds) by time; of all devices or only of some."""
    sql = "SELECT device_id, at, latency_p95_ms FROM metric_sample WHERE at >= ? AND latency_p95_ms IS NOT NULL"
    if device_ids is not None:
        if not device_ids:
            return {}
        sql += f" AND device_id IN ({', '.join('?' * len(device_ids))})"
    found: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for device_id, at, latency_ms in fetch(c, f"{sql} ORDER BY at", (since, *(device_ids or ()))):
        found[device_id].append((at, latency_ms))
    return dict(found)


def fleet_trend(c: Connection, since: float, window_s: float = 60.0) -> list[TrendPoint]:
    """The fleet from `since` on in windows of `window_s`, by time; windows without samples are left out."""
    # A cast to integer cuts on SQLite and rounds on PostgreSQL.
    window = "floor(at / ?)" if c.dialect.name == "postgresql" else "CAST(at / ? AS INTEGER)"
    rows = fetch(
        c,
        f"SELECT {window} AS number, count(DISTINCT device_id), sum(inferences), sum(errors), avg(latency_p95_ms),"  # noqa: S608
        " avg(cpu_percent) FROM metric_sample WHERE at >= ? GROUP BY number ORDER BY number",
        (window_s, since),
    )
    return [TrendPoint(float(row[0]) * window_s, row[1], int(row[2]), int(row[3]), row[4], row[5]) for row in rows]


def prune(c: Connection, before: float, max_rows: int = 50_000) -> int:
    """Delete about `max_rows` of the oldest samples before that time; returns how many. Call again until it is 0."""
    row = fetch_one(c, "SELECT at FROM metric_sample WHERE at < ? ORDER BY at LIMIT 1 OFFSET ?", (before, max_rows))
    if row is not None:
        # Samples of one instant go together, so this always gets on.
        return run(c, "DELETE FROM metric_sample WHERE at <= ?", (row[0],))
    return run(c, "DELETE FROM metric_sample WHERE at < ?", (before,))


def _row(sample: Sample) -> tuple[Any, ...]:
    # Attribute by attribute: `dataclasses.astuple` copies deeply, and cost a third of all ingest.
    return (
        sample.device_id,
        finite(sample.at) or 0.0,
        finite(sample.duration_s) or 0.0,
        sample.digest,
        natural(sample.inferences),
        natural(sample.errors),
        finite(sample.latency_p50_ms),
        finite(sample.latency_p95_ms),
        finite(sample.latency_p99_ms),
        finite(sample.cpu_percent),
        natural(sample.memory_bytes),
        finite(sample.temperature_c),
    )
