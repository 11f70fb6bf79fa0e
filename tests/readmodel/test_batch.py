"""Records as commands: what each topic's records do, what is left out, and what a bad one does not stop."""

import pytest

from burnline.readmodel.batch import ARGUMENTS_AT_ONCE, Batch, Command, Record, Role, Stretch, plan
from burnline.readmodel.keys import ANOMALY_TTL_MS, Control
from burnline.readmodel.rows import session_row
from tests.ledger.examples import named
from tests.readmodel import examples
from tests.readmodel.examples import DAY, T0, WRITTEN_MS, record

KEYS = Control("p:").keys("7")
TTL_MS = 1_000


def planned(*records: Record) -> Batch:
    return plan(records, [], KEYS, rollup_ttl_ms=TTL_MS)


def commands(*records: Record) -> list[Command]:
    return planned(*records).commands


def ledger(session_id: str, value: bytes | None, partition: int = 0) -> Record:
    return record(Role.SESSIONS, named(session_id), value, partition=partition)


class TestSessions:
    """Ledgers, and their deletion."""

    def test_two_organisations_may_have_sessions_of_one_id(self) -> None:
        one, other = examples.ledger("s-1"), examples.ledger("s-1", org_id="globex")
        found = commands(record(Role.SESSIONS, named("s-1"), one), record(Role.SESSIONS, named("s-1", "globex"), other))
        assert [command[1:3] for command in found if command[0] == "@ledger"] == [
            ("s-1", "0/acme"),
            ("s-1", "0/globex"),
        ]

    def test_a_ledger_under_the_session_id_alone_makes_way_for_the_one_under_its_new_key(self) -> None:
        old, new = examples.ledger("s-1"), examples.ledger("s-1", last_offset=9)
        assert commands(record(Role.SESSIONS, "s-1", old))[0] == ("@ledger", "s-1", "0", session_row(old)[1])
        found = commands(record(Role.SESSIONS, named("s-1"), new), record(Role.SESSIONS, "s-1", None))
        assert found[:2] == [("@gone", "s-1", "0"), ("@ledger", "s-1", "0/acme", session_row(new)[1])]

    def test_a_ledger(self) -> None:
        value = examples.ledger("s-1", last_event_at=5)
        assert commands(ledger("s-1", value)) == [
            ("@ledger", "s-1", "0/acme", session_row(value)[1]),
            ("ZADD", "p:7:sessions", "GT", 5, "s-1"),
            ("ZADD", "p:7:sessions:org:acme", "GT", 5, "s-1"),
            ("@changed_next",),
            ("@changed", "s-1"),
        ]

    def test_of_many_records_the_newest_is_written(self) -> None:
        values = [examples.ledger("s-1", last_offset=offset) for offset in range(3)]
        found = commands(*(ledger("s-1", value) for value in values))
        written = [command for command in found if command[0] == "@ledger"]
        assert written == [("@ledger", "s-1", "0/acme", session_row(values[2])[1])]

    def test_partitions_are_kept_apart_and_the_latest_event_counts(self) -> None:
        one, two = examples.ledger("s-1", 0, last_event_at=9), examples.ledger("s-1", 1, last_event_at=5)
        found = commands(ledger("s-1", one), ledger("s-1", two, 1))
        assert [command[2] for command in found if command[0] == "@ledger"] == ["0/acme", "1/acme"]
        assert ("ZADD", "p:7:sessions", "GT", 9, "s-1") in found

    def test_a_deleted_one(self) -> None:
        assert commands(ledger("s-1", None, 2)) == [("@gone", "s-1", "2/acme"), ("@changed_next",), ("@changed", "s-1")]

    def test_one_that_is_written_and_then_deleted_is_only_deleted(self) -> None:
        assert commands(ledger("s-1", examples.ledger()), ledger("s-1", None))[0] == ("@gone", "s-1", "0/acme")
        assert not [
            one for one in commands(ledger("s-1", examples.ledger()), ledger("s-1", None)) if one[0] == "@ledger"
        ]

    def test_one_that_begins_anew_is_deleted_first(self) -> None:
        found = commands(ledger("s-1", None), ledger("s-1", examples.ledger()))
        assert [command[0] for command in found[:2]] == ["@gone", "@ledger"]

    @pytest.mark.parametrize(
        ("key", "partition"), [("s-2", 0), ("s-1", 1)], ids=["another session's key", "another partition"]
    )
    def test_one_in_the_wrong_place_is_unreadable(self, key: str, partition: int) -> None:
        batch = planned(ledger(key, examples.ledger("s-1", 0), partition))
        assert len(batch.unreadable) == 1

    def test_no_command_is_too_long_for_a_script(self) -> None:
        many = [ledger(f"s-{number}", examples.ledger(f"s-{number}")) for number in range(ARGUMENTS_AT_ONCE + 1)]
        assert max(map(len, commands(*many))) <= ARGUMENTS_AT_ONCE + 3
        members = [one for command in commands(*many) if command[0] == "@changed" for one in command[1:]]
        assert len(members) == ARGUMENTS_AT_ONCE + 1


