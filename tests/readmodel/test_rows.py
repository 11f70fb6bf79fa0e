"""Rows: what is kept of a record, and what is refused."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.ledger.progress import Progress
from burnline.ledger.usage_record import UsageRollupRecord
from burnline.readmodel.rows import (
    ProgressRow,
    RollupRow,
    UnreadableRow,
    decode_progress,
    decode_rate_change,
    decode_rollup,
    decode_session,
    decode_unreadable,
    encode_progress,
    encode_rate_change,
    notice,
    rollup_fields,
    rollup_quarter_ms,
    rollup_row,
    session_row,
)
from tests.readmodel import examples
from tests.readmodel.examples import T0

TEXT = st.text(max_size=20)


class TestSessions:
    """A ledger."""

    def test_all_is_kept_but_what_only_workers_need(self) -> None:
        value = examples.ledger()
        row, kept = session_row(value)
        wanted = json.loads(value)
        del wanted["recent_event_ids"]
        assert json.loads(kept) == wanted
        assert decode_session(kept) == row
        assert (row.session_id, row.org_id, row.last_event_at) == ("s-1", "acme", T0 + 1)

    @given(TEXT, TEXT, st.sampled_from(["", "AAEC", "A" * 1000]))
    def test_whatever_it_is_called(self, session_id: str, model: str, ids: str) -> None:
        tricky = f'{session_id}"recent_event_ids":"x",'
        sums = json.loads(examples.ledger())["by_model"]["gpt-4o"]
        value = examples.ledger(tricky, by_model={model: sums, "recent_event_ids": sums}, recent_event_ids=ids)
        row, kept = session_row(value)
        wanted = json.loads(value)
        del wanted["recent_event_ids"]
        assert json.loads(kept) == wanted
        assert row.session_id == tricky

    def test_another_writers_spacing_is_read_too(self) -> None:
        value = json.dumps(json.loads(examples.ledger()), indent=1).encode()
        row, kept = session_row(value)
        assert b"recent_event_ids" not in kept
        assert decode_session(kept) == row

    @pytest.mark.parametrize(
        "changes",
        [
            {"cost_usd": "a lot"},
            {"cost_usd": "-1"},
            {"cost_usd": "0.0000000000001"},
            {"events": -1},
            {"version": 2},
        ],
        ids=lambda changes: " ".join(map(str, *changes.items())),
    )
    def test_a_damaged_one_is_refused(self, changes: dict[str, Any]) -> None:
        with pytest.raises(UnreadableRow):
            session_row(examples.ledger(**changes))

    @pytest.mark.parametrize("value", [b"", b"null", b"[]", b"{", b"\xff", b'{"version":1,}', b"[" * 10_000])
    def test_what_is_no_ledger_is_refused(self, value: bytes) -> None:
        with pytest.raises(UnreadableRow):
            session_row(value)


class TestRollups:
    """A partial of a quarter of an hour."""

    def test_all_is_kept(self) -> None:
        key, value = examples.rollup()
        row = rollup_row(key, value)
        assert msgspec.json.encode(row) == value
        assert decode_rollup(value) == row
        assert msgspec.json.encode(rollup_fields(row)) == key
        assert rollup_quarter_ms(key) == T0

    def test_its_fields_are_those_that_the_worker_writes(self) -> None:
        assert RollupRow.__struct_fields__ == UsageRollupRecord.__struct_fields__

    @pytest.mark.parametrize(
        "changes",
        [{"org_id": "other"}, {"since_offset": 4}, {"team_id": "t"}, {"kind": "embedding"}],
        ids=lambda changes: next(iter(changes)),
    )
    def test_one_under_another_key_is_refused(self, changes: dict[str, Any]) -> None:
        key, _ = examples.rollup()
        _, value = examples.rollup(**changes)
        with pytest.raises(UnreadableRow, match="another key"):
            rollup_row(key, value)

    @pytest.mark.parametrize("version", [0, 2])
    def test_another_version_is_refused(self, version: int) -> None:
        with pytest.raises(UnreadableRow, match=f"version={version}"):
            rollup_row(*examples.rollup(version=version))


class TestOthers:
    """Notices, progress, rates' changes."""

    def test_a_notice(self) -> None:
        assert notice(examples.notice("a-9", 3)).revision == 3

    @pytest.mark.parametrize("value", [b"", b"{}", b'"x"', examples.notice(state="shouting")])
    def test_no_notice(self, value: bytes) -> None:
        with pytest.raises(UnreadableRow):
            notice(value)

    def test_progress_over_both_ways(self) -> None:
        value = encode_progress(Progress.decode(examples.progress(2, 80)))
        assert decode_progress(value) == ProgressRow(80, T0, T0 + 5)

    @pytest.mark.parametrize("value", [b'{"a":1}', None], ids=["set", "deleted"])
    def test_a_rates_change_over_both_ways(self, value: bytes | None) -> None:
        change = decode_rate_change(encode_rate_change(4, T0, value))
        assert (change.offset, change.timestamp_ms) == (4, T0)
        assert change.value == value

    @pytest.mark.parametrize("decode", [decode_progress, decode_rate_change, decode_rollup, decode_unreadable])
    def test_damaged_rows(self, decode: Any) -> None:
        with pytest.raises(UnreadableRow):
            decode(b"{}")
