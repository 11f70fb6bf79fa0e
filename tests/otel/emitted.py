"""Telemetry as the real OpenTelemetry SDK and its exporters write it, in protobuf and in JSON."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Status, StatusCode, set_span_in_context

END_NS = 1_760_000_000_123_000_000
SCALARS = {str: "string_value", bool: "bool_value", int: "int_value", float: "double_value"}


class Emitter:
    """An instrumented program: spans come out as its exporter would send them."""

    def __init__(self, **resource: Any) -> None:
        self._out = InMemorySpanExporter()
        provider = TracerProvider(resource=Resource({name.replace("__", "."): text for name, text in resource.items()}))
        provider.add_span_processor(SimpleSpanProcessor(self._out))
        self._tracer = provider.get_tracer("tests")
        self._provider = provider

    def span(
        self,
        name: str,
        attributes: Mapping[str, Any],
        *,
        parent: Any = None,
        failed: bool = False,
    ) -> Any:
        """A span that has ended; give it as `parent` to another one."""
        context = None if parent is None else set_span_in_context(parent)
        span = self._tracer.start_span(name, context, attributes=dict(attributes), start_time=END_NS - 2_000_000_000)
        if failed:
            span.set_status(Status(StatusCode.ERROR))
        span.end(end_time=END_NS)
        return span

    def finished(self) -> Sequence[ReadableSpan]:
        return self._out.get_finished_spans()

    def proto(self) -> bytes:
        """All spans so far in one export."""
        export: bytes = encode_spans(self.finished()).SerializeToString()
        return export

    def json(self) -> bytes:
        """The same in OTLP's JSON."""
        return as_json(encode_spans(self.finished()))


def as_json(export: Message) -> bytes:
    """OTLP's JSON of an export: as protobuf has it, but ids in hexadecimal and enumerations as numbers."""
    return json.dumps(_hex_ids(MessageToDict(export, use_integers_for_enums=True))).encode()


def _hex_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: base64.b64decode(part).hex() if name in ("traceId", "spanId", "parentSpanId") else _hex_ids(part)
            for name, part in value.items()
        }
    return [_hex_ids(part) for part in value] if isinstance(value, list) else value


def logs(*records: Mapping[str, Any], body: str, **resource: Any) -> ExportLogsServiceRequest:
    """Log records with these attributes, in one export."""
    export = ExportLogsServiceRequest()
    of_resource = export.resource_logs.add()
    of_resource.resource.attributes.extend(_pairs({name.replace("__", "."): text for name, text in resource.items()}))
    of_scope = of_resource.scope_logs.add()
    for record in records:
        entry = of_scope.log_records.add()
        entry.time_unix_nano = END_NS
        entry.body.string_value = body
        entry.attributes.extend(_pairs(record))
    return export


def _pairs(attributes: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=name, value=AnyValue(**{SCALARS[type(value)]: value})) for name, value in attributes.items()]
