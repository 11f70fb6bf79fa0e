"""The frameworks' own packages, in an environment of their own (`requirements-frameworks.lock`): half a GB.

They run the page's text against a provider on this machine, and what only the real package can show.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from burnline.publisher.encoding import encode
from tests.metering.stub import Provider
from tests.usage import wire

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements-frameworks.lock"
ENVIRONMENT = ROOT / ".cache" / "frameworks"
PROGRAMS = Path(__file__).parent / "frameworks"
PAGE = (ROOT / "docs/in.md").read_text(encoding="utf-8")
OF_WHO = {"org_id": "acme", "agent_id": "code-reviewer", "session_id": "sess-4711"}

LITELLM = """
import burnline, litellm
litellm.callbacks.append(burnline.litellm_logger(org="acme", agent="code-reviewer"))
ASK = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}
"""
LITELLM_SYNC = """
with burnline.session("sess-4711"):
    answer = litellm.completion(**ASK, **HOW)
if HOW.get("stream"):
    list(answer)
"""
LITELLM_ASYNC = """
import asyncio
async def main():
    with burnline.session("sess-4711"):
        answer = await litellm.acompletion(**ASK, **HOW)
    if HOW.get("stream"):
        _ = [part async for part in answer]
    await asyncio.sleep(1)  # LiteLLM's logging is a task beside
asyncio.run(main())
"""
LANGCHAIN_STREAM = """
import burnline
from langchain_openai import ChatOpenAI

metered = {"callbacks": [burnline.langchain_handler(org="acme", agent="code-reviewer", session="sess-4711")]}
list(ChatOpenAI(model="gpt-4o", stream_usage=True).stream("Hello", config=metered))
"""
LANGGRAPH = """
import burnline
from langchain.agents import create_agent
from langchain_core.tools import tool

researcher = create_agent("openai:gpt-4o", name="researcher")

@tool
def research(input: str) -> str:
    "Research."
    return researcher.invoke({"messages": [("user", input)]})["messages"][-1].text

coder = create_agent("openai:gpt-4o", tools=[research], name="code-reviewer")
metered = {"callbacks": [burnline.langchain_handler(org="acme")], "configurable": {"thread_id": "sess-4711"}}
coder.invoke({"messages": [("user", "Hello")]}, config=metered)
"""
CLAUDE_CLIENT = """
import asyncio, burnline
from claude_agent_sdk import ClaudeSDKClient

async def main():
    client = burnline.meter(ClaudeSDKClient(), org="acme", agent="code-reviewer")
    async with client:
        for _ in range(2):
            await client.query("Hello")
            assert len([message async for message in client.receive_response()]) == 3

asyncio.run(main())
"""
CLAUDE_FIELDS = {
    "event_id": "r1:claude-sonnet-4-5-20250929", "model": "claude-sonnet-4-5-20250929", "provider": "anthropic",
    "input_tokens": 5000, "cached_input_tokens": 4000, "cache_write_tokens": 900, "cache_write_1h_tokens": 600,
    "output_tokens": 250, "reported_cost_usd": "0.031", "reported_cost_source": "claude-agent-sdk",
    "org_id": "acme", "agent_id": "code-reviewer", "session_id": "claude-1",
}  # fmt: skip


@pytest.fixture(scope="module")
def python() -> Path:
    """An interpreter that has the frameworks; set up once, from the lock file."""
    installed = ENVIRONMENT / "requirements.lock"
    if not installed.exists() or installed.read_bytes() != LOCK.read_bytes():
        subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
        pip = [str(ENVIRONMENT / "bin" / "pip"), "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "-r", str(LOCK)], check=True)
        installed.write_bytes(LOCK.read_bytes())
    return ENVIRONMENT / "bin" / "python"


@pytest.fixture
def run(python: Path, stub: Provider, tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """Runs a program against the provider, and gives the events that it publishes."""
    claude = tmp_path / "bin" / "claude"
    claude.parent.mkdir()
    claude.write_text(f"#!{sys.executable}\n" + (PROGRAMS / "claude.py").read_text(encoding="utf-8"))
    claude.chmod(0o755)
    environment = {
        "PATH": f"{claude.parent}:{os.environ['PATH']}", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT / "app"),
        "OPENAI_API_KEY": "k", "OPENAI_BASE_URL": f"{stub.url}/v1", "OPENAI_API_BASE": f"{stub.url}/v1",
        "ANTHROPIC_API_KEY": "k", "ANTHROPIC_API_BASE": stub.url, "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "CLAUDE_AGENT_SDK_SKIP_VERSION_CHECK": "1", "LANGSMITH_TRACING": "false",
    }  # fmt: skip

    def start(program: str, expected: int = 1) -> list[dict[str, Any]]:
        (tmp_path / "program.py").write_text(program, encoding="utf-8")
        done = subprocess.run(
            [python, PROGRAMS / "run.py", tmp_path / "program.py", str(expected)],
            capture_output=True, text=True, timeout=300, check=False, env=environment,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"event_id"')]
        assert all(encode(event) for event in events)
        assert len(events) == expected, done.stdout + done.stderr
        return events

    return start


def page(package: str) -> str:
    """The page's program that imports a package."""
    [found] = [
        block for block in re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE) if package in block
    ]
    return str(found)


