"""OTLP over HTTP: `/v1/traces` and `/v1/logs`, for runtimes that send their telemetry here and to no Collector.

What counts is what `burnline otel` counts. As the protocol has it: protobuf or JSON, plain or gzip; 200 with
`partial_success` where some of it was refused; 503 with Retry-After where it may be sent again, which doubles nothing.
Errors are problem details, as everywhere in this API.
"""

import asyncio
import zlib
from collections.abc import Sequence
from functools import partial

import msgspec
from fastapi import APIRouter, Request, Response
from google.protobuf.json_format import MessageToJson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from burnline.api.access.principal import Editor, Principal
from burnline.api.problems import Problem
from burnline.api.resources import Resources, WithResources
from burnline.api.taking import Taking, publish
from burnline.events.decode import decode_batch
from burnline.otel.mapping import Rules, Skipped
from burnline.otel.wire import NotOtlp
from burnline.publisher.encoding import Encoded, record_of
from burnline.relay.telemetry import read_events

router = APIRouter(tags=["ways in"], include_in_schema=False)

PROTOBUF, JSON = "application/x-protobuf", "application/json"
MOST_TOLD = 5
_GZIP = 16 + zlib.MAX_WBITS


@router.post("/v1/traces")
async def take_traces(request: Request, resources: WithResources, caller: Editor) -> Response:
    """Spans; answered once the brokers have the usage events in them."""
    body, media_type = await _body(request, resources)
    refused, why = await _take(body, request.app.state.taking, resources, caller, logs=False)
    answer = ExportTraceServiceResponse()
    if refused:
        answer.partial_success.rejected_spans = refused
        answer.partial_success.error_message = why
    return _answer(answer, media_type)


@router.post("/v1/logs")
async def take_logs(request: Request, resources: WithResources, caller: Editor) -> Response:
    """Log records; answered once the brokers have the usage events in them."""
    body, media_type = await _body(request, resources)
    refused, why = await _take(body, request.app.state.taking, resources, caller, logs=True)
    answer = ExportLogsServiceResponse()
    if refused:
        answer.partial_success.rejected_log_records = refused
        answer.partial_success.error_message = why
    return _answer(answer, media_type)


async def _take(body: bytes, taking: Taking, resources: Resources, caller: Principal, *, logs: bool) -> tuple[int, str]:
    """Publish what counts; says how many were refused, and why."""
    read = partial(_read, body, resources, caller, logs=logs)
    events, reasons = await asyncio.to_thread(read)  # megabytes take a while, and others are asking
    if events:
        await publish(taking, events)
    return len(reasons), _sentence(reasons)


def _read(body: bytes, resources: Resources, caller: Principal, *, logs: bool) -> tuple[list[Encoded], list[str]]:
    try:
        found = read_events(body, logs=logs, rules=_rules(resources, caller))
    except NotOtlp as error:
        raise Problem(400, f"The body is {error}", kind="not-otlp") from error
    values = [msgspec.json.encode(event) for event in found if not isinstance(event, Skipped)]
    skew_ms = resources.settings.max_clock_skew_ms
    usages, rejections = decode_batch(values, now_ms=resources.now_ms(), max_clock_skew_ms=skew_ms)
    reasons = [rejection.detail for rejection in rejections]
    events = []
    for usage in usages:
        if usage is None:
            continue
        if caller.sees(usage.org_id):
            events.append(record_of(usage))
        else:
            reasons.append(f"This token writes for its own organisations only, and {usage.org_id!r} is none of them.")
    return events, reasons


def _rules(resources: Resources, caller: Principal) -> Rules:
    """A token that is bound to one organisation says which it is."""
    settings = resources.settings
    own = sorted(caller.orgs or ())
    org = own[0] if len(own) == 1 else settings.otel_default_org
    return Rules(org, settings.otel_session_fallback)


def _sentence(reasons: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(reasons))
    more = f" … and {len(distinct) - MOST_TOLD} others" if len(distinct) > MOST_TOLD else ""
    return "; ".join(distinct[:MOST_TOLD]) + more


async def _body(request: Request, resources: Resources) -> tuple[bytes, str]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in (PROTOBUF, JSON):
        raise Problem(415, f"Content-Type {media_type!r} is neither {PROTOBUF} nor {JSON}.", kind="invalid-request")
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    body = await request.body()
    if encoding == "identity":
        return body, media_type
    if encoding != "gzip":
        raise Problem(415, f"Content-Encoding {encoding!r} is neither gzip nor identity.", kind="invalid-request")
    return _unpacked(body, resources.settings.api_max_ingest_bytes), media_type


def _unpacked(body: bytes, most: int) -> bytes:
    """Out of gzip, however much it claims to hold."""
    unpacking = zlib.decompressobj(_GZIP)
    try:
        unpacked = unpacking.decompress(body, most)
    except zlib.error as error:
        raise Problem(400, f"The body is no gzip: {error}", kind="invalid-request") from error
    if unpacking.unconsumed_tail:
        raise Problem(413, f"The body has more than {most} bytes when unpacked.", kind="too-large")
    if not unpacking.eof:
        raise Problem(400, "The body is no whole gzip.", kind="invalid-request")
    return unpacked


def _answer(message: ExportTraceServiceResponse | ExportLogsServiceResponse, media_type: str) -> Response:
    content = MessageToJson(message, indent=None) if media_type == JSON else message.SerializeToString()
    return Response(content, media_type=media_type)
