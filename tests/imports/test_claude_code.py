"""Claude Code's transcripts: each message once, of the session that it was first said in."""

import json
from pathlib import Path
from typing import Any

import pytest

from burnline.imports import claude_code
from burnline.imports.found import Found, Unread
from tests.imports.transcripts import MONDAY, message, write_week


def read(*paths: Path) -> list[Found | Unread]:
    return list(claude_code.read(list(paths), lambda _: None))


def events(*paths: Path) -> list[dict[str, Any]]:
    found = read(*paths)
    assert all(isinstance(row, Found) for row in found)
    return [row.event for row in found if isinstance(row, Found)]


def write(file: Path, *lines: dict[str, Any]) -> Path:
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def test_a_week_holds_each_message_once(tmp_path: Path) -> None:
    written = write_week(tmp_path)
    found = events(tmp_path)
    assert len(found) == len({event["event_id"] for event in found}) == written.messages
    assert sum(event["input_tokens"] for event in found) == written.input_tokens
    assert sum(event["output_tokens"] for event in found) == written.output_tokens
    assert [event["occurred_at"] for event in found] == sorted(event["occurred_at"] for event in found)


def test_a_message_is_read_as_anthropic_counts(tmp_path: Path) -> None:
    file = write(tmp_path / "s1.jsonl", message(1, output=300, at=MONDAY, session="s1"))
    assert events(file) == [
        {
            "event_id": "msg_1", "occurred_at": 1_772_438_400_000, "session_id": "s1", "project_code": tmp_path.name,
            "provider": "anthropic", "model": "claude-sonnet-4-5-20250929", "service_tier": "standard",
            "input_tokens": 21_004, "cached_input_tokens": 20_000, "cache_write_tokens": 1_000,
            "cache_write_1h_tokens": 1_000, "output_tokens": 300,
        }
    ]  # fmt: skip


@pytest.mark.parametrize("outputs", [(3, 300), (300, 3)], ids=["in-order", "out-of-order"])
def test_of_a_message_that_is_written_again_the_last_count_and_the_first_time_stand(
    tmp_path: Path, outputs: tuple[int, int]
) -> None:
    lines = [message(1, output=output, at=MONDAY, session="s1") for output in outputs]
    lines[1]["timestamp"] = "2026-03-02T08:00:09Z"
    [event] = events(write(tmp_path / "s1.jsonl", *lines))
    assert (event["output_tokens"], event["occurred_at"]) == (300, 1_772_438_400_000)


@pytest.mark.parametrize("fork", ["00-fork", "zz-fork"], ids=["before-it-by-name", "behind-it-by-name"])
def test_a_fork_does_not_own_what_it_has_copied(tmp_path: Path, fork: str) -> None:
    original = message(1, output=3, at=MONDAY, session="s1")
    write(tmp_path / "s1.jsonl", original)
    write(tmp_path / f"{fork}.jsonl", {**original, "sessionId": fork, "forkedFrom": {"sessionId": "s1"}})
    assert [event["session_id"] for event in events(tmp_path)] == ["s1"]


def test_a_sub_agent_is_a_run_of_its_session(tmp_path: Path) -> None:
    said = message(1, output=3, at=MONDAY, session="s1", isSidechain=True)
    write(tmp_path / "s1.jsonl", said)
    write(tmp_path / "agent-a1.jsonl", {**said, "agentId": "a1"})
    assert [(event["session_id"], event["run_id"]) for event in events(tmp_path)] == [("s1", "a1")]


@pytest.mark.parametrize(
    ("message_id", "provider"), [("msg_bdrk_1", "aws"), ("msg_vrtx_1", "google"), ("msg_01", "anthropic")]
)
def test_an_id_says_who_served_it(tmp_path: Path, message_id: str, provider: str) -> None:
    line = message(1, output=3, at=MONDAY, session="s1")
    line["message"]["id"] = message_id
    assert events(write(tmp_path / "s1.jsonl", line))[0]["provider"] == provider


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"type": "assistant", "usage": \n', "truncated"),
        (b'{"type": "assistant", "message": {"id": "m", "usage": {"input_tokens": -1}}}\n', "input_tokens"),
        (b'{"type": "assistant", "message": {"id": "m", "usage": {"input_tokens": 1}}}\n', "sessionId is missing"),
    ],
    ids=["no-json", "no-count", "no-session"],
)
def test_a_line_that_cannot_be_read_is_named_and_costs_no_other(tmp_path: Path, line: bytes, why: str) -> None:
    file = write(tmp_path / "s1.jsonl", message(1, output=3, at=MONDAY, session="s1"))
    file.write_bytes(line + file.read_bytes())
    unread, found = read(file)
    assert isinstance(unread, Unread)
    assert unread.where == f"{file}:1"
    assert why in unread.why
    assert isinstance(found, Found)


def test_a_line_that_is_being_written_is_left_for_the_next_import(tmp_path: Path) -> None:
    file = write(tmp_path / "s1.jsonl", message(1, output=3, at=MONDAY, session="s1"))
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"type": "assistant", "message": {"usage"')
    assert len(read(file)) == 1


def test_a_path_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read(tmp_path / "nowhere")
