"""GenAI spans, emitted by the real SDK, into usage events: names of today and earlier, what counts, and whose it is."""

from typing import Any

import pytest

from burnline.events.contract import UsageEvent
from burnline.events.decode import decode_batch
from burnline.otel.mapping import Event, Rules, Skipped
from burnline.otel.names import EARLIER, PARTS, by_todays_names
from burnline.otel.spans import usage_of_spans
from burnline.otel.wire import read_spans
from burnline.relay.records import Place, Record
from burnline.relay.telemetry import transform
from tests.otel.emitted import END_NS, Emitter

RULES = Rules(default_org="acme")
CALL: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.response.id": "chatcmpl-1",
    "gen_ai.conversation.id": "conv-1",
    "gen_ai.agent.name": "reviewer",
    "gen_ai.usage.input_tokens": 4808,
    "gen_ai.usage.output_tokens": 310,
}


def outcomes(emitter: Emitter, rules: Rules = RULES) -> list[Event | Skipped]:
    """Of all spans, in both encodings alike."""
    found = usage_of_spans(read_spans(emitter.proto()), rules)
    assert usage_of_spans(read_spans(emitter.json()), rules) == found
    return found


def one(attributes: dict[str, Any], rules: Rules = RULES, name: str = "chat gpt-4o", **resource: Any) -> Any:
    emitter = Emitter(service__name="svc", **resource)
    emitter.span(name, attributes)
    return outcomes(emitter, rules)[0]


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in CALL.items() if name not in names}


def test_a_call_by_the_names_of_today() -> None:
    emitter = Emitter(service__name="svc")
    span = emitter.span("chat gpt-4o", CALL)
    (event,) = outcomes(emitter)
    assert event == {
        "event_id": "chatcmpl-1",
        "occurred_at": END_NS // 1_000_000,
        "org_id": "acme",
        "agent_id": "reviewer",
        "session_id": "conv-1",
        "run_id": f"{span.get_span_context().trace_id:032x}",
        "model": "gpt-4o-2024-08-06",
        "provider": "openai",
        "kind": "llm",
        "input_tokens": 4808,
        "output_tokens": 310,
    }


COUNTS = {
    "today": {
        "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 200,
        "gen_ai.usage.cache_read.input_tokens": 600, "gen_ai.usage.cache_write.input_tokens": 100,
        "gen_ai.usage.reasoning.output_tokens": 50,
    },
    "v1.37": {
        "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 200,
        "gen_ai.usage.cache_read.input_tokens": 600, "gen_ai.usage.cache_creation.input_tokens": 100,
        "gen_ai.usage.reasoning_tokens": 50,
    },
    "flat": {
        "gen_ai.usage.prompt_tokens": 1000, "gen_ai.usage.completion_tokens": 200,
        "gen_ai.usage.cache_read_input_tokens": 600, "gen_ai.usage.cache_creation_input_tokens": 100,
        "gen_ai.usage.reasoning_tokens": 50,
    },
    "OpenLLMetry": {
        "llm.usage.prompt_tokens": 1000, "llm.usage.completion_tokens": 200,
        "llm.usage.cache_read_input_tokens": 600, "llm.usage.cache_creation_input_tokens": 100,
        "llm.usage.reasoning_tokens": 50,
    },
    "OpenInference": {
        "llm.token_count.prompt": 1000, "llm.token_count.completion": 200,
        "llm.token_count.prompt_details.cache_read": 600, "llm.token_count.prompt_details.cache_write": 100,
        "llm.token_count.completion_details.reasoning": 50,
    },
    "whole floats": {
        "gen_ai.usage.input_tokens": 1000.0, "gen_ai.usage.output_tokens": 200.0,
        "gen_ai.usage.cache_read.input_tokens": 600.0, "gen_ai.usage.cache_write.input_tokens": 100.0,
        "gen_ai.usage.reasoning.output_tokens": 50.0,
    },
    "cached and reasoning tokens beside the totals": {
        "gen_ai.usage.input_tokens": 300, "gen_ai.usage.output_tokens": 40,
        "gen_ai.usage.cache_read.input_tokens": 600, "gen_ai.usage.cache_write.input_tokens": 100,
        "gen_ai.usage.reasoning.output_tokens": 160,
    },
}  # fmt: skip
INCLUSIVE = {
    "input_tokens": 1000,
    "output_tokens": 200,
    "cached_input_tokens": 600,
    "cache_write_tokens": 100,
    "reasoning_tokens": 50,
}