class TestRollups:
    """Partials of a day."""

    def test_a_row(self) -> None:
        key, value = examples.rollup()
        number = T0 // 86_400_000
        assert commands(record(Role.USAGE_ROLLUPS, key, value, at_ms=50)) == [
            ("HSET", "p:7:rollups:cuts", 0, ""),
            ("HSET", f"p:7:rollups:{DAY}", key, value),
            ("HINCRBY", "p:7:rollups:rev", DAY, 1),
            ("ZADD", "p:7:rollups:days", number, DAY),
            ("@expires", f"rollups:{DAY}", 50 + TTL_MS),
        ]

    def test_a_day_is_counted_once_in_a_batch(self) -> None:
        rows = [examples.rollup(since_offset=number) for number in range(5)]
        found = commands(*(record(Role.USAGE_ROLLUPS, *row) for row in rows))
        assert [command[0] for command in found].count("HINCRBY") == 1

    def test_a_deleted_row_is_found_by_its_key(self) -> None:
        key, _ = examples.rollup()
        assert commands(record(Role.USAGE_ROLLUPS, key, None))[1] == ("HDEL", f"p:7:rollups:{DAY}", key)

    @pytest.mark.parametrize(
        ("marks", "cut"),
        [
            pytest.param([None, 9], 9, id="a whole flush"),
            pytest.param([9, None], "", id="and some of the next"),
            pytest.param([9, 12], 12, id="two of them"),
            pytest.param([0], 0, id="of no events"),
        ],
    )
    def test_where_it_equals_the_ledgers(self, marks: list[int | None], cut: int | str) -> None:
        """The last record of a flush says how far the ledgers are; in between nobody knows."""
        rows = [record(Role.USAGE_ROLLUPS, *examples.rollup(since_offset=number)) for number in range(len(marks))]
        found = commands(*(row._replace(next_offset=mark) for row, mark in zip(rows, marks, strict=True)))
        assert found[0] == ("HSET", "p:7:rollups:cuts", 0, cut)

    @pytest.mark.parametrize("quarter_ms", [10**18, -(10**18)], ids=["future", "past"])
    def test_a_day_outside_the_calendar_is_unreadable(self, quarter_ms: int) -> None:
        batch = planned(record(Role.USAGE_ROLLUPS, *examples.rollup(quarter_start_ms=quarter_ms)))
        assert len(batch.unreadable) == 1


