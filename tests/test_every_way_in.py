"""The same usage gives the same ledger to the last digit, whichever way it came in."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import agents
import anthropic
import openai
import polars as pl
import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

import burnline
from burnline import usage
from burnline.events.cloudevents import in_one_piece
from burnline.events.decode import decode_batch
from burnline.imports import claude_code, codex, langfuse
from burnline.imports import litellm as litellm_logs
from burnline.imports import openai as openai_usage
from burnline.imports.found import Found
from burnline.imports.mapped import FIELDS, FieldMapping, read_csv, read_jsonl
from burnline.imports.parquet import read_parquet
from burnline.ledger.record import encode as encode_ledger
from burnline.metering.hooks import litellm
from burnline.metering.hooks.acting import recorder
from burnline.otel.mapping import Rules
from burnline.publisher.encoding import encode, record_of
from burnline.relay.records import Place, Record
from burnline.relay.telemetry import transform
from tests.ledger.examples import T0, held, ledger
from tests.metering.conftest import Kept
from tests.metering.stub import provider
from tests.otel.emitted import Emitter, as_json, logs

Event = dict[str, Any]
WHO: Event = {"org": "acme", "agent": "coder", "session": "s1"}
OF_WHO: Event = {"org_id": "acme", "agent_id": "coder", "session_id": "s1"}
RULES = Rules(default_org="acme")

FULL: Event = {
    "event_id": "chatcmpl-1", "occurred_at": T0, **OF_WHO,
    "provider": "openai", "model": "gpt-4o-2024-08-06", "service_tier": "standard",
    "input_tokens": 2000, "cached_input_tokens": 1024, "input_audio_tokens": 200,
    "output_tokens": 300, "reasoning_tokens": 100, "output_audio_tokens": 50,
}  # fmt: skip
PLAIN: Event = {name: value for name, value in FULL.items() if "audio" not in name and name != "service_tier"}
"""For ways that tell no audio and no tier."""
UNREASONED: Event = {name: value for name, value in FULL.items() if name != "reasoning_tokens"}
CLAUDE: Event = {
    "event_id": "msg_1", "occurred_at": T0, **OF_WHO, "provider": "anthropic", "model": "claude-sonnet-4-5-20250929",
    "input_tokens": 5000, "cached_input_tokens": 4000, "cache_write_tokens": 900, "output_tokens": 250,
}  # fmt: skip

COUNTED_APART = ("event_id", "run_id", "project_code")
"""What a way may say beside the usage: how it calls the event, and where it happened."""


# What providers answer of an event.


def chat_of(event: Event) -> Event:
    tier = {"service_tier": "default"} if "service_tier" in event else {}
    message = {"role": "assistant", "content": "Hi"}
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": event["model"], **tier,
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {
            "prompt_tokens": event["input_tokens"], "completion_tokens": event["output_tokens"],
            "total_tokens": event["input_tokens"] + event["output_tokens"],
            "prompt_tokens_details": {
                "cached_tokens": event["cached_input_tokens"], "audio_tokens": event.get("input_audio_tokens", 0),
            },
            "completion_tokens_details": {
                "reasoning_tokens": event["reasoning_tokens"], "audio_tokens": event.get("output_audio_tokens", 0),
            },
        },
    }  # fmt: skip


def response_of(event: Event) -> Event:
    return {
        "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": event["model"],
        "output": [], "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
        "usage": {
            "input_tokens": event["input_tokens"], "output_tokens": event["output_tokens"],
            "total_tokens": event["input_tokens"] + event["output_tokens"],
            "input_tokens_details": {"cached_tokens": event["cached_input_tokens"], "cache_write_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": event["reasoning_tokens"]},
        },
    }  # fmt: skip


def claude_usage_of(event: Event) -> Event:
    cached, written = event["cached_input_tokens"], event["cache_write_tokens"]
    return {
        "input_tokens": event["input_tokens"] - cached - written, "cache_read_input_tokens": cached,
        "cache_creation_input_tokens": written, "output_tokens": event["output_tokens"],
    }  # fmt: skip


def message_of(event: Event) -> Event:
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": event["model"], "stop_reason": "end_turn",
        "content": [{"type": "text", "text": "Hi"}], "usage": claude_usage_of(event),
    }  # fmt: skip


# The ways. Each gives the value of the record that ends on the topic.


def value_of(event: Event) -> bytes:
    return encode(event).value


def at_t0(kept: Kept) -> bytes:
    """What a meter has published: it happened when it was answered, which is now."""
    [event] = kept.events
    return value_of(event | {"occurred_at": T0})


def by_hand(event: Event, _folder: Path) -> bytes:
    return json.dumps(event).encode()


def by_publisher(event: Event, _folder: Path) -> bytes:
    return value_of(event)


def by_http(event: Event, _folder: Path) -> bytes:
    """As the route does it: decoded by the worker's rules, and written again."""
    [found], refused = decode_batch([json.dumps(event).encode()], now_ms=T0, max_clock_skew_ms=0)
    assert found is not None, refused
    return record_of(found).value


