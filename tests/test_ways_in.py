"""Every way in gives the same event, and the page about them runs as it is written."""

import asyncio
import json
import os
import re
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import agents
import pytest

from burnline.events.decode import decode_batch
from burnline.events.usage import Usage
from burnline.imports.mapped import FieldMapping
from tests.ledger.examples import T0
from tests.metering.conftest import Kept
from tests.metering.stub import Provider, provider
from tests.usage import wire

PAGE = (Path(__file__).parent.parent / "docs/in.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The page's blocks of code in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


WIRES = {"openai": wire.CHAT, "anthropic": wire.MESSAGE, "google": wire.GEMINI, "ollama": wire.OLLAMA}
SNIPPETS = [block for block in blocks("python") if "burnline.meter" in block]


@pytest.mark.parametrize("snippet", SNIPPETS, ids=[re.search(r"from (\w+)", block)[1] for block in SNIPPETS])  # type: ignore[index]
def test_a_metered_client_as_the_page_has_it(snippet: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept()
    monkeypatch.setattr("burnline.metering.recorder.shared_publisher", lambda: kept)
    with provider() as stub:
        point_at(stub, monkeypatch)
        stub.answers(next(answer for name, answer in WIRES.items() if f"from {name} " in snippet))
        exec(compile(snippet, "docs/in.md", "exec"), {})  # noqa: S102  # what the page tells to run
    [event] = kept.events
    assert (event["org_id"], event["agent_id"], event["session_id"]) == ("acme", "code-reviewer", "sess-4711")
    assert len(snippet.strip().splitlines()) <= 6


@pytest.mark.parametrize("snippet", blocks("python"), ids=range(len(blocks("python"))))
def test_the_longest_takes_five_lines_and_its_imports(snippet: str) -> None:
    assert len([line for line in snippet.splitlines() if line.strip() and "import " not in line]) <= 5


ANSWER = {"type": "output_text", "text": "Hi", "annotations": []}
MESSAGE = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [ANSWER]}


@pytest.fixture
def own_loop() -> Iterator[None]:
    """An event loop for programs that take the thread's own, as those that run synchronously."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


@pytest.mark.usefixtures("own_loop")
@pytest.mark.parametrize("package", ["import agents", "from pydantic_ai"])
def test_a_framework_as_the_page_has_it(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    [snippet] = [block for block in blocks("python") if package in block]
    kept = Kept()
    monkeypatch.setattr("burnline.metering.recorder.shared_publisher", lambda: kept)
    agents.set_trace_processors([])  # the one that sends traces to OpenAI
    with provider() as stub:
        point_at(stub, monkeypatch)
        stub.answers({**wire.RESPONSE, "output": [MESSAGE]})
        exec(compile(snippet, "docs/in.md", "exec"), {})  # noqa: S102  # what the page tells to run
    agents.set_trace_processors([])
    [event] = kept.events
    assert (event["org_id"], event["agent_id"], event["session_id"]) == ("acme", "code-reviewer", "sess-4711")
    assert (event["input_tokens"], event["cached_input_tokens"]) == (5000, 3000)


def test_a_response_as_the_page_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    [snippet] = [block for block in blocks("python") if "usage.from_openai" in block]
    kept = Kept()

    class Publisher(Kept):
        @classmethod
        def from_settings(cls) -> "Publisher":
            return cls()

        def __enter__(self) -> Kept:
            return kept

        def __exit__(self, *_: object) -> None:
            """Nothing is left to be done."""

    monkeypatch.setattr("burnline.publisher.UsagePublisher", Publisher)
    with provider() as stub:
        point_at(stub, monkeypatch)
        stub.answers(wire.CHAT)
        exec(compile(snippet, "docs/in.md", "exec"), {})  # noqa: S102  # what the page tells to run
    assert kept.events[0]["session_id"] == "sess-4711"


def point_at(stub: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the providers' packages call here, by their own variables."""
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "BURNLINE_TOKEN"):
        monkeypatch.setenv(name, "k")
    for name, path in (("OPENAI_BASE_URL", "/v1"), ("ANTHROPIC_BASE_URL", ""), ("GOOGLE_GEMINI_BASE_URL", "")):
        monkeypatch.setenv(name, stub.url + path)
    for name in ("OLLAMA_HOST", "BURNLINE_API"):
        monkeypatch.setenv(name, stub.url)


def run_curl(snippet: str, _folder: Path) -> list[str]:
    return ["bash", "-c", snippet]


def run_node(snippet: str, folder: Path) -> list[str]:
    (folder / "post.mjs").write_text(snippet)
    return ["node", str(folder / "post.mjs")]


def run_go(snippet: str, folder: Path) -> list[str]:
    (folder / "main.go").write_text(snippet)
    return ["go", "run", str(folder / "main.go")]


@pytest.mark.parametrize(
    ("language", "command"),
    [
        pytest.param("bash", run_curl, marks=pytest.mark.needs_tool("curl"), id="curl"),
        pytest.param("js", run_node, marks=pytest.mark.needs_tool("node"), id="node"),
        pytest.param("go", run_go, marks=pytest.mark.needs_tool("go"), id="go"),
    ],
)
def test_an_event_by_http_as_the_page_has_it(
    language: str, command: Callable[[str, Path], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [snippet] = blocks(language)
    with provider() as stub:
        point_at(stub, monkeypatch)
        stub.answers({"accepted": 1, "refused": 0, "refused_events": []})
        done = subprocess.run(
            command(snippet, tmp_path), capture_output=True, text=True, timeout=100, check=False, env=dict(os.environ)
        )
    assert done.returncode == 0, done.stderr
    (event,), rejections = decode_batch([json.dumps(stub.asked[0]).encode()], now_ms=10**13, max_clock_skew_ms=0)
    assert rejections == []
    assert isinstance(event, Usage)
    assert (event.session_id, event.input_tokens) == ("sess-4711", 4808)


def test_the_mapping_of_the_page_is_one(tmp_path: Path) -> None:
    [text] = blocks("toml")
    (tmp_path / "mapping.toml").write_text(text)
    event = FieldMapping.from_file(tmp_path / "mapping.toml").event(
        {"request_id": "1", "started": T0, "conversation": {"id": "s1"}, "model": "m", "prompt_tokens": 1, "cached": 2}
    )
    assert event["input_tokens"] == 3
    assert event | tomllib.loads(text)["constants"] == event
