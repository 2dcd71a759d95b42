"""The bytes a device signs to say what it runs: canonical JSON, so that equal words have equal bytes."""

from __future__ import annotations

import msgspec

from edgeyard.wire.error import WireError
from edgeyard.wire.message import RunningStatement

_MAX_STATEMENT_BYTES = 2048


def encode_statement(statement: RunningStatement) -> bytes:
    """Canonical JSON (sorted keys, no white space) of a statement."""
    return msgspec.json.encode(statement, order="sorted")


def decode_statement(data: bytes) -> RunningStatement:
    """Read a statement back; raises `WireError` when it is not one or not in canonical form."""
    if len(data) > _MAX_STATEMENT_BYTES:
        raise WireError(f"statement of {len(data)} bytes is over {_MAX_STATEMENT_BYTES}")
    try:
        statement = msgspec.json.decode(data, type=RunningStatement)
    except (msgspec.DecodeError, RecursionError) as error:
        raise WireError(str(error)) from error
    if encode_statement(statement) != data:
        raise WireError("statement is not in canonical form")
    return statement
