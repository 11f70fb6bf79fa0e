"""Codex' rollouts: a call is what its totals have grown by."""

import json
from pathlib import Path
from typing import Any

from burnline.imports import codex
from burnline.imports.found import Found

META = {"timestamp": "2026-03-02T08:00:00Z", "type": "session_meta", "payload": {"id": "t1", "cwd": "/home/ada/shop"}}
TURN = {"timestamp": "2026-03-02T08:00:00Z", "type": "turn_context", "payload": {"model": "gpt-5.1-codex"}}


def counted(second: int, total: int, last: int | None = None) -> dict[str, Any]:
    def usage(number: int) -> dict[str, int]:
        return {
            "input_tokens": 100 * number, "cached_input_tokens": 80 * number,
            "output_tokens": 10 * number, "reasoning_output_tokens": 4 * number,
        }  # fmt: skip

    info = {"total_token_usage": usage(total)} | ({"last_token_usage": usage(last)} if last is not None else {})
    payload = {"type": "token_count", "info": info}
    return {"timestamp": f"2026-03-02T08:00:{second:02d}Z", "type": "event_msg", "payload": payload}


def rollout(folder: Path, name: str, *lines: dict[str, Any]) -> None:
    (folder / f"rollout-{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def events(folder: Path) -> list[dict[str, Any]]:
    found = list(codex.read([folder], lambda _: None))
    assert all(isinstance(row, Found) for row in found)
    return [row.event for row in found if isinstance(row, Found)]


def test_a_call_is_one_event_and_the_same_totals_again_are_none(tmp_path: Path) -> None:
    empty = {"timestamp": "2026-03-02T08:00:01Z", "type": "event_msg", "payload": {"type": "token_count", "info": None}}
    rollout(tmp_path, "1", META, TURN, empty, counted(2, 1, 1), counted(3, 1, 1), counted(4, 3, 2))
    first, second = events(tmp_path)
    assert (first["session_id"], first["model"], first["project_code"]) == ("t1", "gpt-5.1-codex", "shop")
    assert [event["input_tokens"] for event in (first, second)] == [100, 200]
    assert (second["cached_input_tokens"], second["output_tokens"], second["reasoning_tokens"]) == (160, 20, 8)


def test_totals_alone_give_what_was_added(tmp_path: Path) -> None:
    rollout(tmp_path, "1", META, TURN, counted(2, 1), counted(4, 3))
    assert [event["input_tokens"] for event in events(tmp_path)] == [100, 200]


def test_a_fork_repeats_its_history_and_counts_what_is_its_own(tmp_path: Path) -> None:
    history = [TURN, counted(2, 1, 1), counted(4, 3, 2)]
    rollout(tmp_path, "1", META, *history)
    fork = {**META, "payload": {"id": "t2", "forked_from_id": "t1"}}
    rollout(tmp_path, "2", fork, META, *history, counted(9, 4, 1))
    assert [(event["session_id"], event["input_tokens"]) for event in events(tmp_path)] == [
        ("t1", 100), ("t1", 200), ("t2", 100),
    ]  # fmt: skip


def test_a_second_reading_gives_the_same_ids(tmp_path: Path) -> None:
    rollout(tmp_path, "1", META, TURN, counted(2, 1, 1), counted(4, 3, 2))
    assert [event["event_id"] for event in events(tmp_path)] == [event["event_id"] for event in events(tmp_path)]


def test_a_rollout_without_a_model_is_counted_under_none(tmp_path: Path) -> None:
    rollout(tmp_path, "1", META, counted(2, 1, 1))
    assert events(tmp_path)[0]["model"] == "unknown"
