"""A load comes to partitions, workers, memory and disks; each line says how."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.capacity.plan import BUSY, PROJECTOR_PER_S, Load, Packed, amount, partitions_for, plan, warnings

SMALL = Load(
    events_per_s=1_000, sessions=10_000, active=1_000, rollup_rows=100, event_bytes=200, flush_interval_s=1.0,
    replicas=3, usage_days=7, rollup_days=10,
)  # fmt: skip
PACKED = Packed(event_share=0.5, ledger=300, event_id=10, rollup_row=200)


def values(load: Load) -> dict[str, float]:
    return {line.name: line.value for line in plan(load, PACKED)}


def test_a_small_load_line_by_line() -> None:
    found = values(SMALL)
    assert found == {
        "ledgers_written_per_s": 1_000,
        "worker_cores": pytest.approx(1_000 * (1.5 + 13.5) / 1e6),
        "workers": 1,
        "partitions": 4,
        "worker_memory_bytes": 530 * 2**20 + 10_000 * 1_240,
        "restart_s": pytest.approx(0.07),
        "kafka_in_bytes_per_s": 3 * (1_000 * 100 + 1_000 * 300 + 1_000 * 10 + 4 * 100 * 200),
        "kafka_usage_disk_bytes": 3 * 1_000 * 100 * 86_400 * 7,
        "kafka_state_disk_bytes": 2 * 3 * (10_000 * 300 + 4 * 100 * 96 * 10 * 200),
        "redis_memory_bytes": 2 * (10_000 * 2_450 + 4 * 100 * 96 * 10 * 703),
        "projector_busy": pytest.approx(1_000 / PROJECTOR_PER_S),
    }


@pytest.mark.parametrize(
    ("workers", "partitions"), [(1, 4), (2, 4), (3, 8), (4, 8), (5, 16), (8, 16), (9, 32)], ids=str
)
def test_partitions_are_a_power_of_two_and_twice_the_workers_at_least(workers: int, partitions: int) -> None:
    assert partitions_for(workers) == partitions


def test_a_session_that_is_busy_all_the_time_is_written_once_a_flush() -> None:
    assert values(replace(SMALL, active=10))["ledgers_written_per_s"] == 10
    assert values(replace(SMALL, active=10, flush_interval_s=0.1))["ledgers_written_per_s"] == 100


@pytest.mark.parametrize(("active", "told"), [(int(BUSY * PROJECTOR_PER_S), 0), (int(BUSY * PROJECTOR_PER_S) + 1, 1)])
def test_what_one_projector_cannot_follow_is_said_with_the_way_on(active: int, told: int) -> None:
    load = replace(SMALL, events_per_s=10_000_000, active=active)
    assert len(warnings(load)) == told
    slower = replace(load, flush_interval_s=active / (BUSY * PROJECTOR_PER_S))
    assert warnings(slower) == []


@given(
    events=st.integers(1, 10_000_000),
    sessions=st.integers(1, 10_000_000),
    active=st.integers(1, 1_000_000),
    more=st.integers(1, 1_000),
)
def test_more_of_anything_never_asks_for_less(events: int, sessions: int, active: int, more: int) -> None:
    load = replace(SMALL, events_per_s=events, sessions=sessions, active=active)
    base = values(load)
    bigger = values(replace(load, events_per_s=events + more, active=active + more))
    spread = {"worker_memory_bytes", "restart_s"}  # of one worker: there may be more of them
    assert all(bigger[name] >= base[name] for name in base if name not in spread)
    held = values(replace(load, sessions=sessions + more))
    assert all(held[name] >= base[name] for name in base)


@pytest.mark.parametrize(
    ("size", "text"), [(1023, "1,023 bytes"), (1024, "1.0 KiB"), (5 * 2**30, "5.0 GiB"), (3 * 2**40, "3.0 TiB")]
)
def test_amounts_for_people(size: int, text: str) -> None:
    assert amount(size) == text


def test_the_page_says_what_is_computed() -> None:
    page = (Path(__file__).parents[2] / "docs/capacity.md").read_text()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines()]
    rows = [row for row in rows if len(row) == 10 and row[0].replace(",", "").isdecimal()]
    assert len(rows) == 3
    for row in rows:
        events, sessions, active = (int(cell.replace(",", "")) for cell in row[:3])
        load = Load(events, sessions, active, 100, 240, 1.0, 3, 7, 400)
        found = {line.name: line.text for line in plan(load)}
        names = ("workers", "partitions", "worker_memory_bytes", "kafka_in_bytes_per_s", "kafka_usage_disk_bytes")
        assert row[3:] == [found[name] for name in (*names, "redis_memory_bytes", "projector_busy")]
