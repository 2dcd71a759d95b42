"""What durable records mean: each fresh one changes what the site knows, in the transaction that commits it.

A record that cannot be believed or understood becomes a dead letter with the reason, and does not hold up the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from edgeyard.domain.error import UserError
from edgeyard.domain.execution import ExecutionState
from edgeyard.domain.lab import LabState
from edgeyard.hub.roster import Member
from edgeyard.store.database import Connection
from edgeyard.store.device import StoredEvent, add_events, get_device, set_problem, set_running
from edgeyard.store.lab import add_lab_report, end_lab_run
from edgeyard.store.metric import Sample, add_samples
from edgeyard.store.record import commit_batch, dead_letter, fresh_records
from edgeyard.store.rollout import executions_of_device, get_execution, set_execution_state
from edgeyard.trust.device_key import verify_statement
from edgeyard.wire.error import WireError
from edgeyard.wire.lab import LabEnd, LabReport
from edgeyard.wire.message import (
    DeviceEvent,
    ExecutionReport,
    MetricsSummary,
    Record,
    RunningReport,
)
from edgeyard.wire.record_codec import decode_body
from edgeyard.wire.statement import decode_statement

AWAITS_PROOF = "The device reports success; its signed statement of what runs is awaited."
REFUSED_STATEMENT = "A statement of what runs was refused, since its signature is not this device's."
_REFUSED_STATEMENT_TODO = (
    " If nobody replaced the device's key, somebody speaks in its name: take it off the network, look at it, and let it"
    " join again under another name."
)
_RECENT_EXECUTIONS = 5


@dataclass(slots=True)
class DeviceRecords:
    """Records of one device and boot that are to be committed together; `now` is when the first of them came."""

    member: Member
    topic: str
    boot: int
    now: float
    records: list[Record] = field(default_factory=list)


@dataclass(slots=True)
class Harvest:
    """What many devices' records bring that can be written at once; `steered`: rollouts may have something to do."""

    site: str
    samples: list[Sample] = field(default_factory=list)
    events: list[StoredEvent] = field(default_factory=list)
    steered: bool = False

    def write(self, connection: Connection) -> None:
        """Write samples and events, in the transaction that commits their records."""
        add_samples(connection, self.samples)
        add_events(connection, self.events)


@dataclass(frozen=True, slots=True)
class _Work:
    """One device's records while the transaction is open. `skew_s`: how far its clock is ahead."""

    connection: Connection
    member: Member
    now: float
    skew_s: float
    harvest: Harvest


def store_records(connection: Connection, given: DeviceRecords, skew_s: float, harvest: Harvest) -> int:
    """Commit the fresh ones of a device's records with all they mean; the highest committed number of the boot.

    Samples and events go into `harvest`, which the caller writes in the same transaction.
    """
    device_id = given.member.device_id
    work = _Work(connection, given.member, given.now, skew_s, harvest)
    for record in fresh_records(connection, device_id, given.boot, given.records):
        try:
            body = decode_body(record)
            _HANDLERS[type(body)](work, record, body)
        except (WireError, UnbelievedError) as error:
            letter = msgspec.json.encode(record)
            dead_letter(connection, device_id, given.topic, f"record {record.seq}: {error}", letter, given.now)
    return commit_batch(connection, device_id, given.boot, given.records, given.now)


def note_problem(connection: Connection, device_id: str, text: str, now: float) -> None:
    """Take over what a device says is wrong with it (empty: nothing); a refused signature outranks its own word."""
    device = get_device(connection, device_id)
    if device is not None and not device.problem.startswith(REFUSED_STATEMENT):
        set_problem(connection, device_id, text, "attention" if text else "", now)


class UnbelievedError(Exception):
    """A well-formed record that says what its device may not say."""


