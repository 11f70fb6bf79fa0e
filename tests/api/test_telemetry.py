"""OTLP over HTTP: what the brokers have is answered for, what is refused is counted, the rest is a problem."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from burnline.api.access.principal import Principal, Role
from burnline.api.routes.telemetry import JSON, PROTOBUF
from burnline.events.decode import decode_batch
from burnline.events.usage import Usage
from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.reading import read_to_end
from tests.api.stage import EDITOR, OF_ACME, VIEWER, Api, Projection, serving
from tests.otel.emitted import END_NS, Emitter, as_json, logs
from tests.otel.test_logs import REQUEST
from tests.otel.test_spans import CALL

PROTO = {"Content-Type": PROTOBUF}


def spans(*changes: dict[str, Any], **resource: Any) -> Emitter:
    emitter = Emitter(service__name="svc", **resource)
    for number, change in enumerate(changes or ({},)):
        emitter.span("chat", CALL | {"gen_ai.response.id": f"r-{number}"} | change)
    return emitter


@pytest.fixture
def taking(ours: Settings) -> Iterator[Api]:
    """The API before real brokers."""
    Projection(ours).progress()
    with serving(ours, now_ms=END_NS // 1_000_000) as api:
        yield api.by(EDITOR)


def published(settings: Settings) -> dict[str, Usage]:
    """Events on `usage`, by id."""
    topic = topics_for(settings).usage
    batches = read_to_end(client_config(settings), topic.name, range(topic.partitions), timeout_s=30)
    values = [message.value() for batch in batches for message in batch]
    usages, rejections = decode_batch(values, now_ms=END_NS // 1_000_000, max_clock_skew_ms=0)
    assert rejections == []
    return {usage.event_id: usage for usage in usages if usage is not None}


@pytest.mark.broker
def test_what_was_answered_for_is_on_the_topic(taking: Api, ours: Settings) -> None:
    emitter = spans({}, {"gen_ai.usage.input_tokens": -1}, {"gen_ai.operation.name": "invoke_agent"})
    answer = taking.send("/v1/traces", content=emitter.proto(), headers=PROTO)
    assert (answer.status_code, answer.headers["content-type"]) == (200, PROTOBUF)
    told = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert told.rejected_spans == 1
    assert told.error_message.startswith("input_tokens")
    packed = {"Content-Type": JSON, "Content-Encoding": "gzip"}
    body = gzip.compress(spans({"gen_ai.response.id": "z"}).json())
    assert taking.send("/v1/traces", content=body, headers=packed).json() == {}
    export = logs(REQUEST, body="claude_code.api_request")
    answer = taking.send("/v1/logs", content=export.SerializeToString(), headers=PROTO)
    assert not ExportLogsServiceResponse.FromString(answer.content).HasField("partial_success")
    assert taking.send("/v1/logs", content=as_json(export), headers={"Content-Type": JSON}).json() == {}
    found = published(ours)
    assert set(found) == {"r-0", "z", "req_011"}
    assert found["r-0"].org_id == "default"
    # A token of one organisation writes for that one alone, and says which it is.
    taking.by(OF_ACME)
    strange = spans({"gen_ai.response.id": "strange"}, burnline__org_id="others")
    answer = taking.send("/v1/traces", content=strange.proto(), headers=PROTO)
    told = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert told.rejected_spans == 1
    assert "'others'" in told.error_message
    assert taking.send("/v1/traces", content=spans({"gen_ai.response.id": "own"}).proto(), headers=PROTO).content == b""
    found = published(ours)
    assert "strange" not in found
    assert found["own"].org_id == "acme"


def test_brokers_that_are_away_are_a_503_to_be_sent_again(reader: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("burnline.api.application.TIMEOUT_S", 0.2)
    answer = reader.by(EDITOR).send("/v1/traces", content=spans({"gen_ai.response.id": "r"}).proto(), headers=PROTO)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:burnline:problem:not-acknowledged")
    assert "Retry-After" in answer.headers


def test_telemetry_without_usage_asks_no_broker(reader: Api) -> None:
    emitter = Emitter()
    emitter.span("GET /", {"http.method": "GET"})
    answer = reader.by(EDITOR).send("/v1/traces", content=emitter.proto(), headers=PROTO)
    assert (answer.status_code, answer.content) == (200, b"")


BOMB = gzip.compress(b"\x00" * 5_000_000)
REFUSED = {
    "no media type": (b"", {}, 415),
    "another media type": (b"", {"Content-Type": "text/plain"}, 415),
    "another encoding": (b"", {**PROTO, "Content-Encoding": "br"}, 415),
    "no OTLP": (b"hello", PROTO, 400),
    "half a JSON": (b'{"resourceSpans"', {"Content-Type": JSON}, 400),
    "no gzip": (b"hello", {**PROTO, "Content-Encoding": "gzip"}, 400),
    "half a gzip": (BOMB[:20], {**PROTO, "Content-Encoding": "gzip"}, 400),
    "a bomb": (BOMB, {**PROTO, "Content-Encoding": "gzip"}, 413),
    "too long": (b"\x00" * 4_194_305, PROTO, 413),
}


@pytest.mark.parametrize(("body", "headers", "status"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("path", ["/v1/traces", "/v1/logs"])
def test_what_is_refused(reader: Api, path: str, body: bytes, headers: dict[str, str], status: int) -> None:
    answer = reader.by(EDITOR).send(path, content=body, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


@pytest.mark.parametrize(
    ("caller", "status"),
    [(VIEWER, 403), (Principal("token:none", Role.EDITOR, frozenset()), 200)],
    ids=["a viewer", "an editor of no organisation"],
)
def test_who_may(reader: Api, caller: Principal, status: int) -> None:
    answer = reader.by(caller).send("/v1/traces", content=spans({}).json(), headers={"Content-Type": JSON})
    assert answer.status_code == status
    if status == 200:
        assert json.loads(answer.content)["partialSuccess"]["rejectedSpans"] == "1"
