"""The Sparkplug B payload as a protobuf message, described by field numbers from the specification.

Source: Eclipse Sparkplug 3.0.0, section 6.4 (payload definition). Only the scalar metric types this program sends or
reads are described; everything else in a payload is skipped by protobuf as an unknown field.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_FIELD = descriptor_pb2.FieldDescriptorProto

_METRIC_FIELDS = (
    ("name", 1, _FIELD.TYPE_STRING, ""),
    ("alias", 2, _FIELD.TYPE_UINT64, ""),
    ("timestamp", 3, _FIELD.TYPE_UINT64, ""),
    ("datatype", 4, _FIELD.TYPE_UINT32, ""),
    ("is_null", 7, _FIELD.TYPE_BOOL, ""),
    ("int_value", 10, _FIELD.TYPE_UINT32, "value"),
    ("long_value", 11, _FIELD.TYPE_UINT64, "value"),
    ("float_value", 12, _FIELD.TYPE_FLOAT, "value"),
    ("double_value", 13, _FIELD.TYPE_DOUBLE, "value"),
    ("boolean_value", 14, _FIELD.TYPE_BOOL, "value"),
    ("string_value", 15, _FIELD.TYPE_STRING, "value"),
)


def _payload_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="edgeyard_sparkplug.proto", package="edgeyard", syntax="proto2")
    payload = file.message_type.add(name="Payload")
    metric = payload.nested_type.add(name="Metric")
    metric.oneof_decl.add(name="value")
    for name, number, kind, oneof in _METRIC_FIELDS:
        field = metric.field.add(name=name, number=number, type=kind, label=_FIELD.LABEL_OPTIONAL)
        if oneof:
            field.oneof_index = 0
    payload.field.add(name="timestamp", number=1, type=_FIELD.TYPE_UINT64, label=_FIELD.LABEL_OPTIONAL)
    payload.field.add(
        name="metrics",
        number=2,
        type=_FIELD.TYPE_MESSAGE,
        label=_FIELD.LABEL_REPEATED,
        type_name=".edgeyard.Payload.Metric",
    )
    payload.field.add(name="seq", number=3, type=_FIELD.TYPE_UINT64, label=_FIELD.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("edgeyard.Payload"))


PayloadMessage: Any = _payload_class()
"""Generated protobuf class; fields as in `_METRIC_FIELDS`."""
