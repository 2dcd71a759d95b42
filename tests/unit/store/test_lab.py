"""Lab runs in the database: one open order at a time, results once, closed for good."""

from __future__ import annotations

import msgspec
import pytest

from edgeyard.domain.error import UserError
from edgeyard.domain.lab import LabFigures, LabState
from edgeyard.store.database import Connection, Database
from edgeyard.store.lab import (
    add_lab_report,
    add_lab_run,
    cancel_lab_run,
    demand_lab,
    drop_lab_demand,
    end_lab_run,
    expire_lab_runs,
    get_lab_run,
    lab_demands,
    lab_results,
    list_lab_runs,
    next_serial,
    open_order,
    ordered_digests,
)
from edgeyard.store.model import add_version
from edgeyard.wire.lab import LabReport, SignedLabOrder, encode_order, encode_signed_order
from tests.unit.store.sample import NOW, digest, join
from tests.unit.trust.test_lab_order import ORDER

FIGURES = LabFigures(7, 0.1, 0.2, 0.15, 1.5, 1.4, 1.6, accuracy=0.9, samples=100, steady=True)


def _order(c: Connection, device: str = "press-1", expires_at: float = NOW + 60) -> int:
    """Order a run; returns its id."""
    version = add_version(c, model="yard", source_digest=digest("a"), source_size_bytes=9, now=NOW)
    order = msgspec.structs.replace(
        ORDER, device=device, serial=next_serial(c, device, NOW), expires_at=expires_at
    )  # fmt: skip
    return add_lab_run(c, order, encode_signed_order(SignedLabOrder(encode_order(order), {})), version.id, "anna", NOW)


def test_a_device_gets_its_own_orders_one_after_the_other(database: Database) -> None:
    with database.write() as c:
        join(c, "press-1", "press-2")
        first, second, other = _order(c), _order(c), _order(c, "press-2")
        runs = {run.id: run for run in list_lab_runs(c)}
        assert runs[first].serial < runs[second].serial
        assert open_order(c, "press-1", NOW) == encode_signed_order(SignedLabOrder(encode_order(runs[first].order), {}))
        assert end_lab_run(c, "press-1", runs[first].serial, LabState.DONE, "", NOW)
        assert open_order(c, "press-1", NOW) == encode_signed_order(
            SignedLabOrder(encode_order(runs[second].order), {})
        )
        assert get_lab_run(c, other) == runs[other]


def test_the_files_of_open_orders_may_be_fetched_and_no_others(database: Database) -> None:
    with database.write() as c:
        join(c, "press-1", "press-2")
        run_id = _order(c)
        assert ordered_digests(c, "press-1", NOW) == {digest("a"), digest("b"), digest("c")}
        assert ordered_digests(c, "press-2", NOW) == set()
        assert ordered_digests(c, "press-1", NOW + 60) == set()
        cancel_lab_run(c, run_id, NOW)
        assert ordered_digests(c, "press-1", NOW) == set()
        with pytest.raises(UserError, match="cancelled already"):
            cancel_lab_run(c, run_id, NOW)


def test_a_report_counts_once_and_only_for_the_files_of_the_order(database: Database) -> None:
    with database.write() as c:
        join(c, "press-1", "press-2")
        run_id = _order(c)
        [run] = list_lab_runs(c)
        report = LabReport(run.serial, digest("b"), FIGURES)
        assert add_lab_report(c, "press-1", report, NOW)
        assert add_lab_report(c, "press-1", LabReport(run.serial, digest("b"), None, "later"), NOW + 1)
        [result] = lab_results(c, run_id=run_id)
        assert (result.name, result.figures, result.reason) == ("int8-s8s8", FIGURES, "")
        assert lab_results(c, digests=[digest("b")]) == [result]
        assert lab_results(c) == []
        found = get_lab_run(c, run_id)
        assert found is not None
        assert found.state is LabState.RUNNING
        assert not add_lab_report(c, "press-2", report, NOW)
        assert not add_lab_report(c, "press-1", LabReport(run.serial, digest("f"), FIGURES), NOW)
        assert not end_lab_run(c, "press-2", run.serial, LabState.DONE, "", NOW)


def test_what_is_closed_stays_closed(database: Database) -> None:
    with database.write() as c:
        join(c, "press-1")
        run_id = _order(c)
        assert expire_lab_runs(c, NOW) == 0
        assert expire_lab_runs(c, NOW + 60) == 1
        [run] = list_lab_runs(c)
        assert end_lab_run(c, "press-1", run.serial, LabState.DONE, "", NOW + 61)
        found = get_lab_run(c, run_id)
        assert found is not None
        assert found.state is LabState.EXPIRED
        assert "--lab" in found.reason


def test_evidence_is_demanded_per_model_and_hardware(database: Database) -> None:
    with database.write() as c:
        demand_lab(c, "yard", "pi5", "anna", NOW)
        demand_lab(c, "yard", "pi5", "bert", NOW)
        demand_lab(c, "gate", "pi4", "anna", NOW)
        assert lab_demands(c) == [("gate", "pi4"), ("yard", "pi5")]
        assert lab_demands(c, "yard") == [("yard", "pi5")]
        assert drop_lab_demand(c, "yard", "pi5", NOW)
        assert not drop_lab_demand(c, "yard", "pi5", NOW)
