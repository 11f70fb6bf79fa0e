"""OTLP as it comes: in protobuf or JSON, as the Collector's Kafka exporter and OTLP/HTTP write both.

Both are read into `shapes`. The two are told apart by the first byte: a JSON object begins with a brace, and no
message of protobuf's does. JSON is read here and not by protobuf's own reader, which takes ids for base64 where OTLP
writes them in hexadecimal.
"""

from collections.abc import Container, Iterable, Iterator
from typing import Any

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from burnline.otel.names import KNOWN, by_todays_names
from burnline.otel.shapes import LogRecord, Scalar, Span

_JSON_SPACE = b" \t\r\n"


class NotOtlp(ValueError):
    """The bytes are no OTLP export of this kind; the text says why."""


def is_json(value: bytes) -> bool:
    """Whether it is meant as JSON."""
    return value.lstrip(_JSON_SPACE).startswith(b"{")


def read_spans(value: bytes) -> list[Span]:
    """All spans of an export.

    Raises:
        NotOtlp: It is none.
    """
    return list(_json_spans(_json(value, _trace_decoder)) if is_json(value) else _proto_spans(value))


def read_logs(value: bytes) -> list[LogRecord]:
    """All log records of an export.

    Raises:
        NotOtlp: It is none.
    """
    return list(_json_logs(_json(value, _logs_decoder)) if is_json(value) else _proto_logs(value))


def _proto_spans(value: bytes) -> Iterator[Span]:
    try:
        export = ExportTraceServiceRequest.FromString(value)
    except DecodeError as error:
        raise NotOtlp(f"no spans in OTLP's protobuf: {error}") from error
    for of_resource in export.resource_spans:
        resource = by_todays_names(_proto_scalars(of_resource.resource.attributes, KNOWN))
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                yield Span(
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    span.name,
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    span.status.code == Status.STATUS_CODE_ERROR,
                    by_todays_names(_proto_scalars(span.attributes, KNOWN)),
                    resource,
                )


def _proto_logs(value: bytes) -> Iterator[LogRecord]:
    try:
        export = ExportLogsServiceRequest.FromString(value)
    except DecodeError as error:
        raise NotOtlp(f"no log records in OTLP's protobuf: {error}") from error
    for of_resource in export.resource_logs:
        resource = dict(_proto_scalars(of_resource.resource.attributes))
        for of_scope in of_resource.scope_logs:
            for record in of_scope.log_records:
                yield LogRecord(
                    record.event_name or record.body.string_value,
                    record.time_unix_nano or record.observed_time_unix_nano,
                    record.trace_id.hex(),
                    dict(_proto_scalars(record.attributes)),
                    resource,
                )


def _proto_scalars(pairs: Iterable[KeyValue], wanted: Container[str] | None = None) -> Iterator[tuple[str, Scalar]]:
    """Plain values, only those under these names: prompts and answers may stand beside them, and are long."""
    for pair in pairs:
        if wanted is not None and pair.key not in wanted:
            continue
        value = pair.value
        told: Scalar = value.string_value or value.int_value
        if told:  # nearly all are texts or counts, and to ask which it is takes as long as to read it
            yield pair.key, told
        elif (kind := value.WhichOneof("value")) in _SCALARS:
            yield pair.key, getattr(value, kind)


_SCALARS = frozenset({"string_value", "bool_value", "int_value", "double_value"})


class _Camel(msgspec.Struct, rename="camel"):
    """OTLP/JSON names fields in lowerCamelCase, and readers ignore what they do not know."""


class _AnyValue(_Camel):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: int | str | None = None  # 64 bits do not fit into JavaScript's numbers, so they are text
    double_value: float | str | None = None


class _KeyValue(_Camel):
    key: str = ""
    value: _AnyValue | None = None


class _Resource(_Camel):
    attributes: list[_KeyValue] | None = None


class _Status(_Camel):
    code: int | str | None = None


