"""What LiteLLM and Claude's Agent SDK tell, as they tell it: their own packages are too large for every test run.

`tests.metering.test_frameworks` runs the packages themselves.
"""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

import burnline
from burnline.metering.hooks import litellm
from burnline.metering.hooks.acting import recorder
from burnline.metering.recorder import recorder_of
from burnline.publisher.encoding import encode
from tests.metering.conftest import Kept
from tests.usage import wire

WHO: dict[str, Any] = {"org": "acme", "agent": "coder", "session": "s1"}
OF_WHO = {"org_id": "acme", "agent_id": "coder", "session_id": "s1"}


def events(kept: Kept) -> list[dict[str, Any]]:
    """The events, which can be published, without their time."""
    for event in kept.events:
        assert encode(event)
    return [{name: value for name, value in event.items() if name != "occurred_at"} for event in kept.events]


# LiteLLM

CALL: dict[str, Any] = {
    "litellm_call_id": "call-1", "model": "gpt-4o", "custom_llm_provider": "openai", "call_type": "completion",
    "litellm_params": {"metadata": {}}, "response_cost": 0.00123,
}  # fmt: skip
REPORTED = {"reported_cost_usd": "0.00123", "reported_cost_source": "litellm"}
CLAUDE = {
    "id": "chatcmpl-2", "model": "claude-sonnet-4-5-20250929",
    "usage": {
        "prompt_tokens": 5000, "completion_tokens": 250, "total_tokens": 5250, "cache_creation_input_tokens": 900,
        "cache_read_input_tokens": 4000,
        "prompt_tokens_details": {
            "cached_tokens": 4000, "cache_creation_tokens": 900,
            "cache_creation_token_details": {"ephemeral_5m_input_tokens": 300, "ephemeral_1h_input_tokens": 600},
        },
        "completion_tokens_details": {"reasoning_tokens": 80},
    },
}  # fmt: skip
CLAUDE_FIELDS = {name: value for name, value in wire.MESSAGE_FIELDS.items() if name not in ("service_tier", "region")}


def logger(kept: Kept, **said: Any) -> Any:
    """What LiteLLM calls, without its package."""
    return litellm._Listener(recorder("litellm", litellm.read, **WHO | said, publisher=kept))


def log(listener: Any, answer: Any, **details: Any) -> None:
    told = CALL | details
    listener.log_pre_api_call("gpt-4o", [], told)
    listener.log_success_event(told, answer, None, None)


@pytest.mark.parametrize(
    ("answer", "details", "fields"),
    [
        pytest.param(wire.CHAT, {}, wire.CHAT_FIELDS | {"provider": "openai"}, id="openai"),
        pytest.param(
            CLAUDE,
            {"custom_llm_provider": "bedrock"},
            CLAUDE_FIELDS | {"event_id": "chatcmpl-2", "provider": "bedrock"},
            id="claude-with-its-cache",
        ),
        pytest.param(
            wire.CHAT,
            {"stream": True, "complete_streaming_response": wire.CHAT},
            wire.CHAT_FIELDS | {"provider": "openai"},
            id="a-stream's-end",
        ),
        pytest.param(
            wire.CHAT,
            {"cache_hit": True},
            wire.CHAT_FIELDS | {"provider": "openai", "event_id": "call-1", "kind": "cache_hit"},
            id="its-own-cache",
        ),
        pytest.param(
            {
                "object": "list",
                "model": "text-embedding-3-small",
                "usage": {"prompt_tokens": 8, "completion_tokens": 0},
            },
            {"call_type": "aembedding"},
            wire.EMBEDDING_FIELDS | {"provider": "openai"},
            id="embeddings",
        ),
    ],
)
def test_a_call_of_litellm_is_one_event(
    answer: Any, details: dict[str, Any], fields: dict[str, Any], kept: Kept
) -> None:
    log(logger(kept), answer, **details)
    [event] = events(kept)
    assert {"event_id": event["event_id"]} | fields | REPORTED | OF_WHO == event


def test_a_part_of_litellms_stream_is_no_event(kept: Kept) -> None:
    listener = logger(kept)
    listener.log_success_event(
        CALL | {"stream": True, "complete_streaming_response": None}, wire.CHAT_CHUNKS[0], None, None
    )
    assert (kept.events, recorder_of(listener).unmetered) == ([], 0)


@pytest.mark.parametrize(
    "told",
    [
        {"litellm_params": {"metadata": {"session_id": "chat-7"}}},
        {"litellm_params": {"litellm_metadata": {"session_id": "chat-7"}}},
        {"litellm_params": {"litellm_session_id": "chat-7"}},
    ],
    ids=["metadata", "litellm_metadata", "litellm_session_id"],
)
def test_litellms_own_session_counts_unless_one_is_said(told: dict[str, Any], kept: Kept) -> None:
    log(logger(kept, session=None), wire.CHAT, **told)
    log(logger(kept), wire.CHAT, **told)
    assert [event["session_id"] for event in kept.events] == ["chat-7", "s1"]