@pytest.mark.parametrize("counts", COUNTS.values(), ids=COUNTS)
def test_counts_by_every_name(counts: dict[str, Any]) -> None:
    event = one(without("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens") | counts)
    expected = INCLUSIVE | ({"reasoning_tokens": 160} if 160 in counts.values() else {})
    assert {name: event[name] for name in INCLUSIVE} == expected


def test_parts_of_a_modality() -> None:
    event = one(CALL | {"gen_ai.usage.audio.input_tokens": 7, "gen_ai.usage.image.output_tokens": 9})
    assert (event["input_audio_tokens"], event["output_image_tokens"]) == (7, 9)


def test_a_call_that_failed_and_was_billed_counts_and_says_so() -> None:
    emitter = Emitter()
    emitter.span("chat", CALL, failed=True)
    (event,) = outcomes(emitter)
    assert isinstance(event, dict)
    assert event["error"] is True
    assert "error" not in one(CALL)


def test_each_name_means_one_thing() -> None:
    known = [name for today, earlier in EARLIER.items() for name in (today, *earlier)]
    assert len(known) == len(set(known))
    assert set(PARTS.values()) <= EARLIER.keys()


@pytest.mark.parametrize("order", [1, -1], ids=["today's first", "today's last"])
def test_of_several_names_for_one_thing_todays_counts_wherever_it_stands(order: int) -> None:
    given = {"llm.model_name": "c", "gen_ai.request.model": "b", "gen_ai.response.model": "a", "gen_ai.system": ""}
    told = by_todays_names(list(given.items())[::order])
    assert told == {"gen_ai.response.model": "a"}


def test_each_field_is_one_of_the_contract() -> None:
    assert set(PARTS) <= set(UsageEvent.model_fields)
    assert {"error", "reported_cost_usd", "reported_cost_source"} <= set(UsageEvent.model_fields)


@pytest.mark.parametrize(
    ("names", "provider"),
    [
        pytest.param({"gen_ai.provider.name": "anthropic", "gen_ai.system": "other"}, "anthropic", id="today"),
        pytest.param({"gen_ai.system": "aws.bedrock"}, "aws.bedrock", id="gen_ai.system"),
        pytest.param({"llm.provider": "google"}, "google", id="OpenInference"),
    ],
)
def test_the_provider(names: dict[str, str], provider: str) -> None:
    assert one(without("gen_ai.provider.name") | names)["provider"] == provider


@pytest.mark.parametrize(
    ("attributes", "outcome"),
    [
        pytest.param({"http.method": "GET"}, Skipped.NOT_A_MODEL_CALL, id="any other span"),
        pytest.param(
            without("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"), Skipped.NO_USAGE, id="no counts"
        ),
        *(
            pytest.param(CALL | {"gen_ai.operation.name": operation}, Skipped.CONTAINER, id=operation)
            for operation in ("invoke_agent", "create_agent", "invoke_workflow", "execute_tool", "fetch_response")
        ),
        pytest.param(
            without("gen_ai.operation.name") | {"traceloop.span.kind": "workflow"}, Skipped.CONTAINER, id="OpenLLMetry"
        ),
        pytest.param(
            without("gen_ai.operation.name") | {"openinference.span.kind": "AGENT"},
            Skipped.CONTAINER,
            id="OpenInference",
        ),
    ],
)
def test_what_is_no_event(attributes: dict[str, Any], outcome: Skipped) -> None:
    assert one(attributes) is outcome


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        pytest.param(CALL, "llm", id="chat"),
        pytest.param(CALL | {"gen_ai.operation.name": "text_completion"}, "llm", id="text_completion"),
        pytest.param(CALL | {"gen_ai.operation.name": "generate_content"}, "llm", id="generate_content"),
        pytest.param(CALL | {"gen_ai.operation.name": "embeddings"}, "embedding", id="embeddings"),
        pytest.param(without("gen_ai.operation.name"), "llm", id="no operation"),
        pytest.param(
            without("gen_ai.operation.name") | {"openinference.span.kind": "EMBEDDING"}, "embedding", id="OpenInference"
        ),
    ],
)
def test_the_kind(attributes: dict[str, Any], kind: str) -> None:
    assert one(attributes)["kind"] == kind


