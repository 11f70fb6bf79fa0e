"""Codex' rollouts: one JSON object a line; a `token_count` says what the last call used, and what all have so far.

It is also written when nothing was used, with the same totals: only one whose totals have grown counts. A rollout
that was forked or resumed begins with a copy of its history, timestamps and totals as they were: a call is known by
these, and belongs to the rollout that is first by name, which begins with its time.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from burnline.imports.found import Found, OnBytes, Unread, epoch_ms_of, files_below, whole_lines
from burnline.usage.reading import UsageUnreadable, count, filled, text

AGENT = "codex"
_UNKNOWN = "unknown"
"""A model for early rollouts, which name none: unpriced, and told so."""
_COUNTS = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens")
_KINDS = (b'"token_count"', b'"turn_context"', b'"session_meta"')

_decode = msgspec.json.Decoder(dict[str, Any]).decode
Counts = tuple[int, ...]


def folders() -> list[Path]:
    """Where Codex keeps its rollouts on this machine; those that are there."""
    home = Path(os.environ.get("CODEX_HOME") or "~/.codex").expanduser()
    return [folder for folder in (home / "sessions", home / "archived_sessions") if folder.is_dir()]


def read(paths: list[Path], on_bytes: OnBytes) -> Iterator[Found | Unread]:
    """Each call of the rollouts below some paths, once.

    Args:
        paths: Folders (as `~/.codex/sessions`) or files.
        on_bytes: Progress.

    Raises:
        FileNotFoundError: There is no such path.
    """
    known: set[str] = set()
    files = sorted({file for path in paths for file in files_below(path, "*.jsonl")}, key=lambda file: file.name)
    for file in files:
        rollout = _Rollout(file.stem)
        for number, line in whole_lines(file, on_bytes):
            if not any(kind in line for kind in _KINDS):
                continue
            where = f"{file}:{number}"
            try:
                event = rollout.take(_decode(line))
            except (ValueError, RecursionError) as error:
                yield Unread(where, str(error))
                continue
            if event is not None and event["event_id"] not in known:
                known.add(event["event_id"])
                yield Found(event, where)


class _Rollout:
    """One file, as far as it was read."""

    def __init__(self, name: str) -> None:
        self._session_id = name
        self._is_named = False
        self._model, self._folder = _UNKNOWN, ""
        self._totals: Counts = (0,) * len(_COUNTS)

    def take(self, line: Mapping[str, Any]) -> dict[str, Any] | None:
        """A line; gives the event of a call. A copy of history has the header of its origin behind its own."""
        payload = line.get("payload")
        if not isinstance(payload, dict):
            return None
        kind = line.get("type")
        if kind == "session_meta" and not self._is_named:
            self._is_named = True
            self._session_id = text(payload, "id") or self._session_id
        if kind in ("session_meta", "turn_context"):
            self._model = text(payload, "model") or self._model
            self._folder = text(payload, "cwd") or self._folder
        if kind == "event_msg" and payload.get("type") == "token_count" and isinstance(payload.get("info"), dict):
            return self._call(payload["info"], line.get("timestamp"))
        return None

    def _call(self, info: Mapping[str, Any], timestamp: object) -> dict[str, Any] | None:
        try:
            totals = _counts(info.get("total_token_usage"))
            last = _counts(info.get("last_token_usage"))
        except UsageUnreadable as error:
            raise ValueError(str(error)) from error
        if totals == self._totals:
            return None
        used = last if any(last) else tuple(max(0, now - was) for now, was in zip(totals, self._totals, strict=True))
        self._totals = totals
        if not any(used):
            return None
        asked, cached, answered, reasoned = used
        return filled(
            event_id=_name(timestamp, totals, used),
            occurred_at=epoch_ms_of(timestamp),
            session_id=self._session_id,
            project_code=Path(self._folder).name[:256],
            provider="openai",
            model=self._model,
            input_tokens=asked,
            output_tokens=answered,
            cached_input_tokens=cached,
            reasoning_tokens=reasoned,
        )


def _counts(usage: object) -> Counts:
    return tuple(count(usage, name) for name in _COUNTS)


def _name(timestamp: object, *counts: Counts) -> str:
    return "codex:" + hashlib.sha256(repr((timestamp, counts)).encode()).hexdigest()[:32]
