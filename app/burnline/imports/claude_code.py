"""Claude Code's transcripts: one JSON object a line, a message written once for each of its blocks.

A message's line is written again for each block of its content, with what was counted so far; so the one with the most
output counts. It stands again in the transcripts of forked and resumed sessions, and some versions write a
sub-agent's messages both to its own file and to its parent's. A message is one event, of the session that it was
first said in.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from burnline.imports.found import Found, OnBytes, Unread, epoch_ms_of, files_below, whole_lines
from burnline.usage import anthropic
from burnline.usage.reading import UsageMissing, UsageUnreadable, text

AGENT = "claude-code"
_OF_NO_MODEL = "<synthetic>"
"""What Claude Code says itself, as about an error of the API, has this for a model and costs nothing."""
_HOSTS = {"msg_bdrk_": "aws", "msg_vrtx_": "google"}
_MAX_PROJECT = 256

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class _Said(NamedTuple):
    """One line's view of a message."""

    forked: bool
    session_id: str
    event: dict[str, Any]
    where: str

    @property
    def rank(self) -> tuple[bool, str, int]:
        """The least is the one that counts: not a copy, then of one session for all imports, then the last."""
        return self.forked, self.session_id, -self.event["output_tokens"]


def folders() -> list[Path]:
    """Where Claude Code keeps its transcripts on this machine; those that are there."""
    named = os.environ.get("CLAUDE_CONFIG_DIR")
    homes = named.split(",") if named else ["~/.claude", "~/.config/claude"]
    found = [Path(home).expanduser() / "projects" for home in homes]
    return [folder for folder in found if folder.is_dir()]


def read(paths: list[Path], on_bytes: OnBytes) -> Iterator[Found | Unread]:
    """Each message of the transcripts below some paths, once, in the order of time.

    Args:
        paths: Folders (as `~/.claude/projects`) or files.
        on_bytes: Progress.

    Raises:
        FileNotFoundError: There is no such path.
    """
    messages: dict[str, _Said] = {}
    for path in paths:
        for file in files_below(path, "*.jsonl"):
            for number, line in whole_lines(file, on_bytes):
                # Most lines are tools' results, some of a megabyte: only those that may count are parsed.
                if b'"usage"' in line and b'"assistant"' in line:
                    where = f"{file}:{number}"
                    try:
                        said = _said(_decode(line), where, _project(file, path))
                    except (ValueError, RecursionError) as error:
                        yield Unread(where, str(error))
                        continue
                    if said is not None:
                        _keep(messages, said)
    yield from sorted(
        (Found(said.event, said.where) for said in messages.values()), key=lambda found: found.event["occurred_at"]
    )


def _keep(messages: dict[str, _Said], said: _Said) -> None:
    name = said.event["event_id"]
    known = messages.get(name)
    if known is None:
        messages[name] = said
        return
    first, other = sorted((known, said), key=lambda each: each.rank)
    began = min(first.event["occurred_at"], other.event["occurred_at"])
    run = first.event.get("run_id") or (other.event.get("run_id") if first.session_id == other.session_id else None)
    first.event.update({"occurred_at": began} | ({"run_id": run} if run else {}))
    messages[name] = first


def _said(line: Mapping[str, Any], where: str, project: str) -> _Said | None:
    """What a line says of a message's usage; None if it is another kind of line."""
    message = line.get("message")
    if line.get("type") != "assistant" or not isinstance(message, dict) or message.get("model") == _OF_NO_MODEL:
        return None
    try:
        reading = anthropic.read(message)
    except UsageMissing:
        return None
    except UsageUnreadable as error:
        raise ValueError(str(error)) from error
    event_id = reading.get("event_id") or text(line, "requestId", "uuid")
    session_id = text(line, "sessionId")
    if event_id is None or session_id is None:
        raise ValueError(f"{'message.id' if event_id is None else 'sessionId'} is missing")
    run_id = text(line, "agentId")
    event = {
        **reading,
        "event_id": event_id,
        "occurred_at": epoch_ms_of(line.get("timestamp")),
        "session_id": session_id,
        "project_code": project,
        "provider": next((host for head, host in _HOSTS.items() if event_id.startswith(head)), "anthropic"),
    }
    if run_id is not None:
        event["run_id"] = run_id
    return _Said(line.get("forkedFrom") is not None, session_id, event, where)


def _project(file: Path, below: Path) -> str:
    """The folder of a project, which Claude Code calls after its path; of a single file, the folder that it is in."""
    inside = file.relative_to(below).parts if below.is_dir() else ()
    name = inside[0] if len(inside) > 1 else file.parent.name
    return (name or "-")[:_MAX_PROJECT]
