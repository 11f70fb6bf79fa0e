"""Every way in gives the same event, and the page about them runs as it is written."""

import json
import os
import re
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import burnline
from burnline import usage
from burnline.events.cloudevents import in_one_piece
from burnline.events.decode import decode_batch
from burnline.events.usage import Usage
from burnline.imports.found import Found
from burnline.imports.mapped import FIELDS, FieldMapping, read_csv, read_jsonl
from burnline.ledger.record import encode as encode_ledger
from burnline.publisher.encoding import encode
from tests.ledger.examples import T0, held, ledger
from tests.metering.conftest import Kept
from tests.metering.stub import Provider, provider
from tests.usage import wire

PAGE = (Path(__file__).parent.parent / "docs/in.md").read_text(encoding="utf-8")
WHO: dict[str, Any] = {"org": "acme", "agent": "coder", "session": "s1"}
EVENT: dict[str, Any] = {
    "event_id": "chatcmpl-1", "occurred_at": T0, "org_id": "acme", "agent_id": "coder", "session_id": "s1",
    "provider": "openai", "model": "gpt-4o-2024-08-06", "service_tier": "standard",
    "input_tokens": 2000, "cached_input_tokens": 1024, "input_audio_tokens": 200,
    "output_tokens": 300, "reasoning_tokens": 100, "output_audio_tokens": 50,
}  # fmt: skip


def blocks(language: str) -> list[str]:
    """The page's blocks of code in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def published(event: dict[str, Any]) -> bytes:
    return encode(event).value


def by_hand(_folder: Path) -> bytes:
    return json.dumps(EVENT).encode()


def by_publisher(_folder: Path) -> bytes:
    return published(EVENT)


def by_adapter(_folder: Path) -> bytes:
    return published(usage.from_openai(wire.CHAT, **WHO, occurred_at_ms=T0))


def by_stream(_folder: Path) -> bytes:
    chunks = [*wire.CHAT_CHUNKS, wire.CHAT_USAGE_CHUNK]
    return published(usage.from_openai(chunks, **WHO, occurred_at_ms=T0))


def by_meter(_folder: Path) -> bytes:
    from openai import OpenAI

    kept = Kept()
    with provider() as stub:
        stub.answers(wire.CHAT)
        client = OpenAI(api_key="k", base_url=f"{stub.url}/v1")
        client = burnline.meter(client, **WHO, provider="openai", publisher=kept)
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hi"}])
    return published(kept.events[0] | {"occurred_at": T0})


def by_structured_cloudevent(_folder: Path) -> bytes:
    envelope = {"specversion": "1.0", "id": "1", "source": "/a", "type": "t", "subject": "s1"}
    return json.dumps({**envelope, "data": EVENT}).encode()


def by_cloudevent_of_headers(_folder: Path) -> bytes:
    headers: list[tuple[str, bytes | None]] = [
        ("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"/a"), ("ce_type", b"t"),
    ]  # fmt: skip
    return in_one_piece(json.dumps(EVENT).encode(), headers) or b""


def mapping() -> FieldMapping:
    return FieldMapping({name: [name] for name in EVENT if name in FIELDS}, {})


def only(rows: list[Any]) -> bytes:
    [row] = rows
    assert isinstance(row, Found)
    return published(row.event)


def by_jsonl(folder: Path) -> bytes:
    (folder / "rows.jsonl").write_text(json.dumps(EVENT) + "\n")
    return only(list(read_jsonl(folder / "rows.jsonl", mapping(), lambda _: None)))


def by_csv(folder: Path) -> bytes:
    (folder / "rows.csv").write_text(",".join(EVENT) + "\n" + ",".join(map(str, EVENT.values())) + "\n")
    return only(list(read_csv(folder / "rows.csv", mapping(), lambda _: None)))


WAYS = [
    by_hand, by_publisher, by_adapter, by_stream, by_meter, by_structured_cloudevent, by_cloudevent_of_headers,
    by_jsonl, by_csv,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=[way.__name__.removeprefix("by_") for way in WAYS])
def test_the_same_usage_gives_the_same_ledger(way: Callable[[Path], bytes], tmp_path: Path) -> None:
    assert ledger_of(way(tmp_path)) == ledger_of(by_hand(tmp_path))


def ledger_of(value: bytes) -> dict[str, Any]:
    partition = ledger()
    assert partition.apply_records([0], [value], logged_ms=[T0], now_ms=T0, max_clock_skew_ms=0) == []
    record: dict[str, Any] = json.loads(encode_ledger(held(partition, "s1")))
    del record["recent_event_ids"]  # a CloudEvent is called by its source
    return record


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