def without(event: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in ("occurred_at", "run_id", *names)}


def test_litellm_as_the_page_has_it(run: Any, stub: Provider) -> None:
    stub.answers(wire.CHAT)
    [event] = run(page("import litellm"))
    assert float(event["reported_cost_usd"]) > 0
    reported = {name: event[name] for name in ("reported_cost_usd", "reported_cost_source")}
    assert without(event) == wire.CHAT_FIELDS | OF_WHO | {"provider": "openai"} | reported


@pytest.mark.parametrize("way", [LITELLM_SYNC, LITELLM_ASYNC], ids=["sync", "async"])
@pytest.mark.parametrize(
    "how", [{}, {"stream": True, "stream_options": {"include_usage": True}}], ids=["whole", "stream"]
)
def test_litellm_counts_once(way: str, how: dict[str, Any], run: Any, stub: Provider) -> None:
    if how:
        stub.streams([*wire.CHAT_CHUNKS, wire.CHAT_USAGE_CHUNK])
    else:
        stub.answers(wire.CHAT)
    [event] = run(f"MODEL, HOW = 'openai/gpt-4o', {how}\n{LITELLM}{way}")
    counts = {name: value for name, value in wire.CHAT_FIELDS.items() if name.endswith("_tokens")}
    assert {name: event.get(name) for name in counts} == counts
    assert (event["session_id"], event["event_id"]) == ("sess-4711", "chatcmpl-1")


def test_litellm_makes_claudes_counts_inclusive(run: Any, stub: Provider) -> None:
    stub.answers(wire.MESSAGE)
    [event] = run(f"MODEL, HOW = 'anthropic/claude-sonnet-4-5-20250929', {{'max_tokens': 9}}\n{LITELLM}{LITELLM_SYNC}")
    told = ("input_tokens", "cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens", "output_tokens")
    assert {name: event.get(name) for name in told} == {name: wire.MESSAGE_FIELDS[name] for name in told}
    assert event["provider"] == "anthropic"


def test_langchain_as_the_page_has_it(run: Any, stub: Provider) -> None:
    stub.answers(wire.CHAT)
    [event] = run(page("langchain_openai"))
    assert without(event) == wire.CHAT_FIELDS | OF_WHO | {"provider": "openai"}


def test_a_stream_of_langchain(run: Any, stub: Provider) -> None:
    stub.streams([*wire.CHAT_CHUNKS, wire.CHAT_USAGE_CHUNK])
    [event] = run(LANGCHAIN_STREAM)  # which is told neither the response's id nor its tier
    told = {name: value for name, value in wire.CHAT_FIELDS.items() if name not in ("event_id", "service_tier")}
    assert without(event, "event_id") == told | OF_WHO | {"provider": "openai"}


def test_an_agent_of_langgraph_and_its_sub_agent(run: Any, stub: Provider) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "research", "arguments": '{"input": "x"}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    asks = {
        **wire.CHAT,
        "id": "chatcmpl-0",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": message}],
    }
    stub.answers(asks, wire.CHAT, {**wire.CHAT, "id": "chatcmpl-2"})
    asked, looked_up, answered = run(LANGGRAPH, 3)
    assert [event["agent_id"] for event in (asked, looked_up, answered)] == [
        "code-reviewer", "researcher", "code-reviewer",
    ]  # fmt: skip
    assert looked_up["parent_run_id"] == asked["run_id"] == answered["run_id"] != looked_up["run_id"]
    assert {event["session_id"] for event in (asked, looked_up, answered)} == {"sess-4711"}


def test_claudes_agent_sdk_as_the_page_has_it(run: Any) -> None:
    [event] = run(page("claude_agent_sdk.query"))
    assert without(event) == CLAUDE_FIELDS


def test_a_client_of_claudes_agent_sdk_counts_what_is_new(run: Any) -> None:
    [event] = run(CLAUDE_CLIENT)  # the second result has the sums of the first, so nothing was used since
    assert without(event) == CLAUDE_FIELDS