def test_a_call_of_litellm_belongs_to_the_session_that_it_was_made_in(kept: Kept) -> None:
    listener = logger(kept)
    with burnline.session("s2"):
        listener.log_pre_api_call("gpt-4o", [], CALL)
    asyncio.run(listener.async_log_success_event(CALL, wire.CHAT, None, None))  # by a worker of its own
    assert kept.events[0]["session_id"] == "s2"


def test_a_team_of_litellms_proxy_is_charged(kept: Kept) -> None:
    log(logger(kept), wire.CHAT, litellm_params={"metadata": {"user_api_key_team_id": "platform"}})
    assert kept.events[0]["team_id"] == "platform"


# Claude's Agent SDK

RESULT: dict[str, Any] = {
    "num_turns": 2, "session_id": "claude-1", "uuid": "r1", "total_cost_usd": 0.031,
    "usage": wire.MESSAGE["usage"],
    "model_usage": {
        "claude-sonnet-4-5-20250929": {
            "inputTokens": 100, "outputTokens": 250, "cacheReadInputTokens": 4000, "cacheCreationInputTokens": 900,
            "costUSD": 0.031, "provider": "firstParty",
        },
    },
}  # fmt: skip
RESULT_FIELDS = {
    "event_id": "r1:claude-sonnet-4-5-20250929", "model": "claude-sonnet-4-5-20250929", "provider": "anthropic",
    "input_tokens": 5000, "cached_input_tokens": 4000, "cache_write_tokens": 900, "cache_write_1h_tokens": 600,
    "output_tokens": 250, "reported_cost_usd": "0.031", "reported_cost_source": "claude-agent-sdk",
}  # fmt: skip
SAYS = SimpleNamespace(model="claude-sonnet-4-5-20250929", parent_tool_use_id=None, usage={"input_tokens": 1})


def result(**said: Any) -> Any:
    return SimpleNamespace(**RESULT | said)


def grown(**counts: Any) -> dict[str, Any]:
    [(model, usage)] = RESULT["model_usage"].items()
    return {model: usage | counts}


async def of(*messages: Any) -> AsyncIterator[Any]:
    for message in messages:
        yield message


def heard(messages: AsyncIterator[Any]) -> list[Any]:
    async def run() -> list[Any]:
        return [message async for message in messages]

    return asyncio.run(run())


def test_the_result_of_a_query_is_an_event_for_each_model(kept: Kept) -> None:
    haiku = {"claude-haiku-4-5": {"inputTokens": 7, "outputTokens": 5, "costUSD": 0.0, "provider": "bedrock"}}
    messages = of(SAYS, SAYS, result(), result(uuid="r2", model_usage=grown() | haiku))
    assert len(heard(burnline.claude_agent_messages(messages, **WHO, publisher=kept))) == 4
    first, second = events(kept)
    assert first == RESULT_FIELDS | OF_WHO
    assert (second["event_id"], second["provider"], second["input_tokens"]) == ("r2:claude-haiku-4-5", "aws", 7)


def test_a_result_that_names_no_models_is_of_the_one_that_spoke(kept: Kept) -> None:
    inner = SimpleNamespace(model="claude-haiku-4-5", parent_tool_use_id="t1")
    heard(burnline.claude_agent_messages(of(SAYS, inner, result(model_usage=None)), org="acme", publisher=kept))
    [event] = events(kept)
    expected = wire.MESSAGE_FIELDS | {"event_id": "r1", "provider": "anthropic"}
    assert event == expected | {"org_id": "acme", "agent_id": "claude-agent", "session_id": "claude-1"}


class FakeClient:
    """What `meter` looks for in a `ClaudeSDKClient`."""

    __module__ = "claude_agent_sdk.client"

    def __init__(self, *messages: Any) -> None:
        self.messages = messages

    async def connect(self) -> None:
        """Begins another process."""

    def receive_messages(self) -> AsyncIterator[Any]:
        return of(*self.messages)


def test_the_results_of_a_client_count_on_from_each_other_until_it_connects_again(kept: Kept) -> None:
    client = burnline.meter(FakeClient(SAYS, result()), **WHO, publisher=kept)
    heard(client.receive_messages())
    client.messages = (result(uuid="r2", model_usage=grown(outputTokens=251, costUSD=0.032)),)
    heard(client.receive_messages())
    asyncio.run(client.connect())
    client.messages = (result(uuid="r3"),)
    heard(client.receive_messages())
    assert [(event["input_tokens"], event["output_tokens"]) for event in kept.events] == [
        (5000, 250),
        (0, 1),
        (5000, 250),
    ]
    assert [event["reported_cost_usd"] for event in kept.events] == ["0.031", "0.001", "0.031"]