def _execution(work: _Work, _record: Record, body: ExecutionReport) -> None:
    """A device's word on one of its executions; an end that came before, or a late report, changes nothing."""
    execution = get_execution(work.connection, body.execution)
    if execution is None or execution.device_id != work.member.device_id:
        raise UnbelievedError(f"execution {body.execution} is not of this device")
    state, reason = body.state, body.reason
    if state is ExecutionState.SUCCEEDED and not _proven(work, execution.digest):
        # Success is what the device signs to run, not what it says of its update.
        state, reason = ExecutionState.TRIAL, AWAITS_PROOF
    work.harvest.steered |= set_execution_state(
        work.connection,
        body.execution,
        state,
        reason,
        body.evidence,
        work.now,
        device_id=work.member.device_id,
        downloaded_bytes=body.downloaded_bytes or None,
    )


def _proven(work: _Work, digest: str) -> bool:
    device = get_device(work.connection, work.member.device_id)
    return device is not None and device.running_digest == digest


def _running(work: _Work, _record: Record, body: RunningReport) -> None:
    """A signed statement of what runs: verified with the device's certificate, whatever the broker let through."""
    device_id = work.member.device_id
    try:
        verify_statement(work.member.certificate_pem, body.statement, body.signature)
    except UserError as error:
        set_problem(work.connection, device_id, REFUSED_STATEMENT + _REFUSED_STATEMENT_TODO, "attention", work.now)
        raise UnbelievedError(REFUSED_STATEMENT) from error
    statement = decode_statement(body.statement)
    if statement.device != device_id or statement.site != work.harvest.site:
        raise UnbelievedError(f"the statement is of device {statement.device} in site {statement.site}")
    if not set_running(work.connection, device_id, statement, body.statement, body.signature, work.now):
        return
    device = get_device(work.connection, device_id)
    if device is not None and device.problem.startswith(REFUSED_STATEMENT):
        set_problem(work.connection, device_id, "", "", work.now)
    for execution in executions_of_device(work.connection, device_id, _RECENT_EXECUTIONS):
        awaited = execution.state is ExecutionState.TRIAL and execution.reason == AWAITS_PROOF
        if awaited and execution.digest == statement.digest:
            set_execution_state(work.connection, execution.id, ExecutionState.SUCCEEDED, "", None, work.now)
    work.harvest.steered = True


def _metrics(work: _Work, _record: Record, body: MetricsSummary) -> None:
    work.harvest.samples.append(
        Sample(
            device_id=work.member.device_id,
            at=_hub_time(work, body.start),
            duration_s=body.duration_s,
            digest=body.digest,
            inferences=body.inferences,
            errors=body.errors,
            latency_p50_ms=body.latency_p50_ms,
            latency_p95_ms=body.latency_p95_ms,
            latency_p99_ms=body.latency_p99_ms,
            cpu_percent=body.cpu_percent,
            memory_bytes=body.memory_bytes,
            temperature_c=body.temperature_c,
        )
    )


def _event(work: _Work, record: Record, body: DeviceEvent) -> None:
    at = _hub_time(work, record.at)
    work.harvest.events.append(StoredEvent(work.member.device_id, at, body.severity, body.code, body.text))


def _lab(work: _Work, _record: Record, body: LabReport) -> None:
    if not add_lab_report(work.connection, work.member.device_id, body, work.now):
        raise UnbelievedError(f"lab order {body.serial} is not of this device, or names no such file")


def _lab_end(work: _Work, _record: Record, body: LabEnd) -> None:
    state = LabState.REFUSED if body.refused else LabState.DONE
    if not end_lab_run(work.connection, work.member.device_id, body.serial, state, body.reason, work.now):
        raise UnbelievedError(f"lab order {body.serial} is not of this device")


_HANDLERS: dict[type, Callable[..., None]] = {
    ExecutionReport: _execution,
    RunningReport: _running,
    MetricsSummary: _metrics,
    DeviceEvent: _event,
    LabReport: _lab,
    LabEnd: _lab_end,
}


_SKEW_TOLERATED_S = 5.0


def _hub_time(work: _Work, device_time: float) -> float:
    """A device's time on the hub's clock: corrected where its clock is known to be off, and never in the future."""
    corrected = device_time - work.skew_s if abs(work.skew_s) > _SKEW_TOLERATED_S else device_time
    return min(corrected, work.now)
