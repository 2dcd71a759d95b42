"""Typed messages of the durable plane and of the HTTPS API. Codecs are in `record_codec` and `api`."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from edgeyard.domain.execution import ExecutionState, TrialEvidence
from edgeyard.wire.limit import MAX_RECORDS_PER_BATCH, MAX_TEXT_CHARACTERS

Identifier = Annotated[str, Meta(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
Digest = Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?$")]
"""SHA-256 in hex, or empty for none."""
Text = Annotated[str, Meta(max_length=MAX_TEXT_CHARACTERS)]
Natural = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]


class Record(Struct, frozen=True, forbid_unknown_fields=True):
    """One durable entry. `seq` counts from 1 within a boot; `at` is Unix seconds of the device's clock.

    `kind` is `execution` (body: `ExecutionReport`), `running` (`RunningReport`), `metrics` (`MetricsSummary`),
    `event` (`DeviceEvent`), `lab` (`wire.lab.LabReport`) or `lab-end` (`LabEnd`). Bodies are decoded by kind,
    separately: one bad body costs one record, not its batch.
    """

    seq: Natural
    at: float
    kind: Annotated[str, Meta(max_length=32)]
    body: dict[str, Any]


class RecordBatch(Struct, frozen=True, forbid_unknown_fields=True):
    """What an agent sends on `…/records`. `boot` grows by one at each start of the agent (persisted)."""

    boot: Natural
    records: Annotated[list[Record], Meta(max_length=MAX_RECORDS_PER_BATCH)]


class RecordAck(Struct, frozen=True, forbid_unknown_fields=True):
    """What the hub answers on `…/ack` after its commit: all of `boot` up to `seq` is safe and may be deleted."""

    boot: Natural
    seq: Natural


class Desired(Struct, frozen=True, forbid_unknown_fields=True):
    """The retained hint on `…/desired`: director metadata `director_version` is out."""

    director_version: Natural


class ExecutionReport(Struct, frozen=True, forbid_unknown_fields=True):
    """A device's word on one execution, as named in its director metadata."""

    execution: Natural
    state: ExecutionState
    reason: Text = ""
    evidence: TrialEvidence | None = None
    downloaded_bytes: Natural = 0


class RunningReport(Struct, frozen=True, forbid_unknown_fields=True):
    """The signed word of what runs: canonical JSON of a `RunningStatement`, signed (ECDSA P-256, SHA-256, DER)."""

    statement: Annotated[bytes, Meta(max_length=2048)]
    signature: Annotated[bytes, Meta(max_length=128)]


class RunningStatement(Struct, frozen=True, forbid_unknown_fields=True):
    """What a `RunningReport` says. `counter` grows with every statement of a device, across boots."""

    device: Identifier
    site: Identifier
    counter: Natural
    digest: Digest
    previous_digest: Digest
    target: Annotated[str, Meta(max_length=300)]
    """The TUF target path that runs (`model/version/variant.onnx`), or empty."""
    director_version: Natural
    at: float


class MetricsSummary(Struct, frozen=True, forbid_unknown_fields=True):
    """One window of the agent's own figures. Times in seconds of the device's clock, latencies in milliseconds."""

    start: float
    duration_s: float
    digest: Digest
    inferences: Natural
    errors: Natural
    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    latency_p99_ms: float | None = None
    cpu_percent: float | None = None
    memory_bytes: Natural | None = None
    temperature_c: float | None = None
    class_counts: Annotated[list[Natural], Meta(max_length=1000)] = []


class DeviceEvent(Struct, frozen=True, forbid_unknown_fields=True):
    """Something a person should be able to read later. `severity` is `info`, `attention` or `alarm`."""

    severity: Annotated[str, Meta(pattern="^(info|attention|alarm)$")]
    code: Annotated[str, Meta(max_length=64)]
    text: Text


class JoinRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/join: a one-time token's secret and a certificate request; `role` must be the token's."""

    secret: Annotated[str, Meta(max_length=128)]
    role: Annotated[str, Meta(pattern="^(device|operator)$")]
    name: Annotated[str, Meta(max_length=72)]
    """Device id, or operator name (without prefix)."""
    csr_pem: Annotated[str, Meta(max_length=8192)]
    hardware_profile: Annotated[str, Meta(max_length=64)] = ""
    labels: Annotated[dict[str, Annotated[str, Meta(max_length=64)]], Meta(max_length=32)] = {}
    agent_version: Annotated[str, Meta(max_length=32)] = ""


class JoinAnswer(Struct, frozen=True):
    """What a newcomer needs to be of the site from now on. PEM and TUF metadata as text."""

    site: str
    name: str
    certificate_pem: str
    ca_pem: str
    mqtt_host: str
    mqtt_port: int
    release_root: str = ""
    director_root: str = ""


class ReleaseCustom(Struct, frozen=True):
    """`custom` of a model target in the release repository; everything an agent needs to accept and run it."""

    hardware_profiles: list[str]
    model: str
    version: int
    variant: str
    precision: str
    counter: int
    """Release counter of the model, never accepted below the device's own unless the director says `undo`."""
    input_name: str
    input_shape: list[int | None]
    output_name: str
    preprocessing: dict[str, Any]
    golden: dict[str, Any]
    """`{"sha256": …, "size_bytes": …, "samples": …, "target": …}` of the self-test set (an own target)."""
    evidence: dict[str, Any]
    lineage: dict[str, Any]


class DirectorCustom(Struct, frozen=True):
    """`custom` of the one target in a device's director metadata."""

    execution: int
    rollout: int
    hardware_profile: str
    undo: bool
    """The device is asked to return to a model it ran before; allows a lower counter, never an unapproved target."""
    gate: dict[str, Any]
