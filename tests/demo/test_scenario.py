"""The rule that gives the trace its sessions: reproducible, quiet for all, and one that runs away."""

import hashlib
import json
from collections import Counter, defaultdict
from decimal import Decimal

import pytest

from burnline.demo.scenario import (
    AGENTS,
    LONGEST_LIFE_MS,
    RUNAWAY_AGENT,
    RUNAWAY_LIFE_MS,
    RUNAWAY_SESSION,
    SEED,
    SHORTEST_LIFE_MS,
    Planned,
    plan,
    sessions_of,
)
from burnline.demo.trace import load_trace
from tests.demo.published_rates import cost_usd

TRACE = load_trace()
SEEDS = [SEED, 1, 2, 3]
SLICE_MS = 10_000
SHORT, LONG = 6, 30  # slices: 1 and 5 minutes
WARNING_USD_PER_HOUR, CRITICAL_USD_PER_HOUR = Decimal(5), Decimal(15)


@pytest.fixture(scope="module")
def events() -> list[Planned]:
    return plan(TRACE)


def _by_session(events: list[Planned]) -> dict[str, list[Planned]]:
    sessions = defaultdict(list)
    for event in events:
        sessions[event.usage["session_id"]].append(event)
    return sessions


def _burns(events: list[Planned]) -> list[tuple[int, Decimal]]:
    """Each event's offset, and the lower of both windows' burns (USD/h) after it: what the default rule sees."""
    slices: dict[int, Decimal] = defaultdict(Decimal)
    burns = []
    for event in events:
        newest = event.offset_ms // SLICE_MS
        slices[newest] += cost_usd(event.usage)
        short, long = (sum((slices[newest - back] for back in range(n)), Decimal(0)) for n in (SHORT, LONG))
        burns.append((event.offset_ms, min(short * 60, long * 12)))
    return burns


def test_the_same_input_gives_the_same_events() -> None:
    digests = {hashlib.sha256(json.dumps(plan(TRACE)).encode()).hexdigest() for _ in range(2)}
    assert len(digests) == 1


def test_another_seed_gives_other_events(events: list[Planned]) -> None:
    assert plan(TRACE, seed=1) != events


def test_every_request_of_the_trace_is_there_unchanged(events: list[Planned]) -> None:
    sent = Counter(
        (event.offset_ms, event.usage["input_tokens"], event.usage["output_tokens"])
        for event in events
        if event.usage.get("kind", "llm") == "llm" and event.usage["session_id"] != RUNAWAY_SESSION
    )
    assert sent == Counter(tuple(request) for request in TRACE)


def test_events_are_in_order_and_within_the_trace(events: list[Planned]) -> None:
    offsets = [event.offset_ms for event in events]
    assert offsets == sorted(offsets)
    assert 0 <= offsets[0] <= offsets[-1] == TRACE[-1].offset_ms


def test_event_ids_are_unique_and_name_session_and_number(events: list[Planned]) -> None:
    ids = [event.usage["event_id"] for event in events]
    assert len(set(ids)) == len(ids)
    assert {f"{session_id}:{count}" for session_id, count in sessions_of(events).items()} <= set(ids)


def test_about_sixty_sessions_are_alive_at_a_time(events: list[Planned]) -> None:
    assert sum(agent.seats for agent in AGENTS) == 60
    sessions = _by_session(events)
    assert 250 <= len(sessions) <= 330
    for session_id, own in sessions.items():
        if session_id != RUNAWAY_SESSION:
            assert own[-1].offset_ms - own[0].offset_ms <= LONGEST_LIFE_MS
    began = [own[0] for own in sessions.values() if own[0].usage.get("kind") == "run"]
    ends = len(began) * (SHORTEST_LIFE_MS + LONGEST_LIFE_MS) / 2 / 60
    assert ends == pytest.approx(TRACE[-1].offset_ms, rel=0.15)


def test_kinds_and_counts_are_of_every_sort(events: list[Planned]) -> None:
    kinds = Counter(event.usage.get("kind", "llm") for event in events)
    assert kinds["llm"] == 8_819 + RUNAWAY_LIFE_MS // 3_000
    assert 700 < kinds["embedding"] < 1_100
    assert 2_000 < kinds["tool_call"] < 2_600
    assert 180 < kinds["run"] < 280
    for count in ("cached_input_tokens", "cache_write_tokens", "reasoning_tokens"):
        assert sum(event.usage.get(count, 0) > 0 for event in events) > 100, count


def test_cached_and_reasoning_tokens_are_part_of_what_they_belong_to(events: list[Planned]) -> None:
    for event in events:
        usage = event.usage
        cached = usage.get("cached_input_tokens", 0)
        assert cached % 128 == 0
        assert cached == 0 or cached >= 1_024 // 2
        assert cached + usage.get("cache_write_tokens", 0) <= usage["input_tokens"]
        assert usage.get("reasoning_tokens", 0) <= usage["output_tokens"]


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_quiet_comes_near_the_default_threshold(seed: int) -> None:
    quiet = {k: v for k, v in _by_session(plan(TRACE, seed=seed)).items() if k != RUNAWAY_SESSION}
    hottest = max(burn for own in quiet.values() for _, burn in _burns(own))
    assert hottest < WARNING_USD_PER_HOUR * Decimal("0.7")


@pytest.mark.parametrize("seed", SEEDS)
def test_the_runaway_is_a_warning_first_then_critical_then_silent(seed: int) -> None:
    own = _by_session(plan(TRACE, seed=seed))[RUNAWAY_SESSION]
    begins_ms, ends_ms = own[0].offset_ms, own[-1].offset_ms
    burns = _burns(own)
    warning_ms = next(at_ms for at_ms, burn in burns if burn > WARNING_USD_PER_HOUR)
    critical_ms = next(at_ms for at_ms, burn in burns if burn > CRITICAL_USD_PER_HOUR)
    assert begins_ms == TRACE[-1].offset_ms // 2
    assert 60_000 < warning_ms - begins_ms < 100_000
    assert 200_000 < critical_ms - begins_ms < 280_000
    assert ends_ms - begins_ms == RUNAWAY_LIFE_MS
    # Four minutes of silence resolve it; the trace goes on for twelve.
    assert TRACE[-1].offset_ms - ends_ms > 10 * 60_000


def test_the_runaway_burns_about_twenty_usd_an_hour(events: list[Planned]) -> None:
    own = _by_session(events)[RUNAWAY_SESSION]
    assert {event.usage["agent_id"] for event in own} == {RUNAWAY_AGENT.agent_id}
    spent = sum((cost_usd(event.usage) for event in own), Decimal(0))
    assert spent * 4 == pytest.approx(Decimal(20), abs=Decimal("0.5"))