class TestOthers:
    """Anomalies, reference data, progress."""

    @pytest.mark.parametrize(("state", "is_open"), [("opened", 1), ("escalated", 1), ("resolved", 0)])
    def test_a_notice(self, state: str, is_open: int) -> None:
        value = examples.notice("a-1", 2, state)
        until_ms = WRITTEN_MS + ANOMALY_TTL_MS
        assert commands(record(Role.ANOMALIES, "s-1", value)) == [
            ("@notice", "a-1", 2, is_open, T0, T0 + 2, value),
            ("@expires", "anomaly:a-1", until_ms),
            ("@feed", WRITTEN_MS, value),
        ]

    def test_a_baseline_and_its_deletion(self) -> None:
        key, value = b"acme/agent-7", examples.baseline()
        assert commands(record(Role.BASELINES, key, value)) == [("HSET", "p:7:baselines", key, value)]
        assert commands(record(Role.BASELINES, key, None)) == [("HDEL", "p:7:baselines", key)]

    def test_a_note_and_what_takes_it_back(self) -> None:
        key, value = b"a-1/feedback", examples.anomaly_note(kind="feedback")
        assert commands(record(Role.ANOMALY_NOTES, key, value)) == [("HSET", "p:7:anomalies:notes", key, value)]
        assert commands(record(Role.ANOMALY_NOTES, key, None)) == [("HDEL", "p:7:anomalies:notes", key)]

    def test_a_budget(self) -> None:
        key, value = b"org/acme@month", examples.budget()
        assert commands(record(Role.BUDGETS, key, value)) == [("HSET", "p:7:budgets", key, value)]
        assert commands(record(Role.BUDGETS, key, None)) == [("HDEL", "p:7:budgets", key)]

    def test_a_control_has_its_offset_as_epoch(self) -> None:
        key, value = b"org/acme", examples.control()
        (command,) = commands(record(Role.CONTROLS, key, value, offset=7))
        assert command == ("HSET", "p:7:controls", key, b'{"epoch":7,"control":' + value + b"}")
        assert commands(record(Role.CONTROLS, key, None)) == [("HDEL", "p:7:controls", key)]

    def test_a_rate_keeps_its_history(self) -> None:
        key, value = b"acme-ai/gpt-4o@0", examples.valuation_rate()
        found = commands(record(Role.VALUATION_RATES, key, value, offset=3))
        assert found[0] == ("HSET", "p:7:rates", key, value)
        assert found[1][:2] == ("LPUSH", "p:7:rates:history:acme-ai/gpt-4o@0")
        assert found[2] == ("LTRIM", "p:7:rates:history:acme-ai/gpt-4o@0", 0, 99)

    def test_progress_and_its_deletion(self) -> None:
        assert commands(record(Role.PROGRESS, "3", examples.progress(3)))[0][:3] == ("HSET", "p:7:progress", 3)
        assert commands(record(Role.PROGRESS, "3", None)) == [("HDEL", "p:7:progress", 3)]


BAD = [
    record(Role.SESSIONS, "s-1", b"{}"),
    record(Role.SESSIONS, b"\xff", None),
    record(Role.USAGE_ROLLUPS, "[]", None),
    record(Role.USAGE_ROLLUPS, "[]", b"{}"),
    record(Role.ANOMALIES, "s-1", b"{}"),
    record(Role.BASELINES, "acme/other", examples.baseline()),
    record(Role.BASELINES, b"\xff", None),
    record(Role.VALUATION_RATES, "other", examples.valuation_rate()),
    record(Role.ANOMALY_NOTES, "a-1/silence", examples.anomaly_note()),
    record(Role.PROGRESS, "0", b"{}"),
    record(Role.PROGRESS, "zero", None),
]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: f"{bad.role} {bad.value!r:.6}")
def test_a_record_that_cannot_be_read_is_counted_and_changes_nothing_else(bad: Record) -> None:
    good = record(Role.BASELINES, "acme/agent-7", examples.baseline())
    batch = planned(bad, good)
    assert [record for record, _ in batch.unreadable] == [bad]
    assert [command[0] for command in batch.commands] == ["HSET", "@unreadable"]
    assert batch.commands[1][1:4] == (f"{bad.topic}/0", 1, 0)


def test_of_several_bad_records_the_last_is_shown() -> None:
    first, last = (record(Role.PROGRESS, "0", b"{}", offset=offset) for offset in (4, 9))
    assert commands(first, last)[0][1:4] == ("finops.progress/0", 2, 9)


def test_arguments_come_with_their_counts() -> None:
    batch = Batch([Stretch("t", 1, 5, 9), Stretch("u", 0, 0, 1)], [("DEL", "x"), ("@changed_next",)])
    assert batch.arguments() == [2, "t/1", 5, 9, "u/0", 0, 1, 2, "DEL", "x", 1, "@changed_next"]
