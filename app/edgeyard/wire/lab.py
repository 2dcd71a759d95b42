"""What a lab device is asked to measure, and what it answers. Orders are signed (`trust.lab_order`)."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from edgeyard.domain.lab import LabFigures
from edgeyard.wire.error import WireError
from edgeyard.wire.limit import MAX_ARTIFACT_BYTES, MAX_LAB_CANDIDATES, MAX_LAB_ORDER_BYTES
from edgeyard.wire.message import Identifier, Natural, Text

_Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
_FileBytes = Annotated[int, Meta(ge=1, le=MAX_ARTIFACT_BYTES)]


class LabFile(Struct, frozen=True, forbid_unknown_fields=True):
    """One file of an order: a candidate under its variant's name, the original, or the labelled samples."""

    name: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,62}$")]
    sha256: _Sha256
    size_bytes: _FileBytes


class LabOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """Measure each candidate beside the original, on this device, before `expires_at` (Unix seconds).

    `serial` grows with every order to a device, so that an old one cannot be shown again. `settle_s` is how long the
    device may wait for its temperature to settle before each candidate.
    """

    site: Identifier
    device: Identifier
    serial: Natural
    expires_at: float
    hardware_profile: Annotated[str, Meta(max_length=64)]
    title: Text
    original: LabFile
    candidates: Annotated[list[LabFile], Meta(min_length=1, max_length=MAX_LAB_CANDIDATES)]
    samples: LabFile
    input_name: Annotated[str, Meta(max_length=200)]
    input_shape: Annotated[list[int | None], Meta(max_length=8)]
    output_name: Annotated[str, Meta(max_length=200)]
    preprocessing: dict[str, Any]
    repetitions: Annotated[int, Meta(ge=1, le=50)] = 7
    settle_s: Annotated[float, Meta(ge=0, le=1800)] = 120.0

    @property
    def digests(self) -> frozenset[str]:
        """SHA-256 of every file that it names."""
        return frozenset(file.sha256 for file in (self.original, self.samples, *self.candidates))


class SignedLabOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """The canonical bytes of an order, and signatures over them in hex, by key id."""

    order: Annotated[bytes, Meta(max_length=MAX_LAB_ORDER_BYTES)]
    signatures: Annotated[dict[_Sha256, Annotated[str, Meta(max_length=256)]], Meta(max_length=16)]


class LabReport(Struct, frozen=True, forbid_unknown_fields=True):
    """A device's word on one candidate of an order. Without `figures`, `reason` says why it could not be measured."""

    serial: Natural
    sha256: _Sha256
    figures: LabFigures | None = None
    reason: Text = ""


class LabEnd(Struct, frozen=True, forbid_unknown_fields=True):
    """A device is through with an order; `refused` when it did not take it, and why."""

    serial: Natural
    refused: bool = False
    reason: Text = ""


def encode_order(order: LabOrder) -> bytes:
    """Canonical JSON: equal orders have equal bytes."""
    return msgspec.json.encode(order, order="deterministic")


def decode_order(data: bytes) -> LabOrder:
    """Read an order; raises `WireError` when it is none, or not in canonical form."""
    if len(data) > MAX_LAB_ORDER_BYTES:
        raise WireError(f"order of {len(data)} bytes is over {MAX_LAB_ORDER_BYTES}")
    try:
        order = msgspec.json.decode(data, type=LabOrder)
    except (msgspec.DecodeError, RecursionError) as error:
        raise WireError(str(error)) from error
    if encode_order(order) != data:
        raise WireError("the order is not in canonical form")
    return order


def encode_signed_order(signed: SignedLabOrder) -> bytes:
    """As it is kept and sent."""
    return msgspec.json.encode(signed)


def decode_signed_order(data: bytes) -> SignedLabOrder:
    """Read `encode_signed_order` back; raises `WireError`."""
    if len(data) > 2 * MAX_LAB_ORDER_BYTES:
        raise WireError(f"signed order of {len(data)} bytes is over {2 * MAX_LAB_ORDER_BYTES}")
    try:
        return msgspec.json.decode(data, type=SignedLabOrder)
    except (msgspec.DecodeError, RecursionError) as error:
        raise WireError(str(error)) from error
