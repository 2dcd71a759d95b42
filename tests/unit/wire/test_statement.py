"""The signed statement: one form only, so that a signature has one meaning."""

from __future__ import annotations

import pytest

from edgeyard.wire.error import WireError
from edgeyard.wire.message import RunningStatement
from edgeyard.wire.statement import decode_statement, encode_statement

STATEMENT = RunningStatement("pi4-01", "demo", 3, "a" * 64, "", "m/1/int8.onnx", 2, 1.5)


def test_a_statement_is_read_back() -> None:
    assert decode_statement(encode_statement(STATEMENT)) == STATEMENT


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data + b" ",
        lambda data: data.replace(b'"counter":3', b'"counter":3.0'),
        lambda data: data.replace(b'"demo"', b'"Demo"'),
        lambda data: data.replace(b'"a', b'"z'),
        lambda data: b"{}",
        lambda data: data * 20,
    ],
    ids=["space", "number", "site", "digest", "empty", "long"],
)
def test_another_form_of_the_same_words_is_refused(change) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(WireError):
        decode_statement(change(encode_statement(STATEMENT)))
