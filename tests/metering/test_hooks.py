"""Real frameworks, metered in one line: each model call is one event, and a sub-agent's carries its parent."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import agents
import openai
import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

import burnline
from burnline.metering import recorder_of
from burnline.metering.hooks.acting import MOST_OPEN, Open
from burnline.publisher.encoding import encode
from tests.metering.conftest import Kept
from tests.metering.stub import Provider
from tests.usage import wire

WHO: dict[str, Any] = {"org": "acme", "agent": "coder", "session": "s1"}
OF_WHO = {"org_id": "acme", "agent_id": "coder", "session_id": "s1"}
TOOL_CALL: wire.Wire = {
    **wire.CHAT, "id": "chatcmpl-0",
    "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "research", "arguments": '{"input": "x"}'}},
    ]}}],
}  # fmt: skip
AUDIO = ("input_audio_tokens", "output_audio_tokens")


def event_of(kept: Kept) -> dict[str, Any]:
    """The only event, which can be published; without what differs from call to call."""
    [event] = kept.events
    assert encode(event).key == event["session_id"].encode()
    event = dict(event)
    assert event.pop("occurred_at")
    event.pop("run_id", None)
    return event


# LangChain


USAGE = {
    "input_tokens": 5000, "output_tokens": 250, "total_tokens": 5250,
    "input_token_details": {"cache_read": 4000, "cache_creation": 0, "ephemeral_5m_input_tokens": 300,
                            "ephemeral_1h_input_tokens": 600, "audio": 10},
    "output_token_details": {"reasoning": 80},
}  # fmt: skip
LANGCHAIN_FIELDS = {
    "event_id": "msg_1", "model": "claude-sonnet-4-5-20250929", "provider": "anthropic", "input_tokens": 5000,
    "cached_input_tokens": 4000, "cache_write_tokens": 900, "cache_write_1h_tokens": 600, "input_audio_tokens": 10,
    "output_tokens": 250, "reasoning_tokens": 80,
}  # fmt: skip
SAID = {"id": "msg_1", "model_name": "claude-sonnet-4-5-20250929", "model_provider": "anthropic"}


def answer(**said: Any) -> AIMessage:
    return AIMessage("Hi", usage_metadata=USAGE, response_metadata=SAID, **said)


def model(*messages: AIMessage) -> GenericFakeChatModel:
    return GenericFakeChatModel(messages=iter(messages or [answer()]))


def calling(handler: Any, **metadata: Any) -> dict[str, Any]:
    return {"callbacks": [handler], "metadata": metadata}


def invoke(handler: Any) -> None:
    model().invoke("Hello", config=calling(handler))


def ainvoke(handler: Any) -> None:
    asyncio.run(model().ainvoke("Hello", config=calling(handler)))


def stream(handler: Any) -> None:
    class Streaming(GenericFakeChatModel):  # type: ignore[misc]  # untyped here
        """One that says its usage with the last part, as real ones do."""

        def _stream(self, *arguments: Any, **named: Any) -> Iterator[Any]:
            *parts, last = super()._stream(*arguments, **named)
            yield from parts
            last.message.usage_metadata, last.message.response_metadata = USAGE, SAID
            yield last

    assert len(list(Streaming(messages=iter([AIMessage("Hi there")])).stream("Hello", config=calling(handler)))) > 1


@pytest.mark.parametrize("call", [invoke, ainvoke, stream], ids=["invoke", "ainvoke", "stream"])
def test_a_call_of_langchain_is_one_event(call: Callable[[Any], None], kept: Kept) -> None:
    call(burnline.langchain_handler(**WHO, publisher=kept))
    assert event_of(kept) == LANGCHAIN_FIELDS | OF_WHO


@pytest.mark.parametrize("name", ["session_id", "thread_id", "conversation_id"])
def test_langchains_metadata_name_the_session_unless_it_is_said(name: str, kept: Kept) -> None:
    handler = burnline.langchain_handler(org="acme", publisher=kept)
    for _ in range(2):
        model().invoke("Hello", config=calling(handler, **{name: "thread-7"}))
    with burnline.session("s9"):
        model().invoke("Hello", config=calling(handler, **{name: "thread-7"}))
    assert [event["session_id"] for event in kept.events] == ["thread-7", "thread-7", "s9"]
    assert {event["agent_id"] for event in kept.events} == {"langchain"}


def test_a_sub_agent_of_langchain_carries_its_parent(kept: Kept) -> None:
    def research(_question: str) -> str:
        inner = RunnableLambda(lambda text: model().invoke(text).text).with_config(
            metadata={"lc_agent_name": "researcher"}
        )
        return str(inner.invoke("?"))

    def code(question: str) -> str:
        return f"{model().invoke(question).text} {research(question)}"

    outer = RunnableLambda(code).with_config(metadata={"lc_agent_name": "coder"})
    outer.invoke("Hello", config={"callbacks": [burnline.langchain_handler(org="acme", publisher=kept)]})
    first, second = kept.events
    assert (first["agent_id"], second["agent_id"]) == ("coder", "researcher")
    assert first["session_id"] == second["session_id"]
    assert second["parent_run_id"] == first["run_id"] != second["run_id"]
    assert "parent_run_id" not in first


def test_an_answer_out_of_langchains_cache_costs_nothing(kept: Kept) -> None:
    cached = GenericFakeChatModel(messages=iter([answer()]), cache=InMemoryCache())
    for _ in range(2):
        cached.invoke("Hello", config=calling(burnline.langchain_handler(**WHO, publisher=kept)))
    assert [event.get("kind") for event in kept.events] == [None, "cache_hit"]
    assert len({event["event_id"] for event in kept.events}) == 2


def test_a_message_without_usage_is_counted_as_not_metered(kept: Kept) -> None:
    handler = burnline.langchain_handler(**WHO, publisher=kept)
    model(AIMessage("Hi")).invoke("Hello", config=calling(handler))
    assert (kept.events, recorder_of(handler).unmetered) == ([], 1)


# OpenAI's Agents SDK


@pytest.fixture
def traced(kept: Kept) -> Iterator[Any]:
    """A processor that is the only one while the test lasts."""
    processor = burnline.openai_agents_processor(org="acme", publisher=kept)
    agents.set_trace_processors([processor])
    yield processor
    agents.set_trace_processors([])


def chat_model(stub: Provider) -> Any:
    client = openai.AsyncOpenAI(api_key="k", base_url=f"{stub.url}/v1", max_retries=0)
    return agents.OpenAIChatCompletionsModel("gpt-4o", client)


def responses_model(stub: Provider) -> Any:
    client = openai.AsyncOpenAI(api_key="k", base_url=f"{stub.url}/v1", max_retries=0)
    return agents.OpenAIResponsesModel("gpt-5.4", client)


def run(model: Any, **said: Any) -> None:
    agent = agents.Agent(name="coder", model=model)
    asyncio.run(agents.Runner.run(agent, "Hello", run_config=agents.RunConfig(group_id="s1"), **said))


def run_streamed(model: Any) -> None:
    async def stream() -> None:
        agent = agents.Agent(name="coder", model=model, model_settings=agents.ModelSettings(include_usage=True))
        result = agents.Runner.run_streamed(agent, "Hello", run_config=agents.RunConfig(group_id="s1"))
        async for _ in result.stream_events():
            pass

    asyncio.run(stream())


def test_a_response_of_openais_agents_is_one_event(stub: Provider, kept: Kept, traced: Any) -> None:
    stub.answers(wire.RESPONSE)
    run(responses_model(stub))
    assert event_of(kept) == wire.RESPONSE_FIELDS | OF_WHO | {"provider": "openai"}


def test_a_streamed_response_of_openais_agents_is_one_event(stub: Provider, kept: Kept, traced: Any) -> None:
    stub.streams(wire.RESPONSE_EVENTS)
    run_streamed(responses_model(stub))
    assert event_of(kept) == wire.RESPONSE_FIELDS | OF_WHO | {"provider": "openai"}


CHAT_OF_AGENTS = {
    name: value for name, value in wire.CHAT_FIELDS.items() if name not in (*AUDIO, "service_tier", "event_id")
} | {"model": "gpt-4o"}


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_a_chat_of_openais_agents_is_one_event(streams: bool, stub: Provider, kept: Kept, traced: Any) -> None:  # noqa: FBT001
    if streams:
        stub.streams([*wire.CHAT_CHUNKS, wire.CHAT_USAGE_CHUNK])
        run_streamed(chat_model(stub))
    else:
        stub.answers(wire.CHAT)
        run(chat_model(stub))
    event = event_of(kept)
    assert event.pop("event_id").startswith("span_")
    assert event == CHAT_OF_AGENTS | OF_WHO | {"provider": "127.0.0.1"}


def test_an_agent_that_is_a_tool_carries_its_parent(stub: Provider, kept: Kept, traced: Any) -> None:
    stub.answers(TOOL_CALL, wire.CHAT, wire.CHAT)
    researcher = agents.Agent(name="researcher", model=chat_model(stub))
    coder = agents.Agent(
        name="coder",
        model=chat_model(stub),
        tools=[researcher.as_tool(tool_name="research", tool_description="Research.")],
    )
    asyncio.run(agents.Runner.run(coder, "Hello"))
    asked, looked_up, answered = kept.events
    assert [event["agent_id"] for event in kept.events] == ["coder", "researcher", "coder"]
    assert looked_up["parent_run_id"] == asked["run_id"] == answered["run_id"] != looked_up["run_id"]
    assert len({event["session_id"] for event in kept.events}) == 1


def test_a_stream_of_openais_agents_without_usage_is_counted_as_not_metered(
    stub: Provider, kept: Kept, traced: Any
) -> None:
    stub.streams(wire.CHAT_CHUNKS)
    run_streamed(chat_model(stub))
    assert (kept.events, recorder_of(traced).unmetered) == ([], 1)


# Pydantic AI


def pydantic_agent(kind: Any, model: str, stub: Provider, kept: Kept, name: str = "coder", **said: Any) -> Any:
    client = openai.AsyncOpenAI(api_key="k", base_url=f"{stub.url}/v1", max_retries=0)
    capability = burnline.pydantic_ai_capability(org="acme", publisher=kept)
    return Agent(
        kind(model, provider=OpenAIProvider(openai_client=client)), name=name, capabilities=[capability], **said
    )


def test_a_chat_of_pydantic_ai_is_one_event(stub: Provider, kept: Kept) -> None:
    stub.answers(wire.CHAT)
    asyncio.run(pydantic_agent(OpenAIChatModel, "gpt-4o", stub, kept).run("Hello", conversation_id="s1"))
    assert event_of(kept) == wire.CHAT_FIELDS | OF_WHO | {"provider": "openai"}


def test_a_streamed_chat_of_pydantic_ai_is_one_event(stub: Provider, kept: Kept) -> None:
    stub.streams([*wire.CHAT_CHUNKS, wire.CHAT_USAGE_CHUNK])

    async def stream() -> str:
        agent = pydantic_agent(OpenAIChatModel, "gpt-4o", stub, kept)
        async with agent.run_stream("Hello", conversation_id="s1") as result:
            return str(await result.get_output())

    assert asyncio.run(stream()) == "Hi"
    assert event_of(kept) == wire.CHAT_FIELDS | OF_WHO | {"provider": "openai"}


def test_a_response_of_pydantic_ai_is_one_event(stub: Provider, kept: Kept) -> None:
    message = {"type": "message", "id": "m", "role": "assistant", "status": "completed",
               "content": [{"type": "output_text", "text": "Hi", "annotations": []}]}  # fmt: skip
    stub.answers({**wire.RESPONSE, "output": [message]})
    with burnline.session("s1"):
        asyncio.run(pydantic_agent(OpenAIResponsesModel, "gpt-5.4", stub, kept).run("Hello"))
    assert event_of(kept) == wire.RESPONSE_FIELDS | OF_WHO | {"provider": "openai"}


def test_an_agent_within_an_agent_of_pydantic_ai_carries_its_parent(stub: Provider, kept: Kept) -> None:
    stub.answers(TOOL_CALL, wire.CHAT, wire.CHAT)
    researcher = pydantic_agent(OpenAIChatModel, "gpt-4o", stub, kept, name="researcher")

    async def research(input: str) -> str:  # noqa: A002  # as the model calls it
        return str((await researcher.run(input)).output)

    coder = pydantic_agent(OpenAIChatModel, "gpt-4o", stub, kept, tools=[research])
    asyncio.run(coder.run("Hello"))
    asked, looked_up, answered = kept.events
    assert [event["agent_id"] for event in kept.events] == ["coder", "researcher", "coder"]
    assert looked_up["parent_run_id"] == asked["run_id"] == answered["run_id"] != looked_up["run_id"]
    assert len({event["session_id"] for event in kept.events}) == 1


# What all of them share


def test_runs_that_never_end_are_forgotten() -> None:
    held: Open[int, int] = Open()
    for number in range(MOST_OPEN + 5):
        held.begin(number, number)
    assert (held.get(4), held.get(5), held.end(5), held.get(5)) == (None, 5, 5, None)


@pytest.mark.parametrize(
    "hook", [burnline.langchain_handler, burnline.openai_agents_processor, burnline.pydantic_ai_capability]
)
def test_an_unknown_parameter_of_a_hook_is_refused(hook: Any) -> None:
    with pytest.raises(TypeError, match="sesion"):
        hook(org="acme", sesion="s1")


def test_a_publisher_that_fails_never_reaches_the_agent(stub: Provider) -> None:
    class Broken:
        def publish(self, _event: Any, /) -> bool:
            raise OSError("gone")

    handler = burnline.langchain_handler(**WHO, publisher=Broken())
    assert model().invoke("Hello", config=calling(handler)).text == "Hi"
    assert recorder_of(handler).unmetered == 1
