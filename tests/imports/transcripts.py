"""A week of Claude Code's transcripts, as it writes them: each message several times, sub-agents, a fork, noise."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

MONDAY = datetime(2026, 3, 2, 8, tzinfo=UTC)
DAYS, SESSIONS_A_DAY, MESSAGES, SUB_AGENT_MESSAGES = 7, 2, 6, 3
MODEL = "claude-sonnet-4-5-20250929"
PROJECTS = ("-home-ada-shop", "-home-ada-site")


class Written(NamedTuple):
    """What a week holds, each message once."""

    messages: int
    input_tokens: int
    output_tokens: int


def message(number: int, *, output: int, at: datetime, session: str, **fields: Any) -> dict[str, Any]:
    """One line of a message."""
    usage = {
        "input_tokens": 4, "cache_read_input_tokens": 20_000, "cache_creation_input_tokens": 1_000,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 1_000},
        "output_tokens": output, "service_tier": "standard",
    }  # fmt: skip
    return {
        "type": "assistant", "sessionId": session, "requestId": f"req_{number}", "uuid": f"{session}-{number}-{output}",
        "timestamp": at.isoformat().replace("+00:00", "Z"), "isSidechain": False, "cwd": "/home/ada/shop",
        "message": {
            "id": f"msg_{number}", "type": "message", "role": "assistant", "model": MODEL, "usage": usage,
            "content": [{"type": "text", "text": "…"}],
        },
        **fields,
    }  # fmt: skip


def write_week(folder: Path) -> Written:
    """Write a week below `folder`, as below `~/.claude/projects`."""
    numbers, forked, output = 0, [], 0
    for day in range(DAYS):
        for of_day in range(SESSIONS_A_DAY):
            session = f"{day:02d}{of_day:02d}f3c2-5d1e-4c3a-9b51-2f60c1a7e4d8"
            project = folder / PROJECTS[of_day % 2]
            begun = MONDAY + timedelta(days=day, hours=of_day)
            lines = list(_noise(session, begun))
            side = []
            for of_session in range(MESSAGES):
                numbers += 1
                at = begun + timedelta(seconds=30 * of_session)
                lines += _blocks(numbers, at, session)
                output += 300
            for of_agent in range(SUB_AGENT_MESSAGES):
                numbers += 1
                at = begun + timedelta(seconds=5 + 30 * of_agent)
                side += _blocks(numbers, at, session, isSidechain=True, agentId=f"a{day}{of_day}")
                output += 300
            _write(project / f"{session}.jsonl", [*lines, side[-1]])  # some versions write it to both
            _write(project / session / "subagents" / f"agent-a{day}{of_day}.jsonl", side)
            forked = lines
    copies = [{**line, "sessionId": "00-fork", "forkedFrom": {"sessionId": line["sessionId"]}} for line in forked]
    numbers += 1
    output += 300
    own = _blocks(numbers, MONDAY + timedelta(days=DAYS), "00-fork")
    _write(folder / PROJECTS[1] / "00-fork.jsonl", [*copies, *own])
    return Written(numbers, numbers * 21_004, output)


def _blocks(number: int, at: datetime, session: str, **fields: Any) -> list[dict[str, Any]]:
    """A message of three blocks: one line each, and what was counted by then."""
    return [
        message(number, output=output, at=at + timedelta(seconds=block), session=session, **fields)
        for block, output in enumerate((3, 120, 300))
    ]


def _noise(session: str, at: datetime) -> Iterator[dict[str, Any]]:
    yield {"type": "summary", "summary": 'the "usage" of an "assistant"', "sessionId": session, "leafUuid": "x"}
    yield {"type": "user", "sessionId": session, "message": {"role": "user", "content": '"assistant" "usage"'}}
    failed = message(0, output=0, at=at, session=session, isApiErrorMessage=True)
    failed["message"] |= {"model": "<synthetic>", "id": "not-a-message"}
    yield failed


def _write(file: Path, lines: list[dict[str, Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