def by_structured_cloudevent(event: Event, _folder: Path) -> bytes:
    envelope = {"specversion": "1.0", "id": "1", "source": "/a", "type": "t", "subject": "s1"}
    return json.dumps({**envelope, "data": event}).encode()


def by_cloudevent_of_headers(event: Event, _folder: Path) -> bytes:
    headers: list[tuple[str, bytes | None]] = [
        ("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"/a"), ("ce_type", b"t"),
    ]  # fmt: skip
    return in_one_piece(json.dumps(event).encode(), headers) or b""


def by_adapter(event: Event, _folder: Path) -> bytes:
    return value_of(usage.from_openai(chat_of(event), **WHO, occurred_at_ms=T0))


def by_stream(event: Event, _folder: Path) -> bytes:
    whole = chat_of(event)
    parts = [{**whole, "usage": None}, {**whole, "choices": []}]
    return value_of(usage.from_openai(parts, **WHO, occurred_at_ms=T0))


def by_meter(event: Event, _folder: Path) -> bytes:
    kept = Kept()
    with provider() as stub:
        stub.answers(chat_of(event))
        client = openai.OpenAI(api_key="k", base_url=f"{stub.url}/v1")
        burnline.meter(client, **WHO, provider="openai", publisher=kept)
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hi"}])
    return at_t0(kept)


def by_litellm(event: Event, _folder: Path) -> bytes:
    kept = Kept()
    hook = litellm._Listener(recorder("litellm", litellm.read, **WHO, publisher=kept))
    call = {"litellm_call_id": "1", "model": "gpt-4o", "custom_llm_provider": "openai"}
    hook.log_pre_api_call("gpt-4o", [], call)
    hook.log_success_event(call, chat_of(event), None, None)
    return at_t0(kept)


def by_langchain(event: Event, _folder: Path) -> bytes:
    kept = Kept()
    told = {
        "input_tokens": event["input_tokens"], "output_tokens": event["output_tokens"],
        "total_tokens": event["input_tokens"] + event["output_tokens"],
        "input_token_details": {
            "cache_read": event["cached_input_tokens"], "cache_creation": event.get("cache_write_tokens", 0),
            "audio": event.get("input_audio_tokens", 0),
        },
        "output_token_details": {
            "reasoning": event.get("reasoning_tokens", 0), "audio": event.get("output_audio_tokens", 0),
        },
    }  # fmt: skip
    said = {"id": event["event_id"], "model_name": event["model"], "model_provider": event["provider"]}
    if "service_tier" in event:
        said["service_tier"] = "default"
    message = AIMessage("Hi", usage_metadata=told, response_metadata=said)
    handler = burnline.langchain_handler(**WHO, publisher=kept)
    GenericFakeChatModel(messages=iter([message])).invoke("Hi", config={"callbacks": [handler]})
    return at_t0(kept)


def by_openai_agents(event: Event, _folder: Path) -> bytes:
    kept = Kept()
    agents.set_trace_processors([burnline.openai_agents_processor(**WHO, publisher=kept)])
    with provider() as stub:
        stub.answers(response_of(event))
        client = openai.AsyncOpenAI(api_key="k", base_url=f"{stub.url}/v1")
        agent = agents.Agent(name="coder", model=agents.OpenAIResponsesModel("gpt-4o", client))
        asyncio.run(agents.Runner.run(agent, "Hi"))
    agents.set_trace_processors([])
    return at_t0(kept)


def by_pydantic_ai(event: Event, _folder: Path) -> bytes:
    kept = Kept()
    with provider() as stub:
        stub.answers(chat_of(event))
        client = openai.AsyncOpenAI(api_key="k", base_url=f"{stub.url}/v1")
        model = OpenAIChatModel("gpt-4o", provider=OpenAIProvider(openai_client=client))
        agent = Agent(model, capabilities=[burnline.pydantic_ai_capability(**WHO, publisher=kept)])
        asyncio.run(agent.run("Hi"))
    return at_t0(kept)


def by_span(event: Event, _folder: Path, *, as_json: bool = False) -> bytes:
    names = {
        "input_tokens": "input_tokens", "output_tokens": "output_tokens",
        "cached_input_tokens": "cache_read.input_tokens", "cache_write_tokens": "cache_write.input_tokens",
        "reasoning_tokens": "reasoning.output_tokens", "input_audio_tokens": "audio.input_tokens",
        "output_audio_tokens": "audio.output_tokens",
    }  # fmt: skip
    attributes = {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": event["provider"],
        "gen_ai.response.model": event["model"], "gen_ai.response.id": event["event_id"],
        "gen_ai.conversation.id": "s1", "gen_ai.agent.name": "coder",
        **{f"gen_ai.usage.{told}": event[name] for name, told in names.items() if name in event},
    }  # fmt: skip
    if "service_tier" in event:
        attributes["openai.response.service_tier"] = "default"
    emitter = Emitter(service__name="svc")
    emitter.span("chat", attributes)
    return relayed(emitter.json() if as_json else emitter.proto(), logs=False)


def by_span_in_json(event: Event, folder: Path) -> bytes:
    return by_span(event, folder, as_json=True)


def by_log(event: Event, _folder: Path, *, in_json: bool = False) -> bytes:
    counts = claude_usage_of(event)
    attributes = {
        "event.name": "api_request", "session.id": "s1", "organization.id": "acme", "model": event["model"],
        "agent.name": "coder", "request_id": event["event_id"],
        "input_tokens": counts["input_tokens"], "output_tokens": counts["output_tokens"],
        "cache_read_tokens": counts["cache_read_input_tokens"],
        "cache_creation_tokens": counts["cache_creation_input_tokens"],
    }  # fmt: skip
    export = logs(attributes, body="claude_code.api_request")
    return relayed(as_json(export) if in_json else export.SerializeToString(), logs=True)


def by_log_in_json(event: Event, folder: Path) -> bytes:
    return by_log(event, folder, in_json=True)


def relayed(export: bytes, *, logs: bool) -> bytes:
    [found] = transform(Record(Place("otlp", 0, 0), None, export, []), logs=logs, rules=RULES).usage
    return json.dumps(json.loads(found.value or b"") | {"occurred_at": T0}).encode()


def by_claude_adapter(event: Event, _folder: Path) -> bytes:
    return value_of(usage.from_anthropic(message_of(event), **WHO, occurred_at_ms=T0))


def by_claude_meter(event: Event, _folder: Path) -> bytes:
    kept = Kept()
    with provider() as stub:
        stub.answers(message_of(event))
        client = anthropic.Anthropic(api_key="k", base_url=stub.url)
        burnline.meter(client, **WHO, provider="anthropic", publisher=kept)
        client.messages.create(model="claude", max_tokens=9, messages=[{"role": "user", "content": "Hi"}])
    return at_t0(kept)


def by_claude_agent(event: Event, _folder: Path) -> bytes:
    kept = Kept()
    counts = claude_usage_of(event)
    used = {
        "inputTokens": counts["input_tokens"], "outputTokens": counts["output_tokens"],
        "cacheReadInputTokens": counts["cache_read_input_tokens"],
        "cacheCreationInputTokens": counts["cache_creation_input_tokens"],
    }  # fmt: skip

    async def messages() -> AsyncIterator[Any]:
        yield SimpleNamespace(num_turns=1, session_id="s1", uuid="r1", model_usage={event["model"]: used}, usage=counts)

    async def listen() -> None:
        async for _ in burnline.claude_agent_messages(messages(), org="acme", agent="coder", publisher=kept):
            pass

    asyncio.run(listen())
    return at_t0(kept)


def mapping() -> FieldMapping:
    return FieldMapping({name: [name] for name in FIELDS}, {})


def only(rows: Any) -> bytes:
    """The record of the only row that was found, as `burnline import` completes it."""
    [row] = rows
    assert isinstance(row, Found), row
    return value_of({"agent_id": "coder", **row.event, "org_id": "acme"})


def by_jsonl(event: Event, folder: Path) -> bytes:
    (folder / "rows.jsonl").write_text(json.dumps(event) + "\n")
    return only(read_jsonl(folder / "rows.jsonl", mapping(), lambda _: None))


def by_csv(event: Event, folder: Path) -> bytes:
    (folder / "rows.csv").write_text(",".join(event) + "\n" + ",".join(map(str, event.values())) + "\n")
    return only(read_csv(folder / "rows.csv", mapping(), lambda _: None))


def by_transcript(event: Event, folder: Path) -> bytes:
    line = {"type": "assistant", "sessionId": "s1", "timestamp": at(event), "message": message_of(event)}
    (folder / "t.jsonl").write_text(json.dumps(line) + "\n")
    return only(claude_code.read([folder], lambda _: None))


def by_rollout(event: Event, folder: Path) -> bytes:
    counts = {
        "input_tokens": event["input_tokens"], "cached_input_tokens": event["cached_input_tokens"],
        "output_tokens": event["output_tokens"], "reasoning_output_tokens": event["reasoning_tokens"],
    }  # fmt: skip
    told = {"type": "token_count", "info": {"total_token_usage": counts, "last_token_usage": counts}}
    lines = [
        {"type": "session_meta", "payload": {"id": "s1"}},
        {"type": "turn_context", "payload": {"model": event["model"]}},
        {"timestamp": at(event), "type": "event_msg", "payload": told},
    ]
    (folder / "rollout-1.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return only(codex.read([folder], lambda _: None))


def by_parquet(event: Event, folder: Path) -> bytes:
    pl.DataFrame([event]).write_parquet(folder / "rows.parquet")
    return only(read_parquet(folder / "rows.parquet", mapping(), lambda _: None))


def by_spend_logs(event: Event, folder: Path) -> bytes:
    usage = chat_of(event)["usage"]
    row = {
        "request_id": event["event_id"], "startTime": at(event), "endTime": at(event), "session_id": "s1",
        "model": event["model"], "custom_llm_provider": "openai", "prompt_tokens": event["input_tokens"],
        "completion_tokens": event["output_tokens"], "metadata": {"usage_object": usage},
    }  # fmt: skip
    (folder / "logs.json").write_text(json.dumps([row]))
    return only(litellm_logs.read(folder / "logs.json", lambda _: None))


def by_langfuse(event: Event, folder: Path) -> bytes:
    counts = {
        "input": event["input_tokens"] - event["cached_input_tokens"],
        "input_cached_tokens": event["cached_input_tokens"],
        "output": event["output_tokens"] - event["reasoning_tokens"],
        "output_reasoning_tokens": event["reasoning_tokens"], "total": event["input_tokens"] + event["output_tokens"],
    }  # fmt: skip
    row = {
        "id": "o1", "type": "GENERATION", "sessionId": "s1", "endTime": at(event), "providedModelName": event["model"],
        "usageDetails": counts,
    }  # fmt: skip
    (folder / "observations.jsonl").write_text(json.dumps(row) + "\n")
    return only(langfuse.read(folder / "observations.jsonl", lambda _: None))


def by_openai_usage(event: Event, folder: Path) -> bytes:
    ends_s = event["occurred_at"] // 1000
    result = {
        "object": "organization.usage.completions.result", "model": event["model"], "project_id": None,
        "input_tokens": event["input_tokens"], "input_cached_tokens": event["cached_input_tokens"],
        "output_tokens": event["output_tokens"], "input_audio_tokens": event["input_audio_tokens"],
        "output_audio_tokens": event["output_audio_tokens"], "num_model_requests": 1, "service_tier": "default",
    }  # fmt: skip
    page = {"data": [{"start_time": ends_s - 60, "end_time": ends_s, "results": [result]}]}
    (folder / "usage.json").write_text(json.dumps(page))
    value = only(openai_usage.read(folder / "usage.json", lambda _: None, now_ms=event["occurred_at"]))
    # Its last millisecond, and all of a day in one session.
    return json.dumps(json.loads(value) | {"session_id": "s1", "occurred_at": event["occurred_at"]}).encode()


def at(event: Event) -> str:
    return datetime.fromtimestamp(event["occurred_at"] / 1000, UTC).isoformat()


ALL_TOLD = (
    by_publisher, by_http, by_structured_cloudevent, by_cloudevent_of_headers, by_span, by_span_in_json, by_jsonl,
    by_csv, by_parquet, by_langchain,
)  # fmt: skip
Way = Callable[[Event, Path], bytes]
WAYS: dict[str, tuple[Event, tuple[Way, ...]]] = {
    "full": (FULL, (*ALL_TOLD, by_adapter, by_stream, by_meter, by_litellm, by_pydantic_ai, by_spend_logs)),
    "plain": (PLAIN, (by_openai_agents, by_rollout, by_langfuse)),
    "unreasoned": (UNREASONED, (by_publisher, by_openai_usage)),
    "claude": (
        CLAUDE,
        (
            *ALL_TOLD, by_claude_adapter, by_claude_meter, by_claude_agent, by_log, by_log_in_json, by_transcript,
        ),
    ),
}  # fmt: skip
CASES = [
    pytest.param(event, way, id=f"{name}-{way.__name__.removeprefix('by_')}")
    for name, (event, ways) in WAYS.items()
    for way in ways
]


@pytest.mark.parametrize(("event", "way"), CASES)
def test_the_same_usage_gives_the_same_ledger(event: Event, way: Way, tmp_path: Path) -> None:
    by_way = way(event, tmp_path)
    assert ledger_of(by_way) == ledger_of(by_hand(event, tmp_path))


def ledger_of(value: bytes) -> dict[str, Any]:
    """The session's ledger of one event, but for what a way may say beside the usage."""
    event = {name: told for name, told in json.loads(value).items() if name not in COUNTED_APART}
    data = event.get("data", {})
    event |= {"data": {**data, "event_id": "1"}} if data else {"event_id": "1"}
    partition = ledger()
    record = json.dumps(event).encode()
    assert partition.apply_records([0], [record], logged_ms=[T0], now_ms=T0, max_clock_skew_ms=0) == []
    kept: dict[str, Any] = json.loads(encode_ledger(held(partition, "s1")))
    del kept["recent_event_ids"]  # a CloudEvent is called by its source
    assert (kept["unpriced_tokens"], kept["cost_usd"] > "0") == (0, True)
    return kept
