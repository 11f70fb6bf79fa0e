"""Exports of LiteLLM, Langfuse and OpenAI, and Parquet: what a row is, and that the same row is the same event."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from burnline.events.text import printable
from burnline.imports import langfuse, litellm, openai
from burnline.imports.found import Found, Unread
from burnline.imports.mapped import FieldMapping
from burnline.imports.memory import Memory
from burnline.imports.parquet import ROWS_AT_ONCE, read_parquet
from burnline.imports.send import BATCH, send
from burnline.publisher.encoding import Encoded, encode
from burnline.settings import Settings

AT = "2026-03-02T08:00:00Z"
AT_MS = 1_772_438_400_000


def nothing(_bytes: int) -> None:
    """Progress that nobody looks at."""


def publishable(rows: Iterator[Found | Unread]) -> list[dict[str, Any]]:
    found = []
    for row in rows:
        assert isinstance(row, Found), row
        assert encode({"agent_id": "a", "org_id": "acme", **row.event}).event_id == row.event["event_id"]
        found.append(row.event)
    return found


# LiteLLM

SPENT: dict[str, Any] = {
    "request_id": "chatcmpl-1", "call_type": "acompletion", "spend": 0.0042, "startTime": AT, "endTime": AT,
    "prompt_tokens": 5000, "completion_tokens": 250, "total_tokens": 5250, "model": "claude-sonnet-4-5",
    "custom_llm_provider": "anthropic", "team_id": "platform", "session_id": "s1", "cache_hit": "None",
    "metadata": {
        "usage_object": {
            "prompt_tokens_details": {
                "cached_tokens": 4000, "cache_creation_tokens": 900,
                "cache_creation_token_details": {"ephemeral_1h_input_tokens": 600},
            },
            "completion_tokens_details": {"reasoning_tokens": 80},
        },
    },
}  # fmt: skip
SPENT_EVENT = {
    "event_id": "chatcmpl-1", "occurred_at": AT_MS, "session_id": "s1", "team_id": "platform", "provider": "anthropic",
    "model": "claude-sonnet-4-5", "input_tokens": 5000, "cached_input_tokens": 4000, "cache_write_tokens": 900,
    "cache_write_1h_tokens": 600, "output_tokens": 250, "reasoning_tokens": 80, "input_audio_tokens": 0,
    "output_audio_tokens": 0, "reported_cost_usd": "0.0042", "reported_cost_source": "litellm",
}  # fmt: skip


@pytest.mark.parametrize("as_csv", [False, True], ids=["json", "csv"])
def test_a_spend_log_is_an_event(as_csv: bool, tmp_path: Path) -> None:  # noqa: FBT001
    file = tmp_path / "logs"
    if as_csv:
        cells = [json.dumps(value) if isinstance(value, dict) else str(value) for value in SPENT.values()]
        quoted = ['"' + cell.replace('"', '""') + '"' for cell in cells]
        file.write_text(",".join(SPENT) + "\n" + ",".join(quoted) + "\n")
    else:
        file.write_text(json.dumps([SPENT]))
    assert publishable(litellm.read(file, nothing)) == [SPENT_EVENT]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"cache_hit": "True"}, {"kind": "cache_hit"}),
        ({"call_type": "embedding"}, {"kind": "embedding"}),
        ({"status": "failure"}, {"error": True}),
        ({"session_id": None, "end_user": "ada"}, {"session_id": "ada@2026-03-02"}),
        ({"session_id": "", "team_id": ""}, {"session_id": "litellm@2026-03-02"}),
        (
            {"metadata": {"additional_usage_values": {"cache_read_input_tokens": 7}}},
            {"cached_input_tokens": 7, "cache_write_tokens": 0},
        ),
    ],
    ids=["cache-hit", "embedding", "failure", "no-session", "nobody", "counts-of-earlier-versions"],
)
def test_what_else_a_spend_log_may_say(said: dict[str, Any], told: dict[str, Any]) -> None:
    event = litellm.event_of(SPENT | said)
    assert {name: event[name] for name in told} == told


# Langfuse

SAID: dict[str, Any] = {
    "id": "o1", "type": "GENERATION", "traceId": "t1", "sessionId": "s1", "startTime": AT, "endTime": AT,
    "model": "gpt-4o", "level": "DEFAULT",
}  # fmt: skip


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        pytest.param(
            {"input": 976, "input_cached_tokens": 1024, "output": 200, "output_reasoning_tokens": 100, "total": 2300},
            {"input_tokens": 2000, "cached_input_tokens": 1024, "output_tokens": 300, "reasoning_tokens": 100},
            id="beside-each-other",
        ),
        pytest.param(
            {"input": 2000, "input_cached_tokens": 1024, "output": 300, "output_reasoning_tokens": 100, "total": 2300},
            {"input_tokens": 2000, "cached_input_tokens": 1024, "output_tokens": 300, "reasoning_tokens": 100},
            id="within-their-totals",
        ),
        pytest.param(
            {
                "input": 100, "cache_read_input_tokens": 4000, "cache_creation_input_tokens": 900, "output": 250,
                "total": 5250,
            },
            {"input_tokens": 5000, "cached_input_tokens": 4000, "cache_write_tokens": 900, "output_tokens": 250},
            id="claude",
        ),
        pytest.param({"input": 5, "output": 7, "total": 12}, {"input_tokens": 5, "output_tokens": 7}, id="plain"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["usageDetails", "usage_details"])
def test_an_observations_counts_are_made_inclusive(name: str, usage: Any, counts: dict[str, int]) -> None:
    event = langfuse.event_of(SAID | {name: usage, "totalCost": 0.01})
    assert event is not None
    assert {field: value for field, value in event.items() if field.endswith("_tokens")} == counts
    assert (event["event_id"], event["session_id"], event["reported_cost_usd"]) == ("o1", "s1", "0.01")


def test_observations_of_a_bucket_name_their_columns_otherwise(tmp_path: Path) -> None:
    row = {
        "id": "o1", "type": "GENERATION", "trace_id": "t1", "session_id": "s1",
        "end_time": "2026-03-02 08:00:00.000000", "provided_model_name": "gpt-4o",
        "usage_details": {"input": 5, "output": 7},
    }  # fmt: skip
    (tmp_path / "o.jsonl").write_text(json.dumps(row) + "\n")
    [event] = publishable(langfuse.read(tmp_path / "o.jsonl", nothing))
    assert (event["occurred_at"], event["run_id"], event["model"]) == (AT_MS, "t1", "gpt-4o")


@pytest.mark.parametrize("kind", ["SPAN", "EVENT", "AGENT", "TOOL", "CHAIN"])
def test_an_observation_around_calls_is_no_event(kind: str) -> None:
    assert langfuse.event_of(SAID | {"type": kind, "usageDetails": {"input": 5, "output": 7}}) is None


def test_an_export_without_kinds_has_its_totals() -> None:
    event = langfuse.event_of(SAID | {"promptTokens": "5", "completionTokens": 7})
    assert event is not None
    assert (event["input_tokens"], event["output_tokens"]) == (5, 7)


# OpenAI

START_S = AT_MS // 1000
RESULT: dict[str, Any] = {
    "object": "organization.usage.completions.result", "input_tokens": 1000, "output_tokens": 500,
    "input_cached_tokens": 800, "num_model_requests": 5, "project_id": "proj_1", "user_id": None, "api_key_id": "key_1",
    "model": "gpt-4o-2024-08-06", "batch": False, "service_tier": None,
}  # fmt: skip


def usage(folder: Path, *results: dict[str, Any]) -> Path:
    bucket = {"object": "bucket", "start_time": START_S, "end_time": START_S + 3600, "results": list(results)}
    file = folder / "usage.json"
    file.write_text(json.dumps({"object": "page", "data": [bucket]}))
    return file


LATER_MS = AT_MS + 3_600_000


def test_what_was_used_in_a_span_is_an_event_for_each_result(tmp_path: Path) -> None:
    file = usage(tmp_path, RESULT, RESULT | {"batch": True})
    first, second = publishable(openai.read(file, nothing, now_ms=LATER_MS))
    assert {name: value for name, value in first.items() if name != "event_id"} == {
        "occurred_at": LATER_MS - 1, "session_id": "proj_1@2026-03-02", "agent_id": "key_1", "project_code": "proj_1",
        "provider": "openai", "model": "gpt-4o-2024-08-06", "input_tokens": 1000, "cached_input_tokens": 800,
        "output_tokens": 500,
    }  # fmt: skip
    assert second["service_tier"] == "batch"
    assert first["event_id"] != second["event_id"]


def test_the_same_span_is_the_same_event_whatever_the_format(tmp_path: Path) -> None:
    [of_json] = publishable(openai.read(usage(tmp_path, RESULT), nothing, now_ms=LATER_MS))
    row = {"start_time": START_S, "end_time": START_S + 3600} | RESULT
    del row["object"]
    cells = ["" if value is None else str(value) for value in row.values()]
    (tmp_path / "usage.csv").write_text(",".join(row) + "\n" + ",".join(cells) + "\n")
    [of_csv] = publishable(openai.read(tmp_path / "usage.csv", nothing, now_ms=LATER_MS))
    assert of_csv == of_json


@pytest.mark.parametrize(
    ("result", "now_ms", "why"),
    [
        (RESULT | {"model": None}, LATER_MS, "group_by=model"),
        (RESULT, LATER_MS - 1, "end_time is not over"),
        (RESULT | {"input_tokens": 1.5}, LATER_MS, "input_tokens must be a whole number"),
    ],
    ids=["model", "still-going", "count"],
)
def test_what_cannot_be_counted_is_named(result: dict[str, Any], now_ms: int, why: str, tmp_path: Path) -> None:
    [row] = openai.read(usage(tmp_path, result), nothing, now_ms=now_ms)
    assert isinstance(row, Unread)
    assert why in printable(row.why)


# Parquet

MAPPING = FieldMapping(
    {
        "occurred_at": ["at"], "session_id": ["who.session"], "model": ["model"], "input_tokens": ["asked", "cached"],
        "cached_input_tokens": ["cached"], "output_tokens": ["told"],
    },
    {},
)  # fmt: skip


def test_rows_of_parquet_are_mapped_and_named_by_what_is_in_them(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "at": [datetime(2026, 3, 2, 8, tzinfo=UTC)] * 3, "who": [{"session": "s1"}] * 3, "model": ["gpt-4o"] * 3,
            "asked": [5, 5, 6], "cached": [2, 2, None], "told": [7.0, 7.0, 7.5],
        }
    )  # fmt: skip
    frame.write_parquet(tmp_path / "rows.parquet")
    read: list[int] = []
    first, again, wrong = read_parquet(tmp_path / "rows.parquet", MAPPING, read.append)
    assert isinstance(first, Found)
    assert isinstance(again, Found)
    assert first.event == again.event
    counts = [first.event[name] for name in ("input_tokens", "cached_input_tokens", "output_tokens")]
    assert (first.event["occurred_at"], first.event["session_id"], counts) == (AT_MS, "s1", [7, 2, 7])
    assert isinstance(wrong, Unread)
    assert "output_tokens must be a whole number, not 7.5" in wrong.why
    assert sum(read) == (tmp_path / "rows.parquet").stat().st_size


def test_parquet_is_read_some_rows_at_a_time(tmp_path: Path) -> None:
    rows = ROWS_AT_ONCE + 1
    frame = {"at": [AT] * rows, "who": [{"session": "s1"}] * rows, "model": ["m"] * rows, "asked": range(rows)}
    file = tmp_path / "rows.parquet"
    pl.DataFrame(frame).write_parquet(file)
    found = [row.event["input_tokens"] for row in read_parquet(file, MAPPING, nothing) if isinstance(row, Found)]
    assert found == list(range(rows))


def test_what_is_no_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "rows.parquet").write_text("id,at\n")
    [row] = read_parquet(tmp_path / "rows.parquet", MAPPING, nothing)
    assert isinstance(row, Unread)


# What all imports share


def test_events_are_sent_while_the_rest_is_still_to_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a source is, two batches of it are in memory."""
    made = most = sent = 0

    class Publisher:
        """Takes everything."""

        @classmethod
        def from_settings(cls, *_: Any, **__: Any) -> "Publisher":
            return cls()

        def __enter__(self) -> "Publisher":
            return self

        def __exit__(self, *_: object) -> None:
            """Nothing is left to be done."""

        def publish_raw(self, *_: Any, **__: Any) -> None:
            nonlocal sent
            sent += 1

        def flush(self) -> None:
            nonlocal most
            most = max(most, made - sent)

    def events() -> Iterator[Encoded]:
        nonlocal made
        for number in range(3 * BATCH):
            made += 1
            yield Encoded(b"{}", b"s1", f"e{number}")

    monkeypatch.setattr("burnline.imports.send.UsagePublisher", Publisher)
    with Memory(tmp_path / "memory.sqlite3", "here") as memory:
        done = send(Settings(), events(), memory, unique_in_session=False, again=False)
        assert (done.acknowledged, made, most) == (3 * BATCH, 3 * BATCH, 0)
        again = send(
            Settings(), (Encoded(b"{}", b"s1", "e7") for _ in range(1)), memory, unique_in_session=False, again=False
        )
        assert (again.known, again.acknowledged) == (1, 0)
