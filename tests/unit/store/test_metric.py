from __future__ import annotations

import math
from dataclasses import fields

from edgeyard.store import tables
from edgeyard.store.database import Database
from edgeyard.store.metric import Sample, TrendPoint, add_samples, fleet_trend, prune, recent_latency, samples
from tests.unit.store.sample import NOW, digest


def sample(device_id: str, offset_s: float, p95: float | None = 7.0, **figures: float) -> Sample:
    return Sample(device_id, NOW + offset_s, 10.0, digest("1"), 100, 1, 5.0, p95, **figures)  # type: ignore[arg-type]


def test_table_and_object_have_the_same_columns_in_the_same_order() -> None:
    assert [column.name for column in tables.metric_sample.columns] == [field.name for field in fields(Sample)]


def test_samples_come_back_as_columns_by_time(database: Database) -> None:
    with database.write() as c:
        add_samples(c, [sample("a", 20, memory_bytes=1 << 33), sample("a", 10, None), sample("b", 10), sample("a", 30)])
        add_samples(c, [])
    with database.read() as c:
        array = samples(c, "a", NOW, NOW + 30)
        assert array["at"].tolist() == [NOW + 10, NOW + 20]
        assert array["digest"].tolist() == [digest("1")] * 2
        assert array["memory_bytes"][1] == 1 << 33
        assert math.isnan(array["latency_p95_ms"][0])
        assert array["inferences"].sum() == 200
        empty = samples(c, "nobody", 0, NOW * 2)
        assert (len(empty), empty["at"].dtype.name) == (0, "float64")


def test_sparklines_of_all_or_some_devices(database: Database) -> None:
    with database.write() as c:
        add_samples(c, [sample("a", 20, 2.0), sample("a", 10, 1.0), sample("a", 15, None), sample("b", 10, 3.0)])
    with database.read() as c:
        assert recent_latency(c, NOW) == {"a": [(NOW + 10, 1.0), (NOW + 20, 2.0)], "b": [(NOW + 10, 3.0)]}
        assert recent_latency(c, NOW + 11) == {"a": [(NOW + 20, 2.0)]}
        assert recent_latency(c, NOW, ["b", "x"]) == {"b": [(NOW + 10, 3.0)]}
        assert recent_latency(c, NOW, []) == {}


def test_the_fleets_trend_is_in_windows(database: Database) -> None:
    start = math.floor(NOW / 60) * 60 - NOW
    with database.write() as c:
        rows = [
            sample("a", start + 59, 2.0, cpu_percent=10.0),
            sample("b", start + 1, 4.0),
            sample("a", start + 30, None),
        ]
        add_samples(c, [*rows, sample("a", start + 120)])
    with database.read() as c:
        assert fleet_trend(c, NOW + start) == [
            TrendPoint(NOW + start, 2, 300, 3, 3.0, 10.0),
            TrendPoint(NOW + start + 120, 1, 100, 1, 7.0, None),
        ]


def test_figures_no_column_can_hold_are_left_out(database: Database) -> None:
    hostile = Sample("a", NOW, math.inf, "", -5, 1 << 70, math.nan, math.inf, -math.inf, 1.0, 1 << 80, math.nan)
    with database.write() as c:
        add_samples(c, [hostile])
        [row] = samples(c, "a", 0, NOW * 2)
        assert (row["duration_s"], row["inferences"], row["cpu_percent"]) == (0.0, 0.0, 1.0)
        assert math.isnan(row["latency_p95_ms"])


def test_old_samples_are_pruned_in_steps(database: Database) -> None:
    with database.write() as c:
        add_samples(c, [sample("a", offset_s) for offset_s in range(10)])
        assert prune(c, NOW + 8, max_rows=4) == 5
        assert prune(c, NOW + 8, max_rows=4) == 3
        assert prune(c, NOW + 8, max_rows=4) == 0
        assert len(samples(c, "a", 0, NOW * 2)) == 2