def test_claude_codes_spans_are_counted_by_its_log_events() -> None:
    assert one(CALL, name="claude_code.llm_request") is Skipped.COUNTED_BY_LOGS


def test_an_agents_span_repeats_its_childrens_tokens_and_says_who_acts() -> None:
    emitter = Emitter(service__name="svc")
    said = {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 30, "gen_ai.usage.output_tokens": 6}
    agent = emitter.span(
        "invoke_agent planner", said | {"gen_ai.agent.name": "planner", "gen_ai.conversation.id": "c-9"}
    )
    tool = emitter.span("step", {}, parent=agent)
    for number, tokens in enumerate((10, 20)):
        own = without("gen_ai.conversation.id", "gen_ai.agent.name", "gen_ai.usage.input_tokens")
        emitter.span(
            "chat", own | {"gen_ai.usage.input_tokens": tokens, "gen_ai.response.id": f"r-{number}"}, parent=tool
        )
    container, step, *calls = outcomes(emitter)
    assert (container, step) == (Skipped.CONTAINER, Skipped.NOT_A_MODEL_CALL)
    told = [(call["agent_id"], call["session_id"], call["input_tokens"]) for call in calls if isinstance(call, dict)]
    assert told == [("planner", "c-9", 10), ("planner", "c-9", 20)]


def test_of_two_clients_one_around_the_other_the_inner_one_counts() -> None:
    emitter = Emitter()
    outer = emitter.span("ChatOpenAI", without("gen_ai.response.id"))
    emitter.span("chat gpt-4o", CALL, parent=outer)
    assert [found if isinstance(found, Skipped) else found["event_id"] for found in outcomes(emitter)] == [
        Skipped.CONTAINER,
        "chatcmpl-1",
    ]


def test_a_response_has_one_id_however_often_it_is_told() -> None:
    emitter = Emitter()
    emitter.span("chat", CALL)
    emitter.span("chat", CALL)
    first, second = outcomes(emitter)
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    assert first["event_id"] == second["event_id"]


def test_a_response_without_an_id_is_known_by_its_span() -> None:
    emitter = Emitter()
    span = emitter.span("chat", without("gen_ai.response.id"))
    (event,) = outcomes(emitter)
    context = span.get_span_context()
    assert isinstance(event, dict)
    assert event["event_id"] == f"{context.trace_id:032x}:{context.span_id:016x}"


@pytest.mark.parametrize(
    ("attributes", "rules", "session"),
    [
        pytest.param(CALL | {"session.id": "s"}, RULES, "conv-1", id="the conversation goes first"),
        pytest.param(without("gen_ai.conversation.id") | {"session.id": "s"}, RULES, "s", id="then the SDK's session"),
        pytest.param(without("gen_ai.conversation.id"), RULES, "reviewer@2025-10-09", id="then the agent's day"),
        pytest.param(CALL, Rules(fallback="trace"), "conv-1", id="a trace only if there is no conversation"),
    ],
)
def test_the_session(attributes: dict[str, Any], rules: Rules, session: str) -> None:
    assert one(attributes, rules)["session_id"] == session


def test_a_trace_is_a_session_if_that_was_asked_for() -> None:
    emitter = Emitter()
    span = emitter.span("chat", without("gen_ai.conversation.id"))
    (event,) = outcomes(emitter, Rules(fallback="trace"))
    assert isinstance(event, dict)
    assert event["session_id"] == f"{span.get_span_context().trace_id:032x}"


def test_whose_it_is() -> None:
    nobody = without("gen_ai.agent.name")
    assert one(nobody)["agent_id"] == "svc"
    assert one(nobody, burnline__org_id="o", team__id="t", project__code="p")["org_id"] == "o"
    own = one(CALL | {"burnline.org_id": "own"}, burnline__org_id="o", team__id="t", project__code="p")
    assert (own["org_id"], own["team_id"], own["project_code"]) == ("own", "t", "p")


