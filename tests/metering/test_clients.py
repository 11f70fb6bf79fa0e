"""Providers' own packages, metered in one line: their calls answer what they did before, and each is one event."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import anthropic
import botocore.session
import httpx
import mistralai.client
import ollama
import openai
import pytest
from botocore.config import Config
from google import genai

import burnline
from burnline.metering import recorder_of
from burnline.usage.adapters import UsageFields
from tests.metering.conftest import Kept
from tests.metering.stub import Provider
from tests.usage import wire

ASK: Any = {"messages": [{"role": "user", "content": "Hello"}]}
WHO = {"org_id": "acme", "agent_id": "coder", "session_id": "s1"}
CLAUDE = "claude-of-today"
ON_AWS = "anthropic.claude-sonnet-4-5-20250929-v1:0"


def metered(client: Any, kept: Kept, **said: Any) -> Any:
    return burnline.meter(client, org="acme", agent="coder", session="s1", publisher=kept, **said)


def openai_client(stub: Provider, kept: Kept, **said: Any) -> Any:
    client = openai.OpenAI(api_key="k", base_url=f"{stub.url}/v1", max_retries=0)
    return metered(client, kept, **{"provider": "openai", "ask_for_usage": True} | said)


def openai_async(stub: Provider, kept: Kept) -> Any:
    client = openai.AsyncOpenAI(api_key="k", base_url=f"{stub.url}/v1", max_retries=0)
    return metered(client, kept, provider="openai", ask_for_usage=True)


def claude_client(stub: Provider, kept: Kept) -> Any:
    return metered(anthropic.Anthropic(api_key="k", base_url=stub.url, max_retries=0), kept, provider="anthropic")


def claude_async(stub: Provider, kept: Kept) -> Any:
    return metered(anthropic.AsyncAnthropic(api_key="k", base_url=stub.url, max_retries=0), kept, provider="anthropic")


def gemini_client(stub: Provider, kept: Kept) -> Any:
    return metered(genai.Client(api_key="k", http_options={"base_url": stub.url}), kept)


def mistral_client(stub: Provider, kept: Kept) -> Any:
    return metered(mistralai.client.Mistral(api_key="k", server_url=stub.url), kept)


def bedrock_client(stub: Provider, kept: Kept) -> Any:
    client = botocore.session.get_session().create_client(
        "bedrock-runtime",
        region_name="eu-west-1",
        endpoint_url=stub.url,
        aws_access_key_id="k",
        aws_secret_access_key="s",  # noqa: S106  # of nothing
        config=Config(retries={"max_attempts": 0}),
    )
    return metered(client, kept)


def all_of(parts: Any) -> list[Any]:
    return list(parts)


async def all_async(parts: Any) -> list[Any]:
    return [part async for part in parts]


# Each: what the provider sends, and a call that returns how many parts it got (1 for a whole answer).
def chat(stub: Provider, kept: Kept) -> int:
    stub.answers(wire.CHAT)
    answer = openai_client(stub, kept).chat.completions.create(model="gpt-4o", **ASK)
    assert answer.choices[0].message.content == "Hi"
    return 1


def chat_async(stub: Provider, kept: Kept) -> int:
    stub.answers(wire.CHAT)
    asyncio.run(openai_async(stub, kept).chat.completions.create(model="gpt-4o", **ASK))
    return 1


def chat_stream(stub: Provider, kept: Kept) -> int:
    stub.streams([*wire.CHAT_CHUNKS, wire.CHAT_USAGE_CHUNK])
    chunks = all_of(openai_client(stub, kept).chat.completions.create(model="gpt-4o", stream=True, **ASK))
    assert stub.asked[0]["stream_options"] == {"include_usage": True}
    assert all(chunk.choices for chunk in chunks)
    return len(chunks)


def chat_stream_async(stub: Provider, kept: Kept) -> int:
    stub.streams([*wire.CHAT_CHUNKS, wire.CHAT_USAGE_CHUNK])

    async def run() -> list[Any]:
        client = openai_async(stub, kept)
        return await all_async(await client.chat.completions.create(model="gpt-4o", stream=True, **ASK))

    return len(asyncio.run(run()))


def chat_stream_helper(stub: Provider, kept: Kept) -> int:
    stub.streams([*wire.CHAT_CHUNKS, wire.CHAT_USAGE_CHUNK])
    with openai_client(stub, kept).chat.completions.stream(model="gpt-4o", **ASK) as stream:
        assert stream.get_final_completion().choices[0].message.content == "Hi"
    return 2


def chat_of_a_copy(stub: Provider, kept: Kept) -> int:
    stub.answers(wire.CHAT)
    openai_client(stub, kept).with_options(timeout=5).chat.completions.create(model="gpt-4o", **ASK)
    return 1


def chat_raw(stub: Provider, kept: Kept) -> int:
    stub.answers(wire.CHAT)
    raw = openai_client(stub, kept).chat.completions.with_raw_response.create(model="gpt-4o", **ASK)
    assert raw.parse().id == "chatcmpl-1"
    return 1


def responses(stub: Provider, kept: Kept) -> int:
    stub.answers(wire.RESPONSE)
    openai_client(stub, kept).responses.create(model="gpt-5.4", input="Hello")
    return 1


def responses_stream(stub: Provider, kept: Kept) -> int:
    stub.streams(wire.RESPONSE_EVENTS)
    return len(all_of(openai_client(stub, kept).responses.create(model="gpt-5.4", input="Hello", stream=True)))


def embeddings(stub: Provider, kept: Kept) -> int:
    stub.answers(wire.EMBEDDING)
    openai_client(stub, kept).embeddings.create(model="text-embedding-3-small", input="Hello", encoding_format="float")
    return 1


def transcription(stub: Provider, kept: Kept) -> int:
    stub.answers(wire.TRANSCRIPT)
    openai_client(stub, kept).audio.transcriptions.create(model="gpt-4o-transcribe", file=("a.wav", b"RIFF"))
    return 1


def openrouter(stub: Provider, kept: Kept) -> int:
    stub.answers(wire.OPENROUTER)
    client = openai_client(stub, kept)
    recorder_of(client).dialect = burnline.usage.adapters.OPENROUTER
    client.chat.completions.create(model="openai/gpt-4o", **ASK)
    return 1


def message(stub: Provider, kept: Kept) -> int:
    stub.answers(wire.MESSAGE)
    claude_client(stub, kept).messages.create(model=CLAUDE, max_tokens=9, **ASK)
    return 1


def message_async(stub: Provider, kept: Kept) -> int:
    stub.answers(wire.MESSAGE)
    asyncio.run(claude_async(stub, kept).messages.create(model=CLAUDE, max_tokens=9, **ASK))
    return 1


def message_stream(stub: Provider, kept: Kept) -> int:
    stub.streams(wire.MESSAGE_EVENTS)
    return len(all_of(claude_client(stub, kept).messages.create(model=CLAUDE, max_tokens=9, stream=True, **ASK)))


def message_stream_helper(stub: Provider, kept: Kept) -> int:
    stub.streams(wire.MESSAGE_EVENTS)
    with claude_client(stub, kept).messages.stream(model=CLAUDE, max_tokens=9, **ASK) as stream:
        assert stream.get_final_text() == "Hi"
    return len(wire.MESSAGE_EVENTS)


def message_stream_async(stub: Provider, kept: Kept) -> int:
    stub.streams(wire.MESSAGE_EVENTS)

    async def run() -> str:
        async with claude_async(stub, kept).messages.stream(model=CLAUDE, max_tokens=9, **ASK) as stream:
            return str(await stream.get_final_text())

    assert asyncio.run(run()) == "Hi"
    return len(wire.MESSAGE_EVENTS)


def gemini(stub: Provider, kept: Kept) -> int:
    stub.answers(wire.GEMINI)
    assert gemini_client(stub, kept).models.generate_content(model="gemini-2.5-flash", contents="Hello").text == "Hi"
    return 1


def gemini_stream(stub: Provider, kept: Kept) -> int:
    stub.streams_as_google(wire.GEMINI_CHUNKS)
    client = gemini_client(stub, kept)
    return len(all_of(client.models.generate_content_stream(model="gemini-2.5-flash", contents="Hello")))


def gemini_stream_async(stub: Provider, kept: Kept) -> int:
    stub.streams_as_google(wire.GEMINI_CHUNKS)

    async def run() -> list[Any]:
        async with httpx.AsyncClient() as inside:
            return await all_async(await begun(inside))

    async def begun(inside: httpx.AsyncClient) -> Any:
        options = {"base_url": stub.url, "httpx_async_client": inside}
        client = metered(genai.Client(api_key="k", http_options=options), kept)
        return await client.aio.models.generate_content_stream(model="gemini-2.5-flash", contents="Hello")

    return len(asyncio.run(run()))


def mistral(stub: Provider, kept: Kept) -> int:
    stub.answers(wire.MISTRAL)
    mistral_client(stub, kept).chat.complete(model="mistral-large-latest", **ASK)
    return 1


def mistral_stream(stub: Provider, kept: Kept) -> int:
    stub.streams(wire.MISTRAL_CHUNKS)
    return len(all_of(mistral_client(stub, kept).chat.stream(model="mistral-large-latest", **ASK)))


def mistral_stream_async(stub: Provider, kept: Kept) -> int:
    stub.streams(wire.MISTRAL_CHUNKS)

    async def run() -> list[Any]:
        return await all_async(await mistral_client(stub, kept).chat.stream_async(model="mistral-large-latest", **ASK))

    return len(asyncio.run(run()))


def ollama_chat(stub: Provider, kept: Kept) -> int:
    stub.answers(wire.OLLAMA)
    metered(ollama.Client(host=stub.url), kept).chat(model="llama3.2", **ASK)
    return 1


def ollama_stream(stub: Provider, kept: Kept) -> int:
    stub.streams_lines(wire.OLLAMA_CHUNKS)
    return len(all_of(metered(ollama.Client(host=stub.url), kept).chat(model="llama3.2", stream=True, **ASK)))


def ollama_stream_async(stub: Provider, kept: Kept) -> int:
    stub.streams_lines(wire.OLLAMA_CHUNKS)

    async def run() -> list[Any]:
        client = metered(ollama.AsyncClient(host=stub.url), kept)
        return await all_async(await client.chat(model="llama3.2", stream=True, **ASK))

    return len(asyncio.run(run()))


def converse(stub: Provider, kept: Kept) -> int:
    stub.answers(wire.CONVERSE)
    client = bedrock_client(stub, kept)
    client.converse(modelId=ON_AWS, messages=[{"role": "user", "content": [{"text": "Hello"}]}])
    return 1


def converse_stream(stub: Provider, kept: Kept) -> int:
    stub.streams_as_aws(wire.CONVERSE_EVENTS)
    client = bedrock_client(stub, kept)
    answer = client.converse_stream(modelId=ON_AWS, messages=[{"role": "user", "content": [{"text": "Hello"}]}])
    events = all_of(answer["stream"])
    answer["stream"].close()
    return len(events)


AWS = {"provider": "aws", "model": ON_AWS, "region": "eu-west-1"}
OPENAI, CLAUDES = {"provider": "openai"}, {"provider": "anthropic"}
GOOGLE, MISTRAL, OLLAMA = {"provider": "google"}, {"provider": "mistral"}, {"provider": "ollama"}
CALLS: list[tuple[Callable[[Provider, Kept], int], int, UsageFields]] = [
    (chat, 1, wire.CHAT_FIELDS | OPENAI),
    (chat_async, 1, wire.CHAT_FIELDS | OPENAI),
    (chat_stream, 2, wire.CHAT_FIELDS | OPENAI),
    (chat_stream_async, 2, wire.CHAT_FIELDS | OPENAI),
    (chat_stream_helper, 2, wire.CHAT_FIELDS | OPENAI),
    (chat_of_a_copy, 1, wire.CHAT_FIELDS | OPENAI),
    (chat_raw, 1, wire.CHAT_FIELDS | OPENAI),
    (responses, 1, wire.RESPONSE_FIELDS | OPENAI),
    (responses_stream, 2, wire.RESPONSE_FIELDS | OPENAI),
    (embeddings, 1, wire.EMBEDDING_FIELDS | OPENAI),
    (transcription, 1, wire.TRANSCRIPT_FIELDS | OPENAI),
    (openrouter, 1, wire.OPENROUTER_FIELDS | OPENAI),
    (message, 1, wire.MESSAGE_FIELDS | CLAUDES),
    (message_async, 1, wire.MESSAGE_FIELDS | CLAUDES),
    (message_stream, 6, wire.MESSAGE_FIELDS | CLAUDES),
    (message_stream_helper, 6, wire.MESSAGE_FIELDS | CLAUDES),
    (message_stream_async, 6, wire.MESSAGE_FIELDS | CLAUDES),
    (gemini, 1, wire.GEMINI_FIELDS | GOOGLE),
    (gemini_stream, 2, wire.GEMINI_FIELDS | GOOGLE),
    (gemini_stream_async, 2, wire.GEMINI_FIELDS | GOOGLE),
    (mistral, 1, wire.MISTRAL_FIELDS | MISTRAL),
    (mistral_stream, 2, wire.MISTRAL_FIELDS | MISTRAL),
    (mistral_stream_async, 2, wire.MISTRAL_FIELDS | MISTRAL),
    (ollama_chat, 1, wire.OLLAMA_FIELDS | OLLAMA),
    (ollama_stream, 2, wire.OLLAMA_FIELDS | OLLAMA),
    (ollama_stream_async, 2, wire.OLLAMA_FIELDS | OLLAMA),
    (converse, 1, wire.CONVERSE_FIELDS | AWS | {"event_id": "aws-1"}),
    (converse_stream, 4, wire.CONVERSE_FIELDS | AWS),
]


@pytest.mark.parametrize(("call", "parts", "fields"), CALLS, ids=[call.__name__ for call, _, _ in CALLS])
def test_a_call_is_one_event(
    call: Callable[[Provider, Kept], int], parts: int, fields: UsageFields, stub: Provider, kept: Kept
) -> None:
    assert call(stub, kept) == parts
    [event] = kept.events
    assert event.pop("occurred_at")
    assert {"event_id": event["event_id"]} | fields | WHO == event


def test_a_session_around_a_call_goes_before_what_the_client_was_metered_with(stub: Provider, kept: Kept) -> None:
    stub.answers(wire.CHAT)
    client = openai_client(stub, kept)
    with burnline.session("s2"), burnline.session("s3", agent="researcher"):
        client.chat.completions.create(model="gpt-4o", **ASK)
    [event] = kept.events
    assert (event["org_id"], event["agent_id"], event["session_id"]) == ("acme", "researcher", "s3")
    assert event["parent_session_id"] == "s2"


def test_a_stream_belongs_to_the_session_that_asked_for_it(stub: Provider, kept: Kept) -> None:
    stub.streams(wire.MESSAGE_EVENTS)
    with burnline.session("s2"):
        stream = claude_client(stub, kept).messages.create(model=CLAUDE, max_tokens=9, stream=True, **ASK)
    all_of(stream)
    assert kept.events[0]["session_id"] == "s2"


def test_a_stream_that_is_left_counts_what_was_said(stub: Provider, kept: Kept) -> None:
    stub.streams(wire.MESSAGE_EVENTS)
    with claude_client(stub, kept).messages.create(model=CLAUDE, max_tokens=9, stream=True, **ASK) as stream:
        next(iter(stream))
    del stream
    assert [(event["input_tokens"], event["output_tokens"]) for event in kept.events] == [(5000, 1)]


def test_a_caller_who_asks_for_usage_gets_it(stub: Provider, kept: Kept) -> None:
    stub.streams([*wire.CHAT_CHUNKS, wire.CHAT_USAGE_CHUNK])
    asked = {"model": "gpt-4o", "stream": True, "stream_options": {"include_usage": True}}
    chunks = all_of(openai_client(stub, kept).chat.completions.create(**asked, **ASK))
    assert chunks[-1].usage.prompt_tokens == 2000
    assert len(kept.events) == 1


@pytest.mark.parametrize("said", [{"stream_options": {"include_usage": False}}, {}], ids=["forbidden", "unknown-host"])
def test_a_stream_without_usage_is_counted_as_not_metered(
    said: dict[str, Any], stub: Provider, kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    stub.streams(wire.CHAT_CHUNKS)
    client = openai_client(stub, kept, ask_for_usage=None if not said else True)
    chunks = all_of(client.chat.completions.create(model="gpt-4o", stream=True, **said, **ASK))
    assert (len(chunks), kept.events, recorder_of(client).unmetered) == (2, [], 1)
    assert stub.asked[0].get("stream_options") == said.get("stream_options")
    assert "include_usage" in caplog.text


def test_what_a_provider_refuses_raises_as_before_and_is_no_event(stub: Provider, kept: Kept) -> None:
    stub.answers({"error": {"message": "no"}}, status=400)
    client = openai_client(stub, kept)
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="gpt-4o", **ASK)
    assert (kept.events, recorder_of(client).unmetered) == ([], 0)


def test_a_response_in_progress_is_counted_when_it_is_done(stub: Provider, kept: Kept) -> None:
    client = openai_client(stub, kept)
    for answer in ({**wire.RESPONSE, "status": "in_progress", "usage": None}, wire.RESPONSE, wire.RESPONSE):
        stub.answers(answer)
        client.responses.retrieve("resp_1")
    assert [event["event_id"] for event in kept.events] == ["resp_1", "resp_1"]  # which the ledger counts once
    assert recorder_of(client).unmetered == 0


def test_a_publisher_that_fails_is_logged_and_the_agent_goes_on(
    stub: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Kept):
        def publish(self, event: Any, /) -> bool:  # noqa: ARG002  # it takes none
            raise OSError("gone")

    stub.answers(wire.CHAT)
    client = openai_client(stub, Broken())
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert client.chat.completions.create(model="gpt-4o", **ASK).id == "chatcmpl-1"
    assert recorder_of(client).unmetered == 3
    assert [record.message for record in caplog.records] == ["a model call is not metered (1 so far): OSError: gone"]


def test_metering_twice_is_metering_once(stub: Provider, kept: Kept) -> None:
    stub.answers(wire.CHAT)
    client = openai_client(stub, kept)
    assert metered(client, kept) is client
    client.chat.completions.create(model="gpt-4o", **ASK)
    assert len(kept.events) == 1


def test_what_is_no_client_is_refused() -> None:
    with pytest.raises(TypeError, match=r"builtins\.object is no client that can be metered"):
        burnline.meter(object(), org="acme", agent="coder")


def test_calls_without_a_session_share_one_of_the_clients_own(stub: Provider, kept: Kept) -> None:
    stub.answers(wire.OLLAMA)
    client = burnline.meter(ollama.Client(host=stub.url), org="acme", agent="coder", publisher=kept)
    for _ in range(2):
        client.chat(model="llama3.2", **ASK)
    assert len({event["session_id"] for event in kept.events}) == 1
    assert len({event["event_id"] for event in kept.events}) == 2
