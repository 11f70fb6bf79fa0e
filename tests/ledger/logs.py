"""Logs of usage events for property tests: few sessions, ids and times, so that everything meets everything."""

from typing import Any, NamedTuple

from hypothesis import strategies as st

from burnline.events.usage import Usage
from burnline.windows.slices import SLICE_MS
from tests.ledger.examples import T0, usage

_SHAPES: list[dict[str, Any]] = [
    {"input_tokens": 0},
    {"input_tokens": 1},
    {"input_tokens": 7_000, "output_tokens": 10},
    {"input_tokens": 11_111},  # the short window's line lies between one and two of these, just
    {"input_tokens": 22_223},
    {"input_tokens": 30_000},
    {"input_tokens": 90_000, "output_tokens": 2_000},
    {"input_tokens": 50_000, "cached_input_tokens": 40_000},
    {"input_tokens": 50_000, "cached_input_tokens": 333, "cache_write_tokens": 500, "output_tokens": 900,
     "reasoning_tokens": 700},
    {"input_tokens": 4_000, "kind": "run"},
    {"input_tokens": 0, "kind": "run"},
    {"input_tokens": 0, "kind": "tool_call"},
    {"input_tokens": 500, "output_tokens": 500, "kind": "tool_call", "tool_name": "grep"},
    {"input_tokens": 9_000, "model": "text-embedding-3-small", "kind": "embedding"},
    {"input_tokens": 9_000, "output_tokens": 7, "kind": "embedding"},
    {"input_tokens": 60_000, "cached_input_tokens": 50_000, "cache_write_tokens": 7_000, "model": "claude-sonnet-4-5"},
    {"input_tokens": 9_000, "cache_write_tokens": 7_000, "cache_write_1h_tokens": 5_000, "model": "claude-sonnet-4-5"},
    {"input_tokens": 900, "web_searches": 3, "input_image_tokens": 100, "model": "claude-sonnet-4-5"},
    {"input_tokens": 100, "output_tokens": 5_000, "reasoning_tokens": 5_000, "model": "claude-sonnet-4-5"},
    {"input_tokens": 10_000, "output_tokens": 10_000, "model": "house-model"},
    {"input_tokens": 80_000, "cached_input_tokens": 80_000, "model": "house-model", "kind": "embedding"},
]  # fmt: skip
_OWNERS = [("acme", "agent-7")] * 4 + [("acme", "agent-8"), ("initech", "agent-7")]
_STEPS_MS = [0, 0, 1, 2_500, SLICE_MS - 1, SLICE_MS, 2 * SLICE_MS, 5 * SLICE_MS, 12 * SLICE_MS]
_AHEAD_MS = [-1, -4_000, -2 * SLICE_MS]
_BEHIND_MS = [0, 0, 0, 0, 1, SLICE_MS, 3 * SLICE_MS, 6 * SLICE_MS, 7 * SLICE_MS, 9 * SLICE_MS, *_AHEAD_MS]
_BACK_MS = [0] * 12 + [1, SLICE_MS, 3 * SLICE_MS]
"""The log's own time may go back too: another broker leads the partition."""
_REFUSED, _AFTER_A_GAP = "refused", "after a gap"
_KINDS = [""] * 8 + [_REFUSED, _AFTER_A_GAP]


class Entry(NamedTuple):
    """One record of the log: None is one that was refused."""

    offset: int
    event: Usage | None
    logged_ms: int = T0


class Drawn(NamedTuple):
    """What is chosen for one record."""

    kind: str
    step_ms: int
    behind_ms: int
    back_ms: int
    session: int
    number: int
    owner: tuple[str, str]
    shape: dict[str, Any]


_DRAWN = st.builds(
    Drawn,
    kind=st.sampled_from(_KINDS),
    step_ms=st.sampled_from(_STEPS_MS),
    behind_ms=st.sampled_from(_BEHIND_MS),
    back_ms=st.sampled_from(_BACK_MS),
    session=st.integers(1, 3),
    number=st.integers(0, 11),
    owner=st.sampled_from(_OWNERS),
    shape=st.sampled_from(_SHAPES),
)


def logs(*, after_offset: int = -1, newest_ms: int = T0, size: int = 30) -> st.SearchStrategy[list[Entry]]:
    """A log, or how it goes on: some events are late or ahead, some records are refused, some offsets empty."""
    return st.lists(_DRAWN, min_size=1, max_size=size).map(lambda drawn: _log(drawn, after_offset, newest_ms))


def _log(drawn: list[Drawn], offset: int, newest_ms: int) -> list[Entry]:
    entries = []
    for each in drawn:
        offset += 2 if each.kind == _AFTER_A_GAP else 1  # as behind a transaction marker
        newest_ms += each.step_ms
        org_id, agent_id = each.owner
        event = usage(
            event_id=f"e-{each.number}",
            occurred_at=max(T0, newest_ms - each.behind_ms),
            session_id=f"s-{each.session}",
            org_id=org_id,
            agent_id=agent_id,
            **each.shape,
        )
        logged_ms = max(T0, newest_ms - each.back_ms)
        entries.append(Entry(offset, None if each.kind == _REFUSED else event, logged_ms))
    return entries