@pytest.mark.parametrize(
    ("attributes", "cost"),
    [
        pytest.param({"gen_ai.usage.cost": 0.00125}, "0.00125", id="one number"),
        pytest.param({"gen_ai.usage.cost.total": 1e-7, "gen_ai.usage.cost": 5.0}, "0.0000001", id="the total of parts"),
        pytest.param({"gen_ai.usage.cost_usd": "0.5"}, "0.5", id="text"),
        pytest.param({"gen_ai.usage.cost": 0.0}, "0", id="nothing"),
        pytest.param({"gen_ai.usage.cost": -1.0}, None, id="less than nothing"),
        pytest.param({"gen_ai.usage.cost": float("nan")}, None, id="no number"),
        pytest.param({"gen_ai.usage.cost": 1_000_001.0}, None, id="another unit"),
        pytest.param({"gen_ai.usage.cost": "a lot"}, None, id="words"),
        pytest.param({}, None, id="not reported"),
    ],
)
def test_a_reported_cost_stands_beside_ours(attributes: dict[str, Any], cost: str | None) -> None:
    assert one(CALL | attributes).get("reported_cost_usd") == cost


@pytest.mark.parametrize(
    ("tier", "shown"), [("default", "standard"), ("flex", "flex"), ("priority", "priority"), ("auto", None)]
)
def test_the_service_tier(tier: str, shown: str | None) -> None:
    assert one(CALL | {"openai.response.service_tier": tier}).get("service_tier") == shown


@pytest.mark.parametrize(
    ("attributes", "reason", "field"),
    [
        pytest.param({"gen_ai.usage.input_tokens": -1}, "out_of_range", "input_tokens", id="negative"),
        pytest.param({"gen_ai.usage.input_tokens": "many"}, "wrong_type", "input_tokens", id="words"),
        pytest.param({"gen_ai.usage.input_tokens": 1.5}, "wrong_type", "input_tokens", id="a part of a token"),
        pytest.param({"gen_ai.usage.output_tokens": float("nan")}, "wrong_type", "output_tokens", id="NaN"),
        pytest.param({"gen_ai.conversation.id": "c" * 5_000}, "too_long", "session_id", id="long"),
        pytest.param({"gen_ai.conversation.id": "a\u0000b"}, "control_character", "session_id", id="control"),
    ],
)
def test_what_makes_no_sense_is_told_by_the_worker_with_its_field(
    attributes: dict[str, Any], reason: str, field: str
) -> None:
    emitter = Emitter()
    emitter.span("chat", CALL | attributes)
    done = transform(Record(Place("otlp_spans", 0, 7), None, emitter.proto(), []), logs=False, rules=RULES)
    (usage,) = done.usage
    _, (rejection,) = decode_batch([usage.value], now_ms=END_NS // 1_000_000, max_clock_skew_ms=0)
    assert (rejection.reason.value, rejection.field) == (reason, field)
    assert usage.headers == [("burnline-source", b"otlp_spans/0/7")]


def test_a_call_without_a_model_is_told_too() -> None:
    emitter = Emitter()
    emitter.span("chat", without("gen_ai.request.model", "gen_ai.response.model"))
    done = transform(Record(Place("otlp_spans", 0, 7), None, emitter.proto(), []), logs=False, rules=RULES)
    _, (rejection,) = decode_batch([done.usage[0].value], now_ms=END_NS // 1_000_000, max_clock_skew_ms=0)
    assert rejection[1:3] == ("missing_field", "model")


def test_a_circle_of_parents_ends() -> None:
    emitter = Emitter()
    emitter.span("chat", CALL)
    (span,) = read_spans(emitter.proto())
    looped = [span._replace(parent_span_id="b" * 16), span._replace(span_id="b" * 16, parent_span_id=span.span_id)]
    assert usage_of_spans(looped, RULES) == [Skipped.CONTAINER, Skipped.CONTAINER]
    assert isinstance(usage_of_spans([span._replace(parent_span_id=span.span_id)], RULES)[0], dict)