class _Span(_Camel):
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str | None = None
    name: str | None = None
    start_time_unix_nano: int | str | None = None
    end_time_unix_nano: int | str | None = None
    status: _Status | None = None
    attributes: list[_KeyValue] | None = None


class _ScopeSpans(_Camel):
    spans: list[_Span] | None = None


class _ResourceSpans(_Camel):
    resource: _Resource | None = None
    scope_spans: list[_ScopeSpans] | None = None


class _Traces(_Camel, forbid_unknown_fields=True):
    resource_spans: list[_ResourceSpans] | None = None


class _LogRecord(_Camel):
    time_unix_nano: int | str | None = None
    observed_time_unix_nano: int | str | None = None
    event_name: str | None = None
    body: _AnyValue | None = None
    trace_id: str | None = None
    attributes: list[_KeyValue] | None = None


class _ScopeLogs(_Camel):
    log_records: list[_LogRecord] | None = None


class _ResourceLogs(_Camel):
    resource: _Resource | None = None
    scope_logs: list[_ScopeLogs] | None = None


class _Logs(_Camel, forbid_unknown_fields=True):
    resource_logs: list[_ResourceLogs] | None = None


_trace_decoder = msgspec.json.Decoder(_Traces)
_logs_decoder = msgspec.json.Decoder(_Logs)


def _json(value: bytes, decoder: Any) -> Any:
    try:
        return decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotOtlp(f"no OTLP in JSON: {error}") from error


def _json_spans(export: _Traces) -> Iterator[Span]:
    for of_resource in export.resource_spans or ():
        resource = by_todays_names(_json_scalars((of_resource.resource or _Resource()).attributes))
        for of_scope in of_resource.scope_spans or ():
            for span in of_scope.spans or ():
                yield Span(
                    span.trace_id.lower(),
                    span.span_id.lower(),
                    (span.parent_span_id or "").lower(),
                    span.name or "",
                    _nanoseconds(span.start_time_unix_nano),
                    _nanoseconds(span.end_time_unix_nano),
                    (span.status or _Status()).code in (2, "STATUS_CODE_ERROR"),
                    by_todays_names(_json_scalars(span.attributes)),
                    resource,
                )


def _json_logs(export: _Logs) -> Iterator[LogRecord]:
    for of_resource in export.resource_logs or ():
        resource = dict(_json_scalars((of_resource.resource or _Resource()).attributes))
        for of_scope in of_resource.scope_logs or ():
            for record in of_scope.log_records or ():
                yield LogRecord(
                    record.event_name or (record.body or _AnyValue()).string_value or "",
                    _nanoseconds(record.time_unix_nano) or _nanoseconds(record.observed_time_unix_nano),
                    (record.trace_id or "").lower(),
                    dict(_json_scalars(record.attributes)),
                    resource,
                )


def _json_scalars(pairs: Iterable[_KeyValue] | None) -> Iterator[tuple[str, Scalar]]:
    for pair in pairs or ():
        value = _scalar(pair.value) if pair.value is not None else None
        if value is not None:
            yield pair.key, value


def _scalar(value: _AnyValue) -> Scalar | None:
    if value.string_value is not None:
        return value.string_value
    if value.bool_value is not None:
        return value.bool_value
    if value.int_value is not None:
        return _whole(value.int_value)
    if value.double_value is not None:
        return _double(value.double_value)
    return None


def _whole(value: int | str) -> int:
    shown = str(value)[:40]
    try:
        number = int(value)
    except ValueError as error:
        raise NotOtlp(f"no OTLP in JSON: {shown!r} is no whole number") from error
    if not -(2**63) <= number < 2**64:
        raise NotOtlp(f"no OTLP in JSON: {shown} has more than 64 bits")
    return number


def _double(value: float | str) -> float:
    try:
        return float(value)  # "NaN" and the infinities are text
    except ValueError as error:
        raise NotOtlp(f"no OTLP in JSON: doubleValue {str(value)[:40]!r} is no number") from error


def _nanoseconds(value: int | str | None) -> int:
    return 0 if value is None else _whole(value)
