"""When the kernel asks Python: once for each change of state, and not again because of it."""

from unittest import mock

import pytest

from burnline.ledger.partition import PartitionLedger
from burnline.native.ledger import NativePartitionLedger
from burnline.windows.slices import SLICE_MS
from tests.ledger.examples import PARTITION, RETENTION, T0, TOPIC, policy

LINE_TOKENS = 11_111
"""Of gpt-4o: two of these within 20 s are just above the short window's line, one is below it."""
SESSIONS = 5


def values(at_ms: int, tokens: int, name: str) -> list[bytes]:
    """An event of each session at one moment."""
    return [
        (
            f'{{"event_id":"{name}-{session}","occurred_at":{at_ms},"org_id":"acme","agent_id":"agent-7",'
            f'"session_id":"s-{session}","model":"gpt-4o","input_tokens":{tokens},"output_tokens":0}}'
        ).encode()
        for session in range(SESSIONS)
    ]


class Asked:
    """A ledger that is given events, and how often it had to look into a session or count an event by itself."""

    def __init__(self) -> None:
        self.ledger = NativePartitionLedger(TOPIC, PARTITION, policy(), RETENTION)
        self.looked_into = self.counted = 0

    def feed(self, slices: range, tokens: int) -> None:
        """An event of each session in each slice."""
        hand_over, count = type(self.ledger)._ledger, PartitionLedger.apply

        def counted_hand_over(ledger: NativePartitionLedger, key: str) -> object:
            self.looked_into += 1
            return hand_over(ledger, key)

        def counted_apply(*args: object, **options: object) -> None:
            self.counted += 1
            count(*args, **options)  # type: ignore[arg-type]  # whatever they are

        with (
            mock.patch.object(NativePartitionLedger, "_ledger", counted_hand_over),
            mock.patch.object(PartitionLedger, "apply", counted_apply),
        ):
            for number in slices:
                at_ms = T0 + number * SLICE_MS
                batch = values(at_ms, tokens, f"e-{number}")
                offsets = range(number * SESSIONS, (number + 1) * SESSIONS)
                self.ledger.apply_records(
                    list(offsets), batch, logged_ms=[at_ms] * SESSIONS, now_ms=at_ms, max_clock_skew_ms=0
                )


def test_who_stays_just_below_the_line_is_never_looked_into() -> None:
    asked = Asked()
    asked.feed(range(50), LINE_TOKENS // 2)
    assert (asked.looked_into, asked.counted, asked.ledger.open_anomalies) == (0, 0, 0)


def test_an_opening_is_one_look_and_what_follows_none() -> None:
    asked = Asked()
    asked.feed(range(50), LINE_TOKENS + 300)
    assert (asked.looked_into, asked.counted, asked.ledger.open_anomalies) == (SESSIONS, 0, SESSIONS)


@pytest.mark.parametrize("times", [1, 4])
def test_an_anomaly_that_opens_and_resolves_is_two_looks_and_its_events_are_the_kernels(times: int) -> None:
    asked = Asked()
    for number in range(times):
        begin = 60 * number
        asked.feed(range(begin, begin + 10), LINE_TOKENS + 300)
        asked.feed(range(begin + 10, begin + 60), 1)
    assert (asked.looked_into, asked.counted) == (2 * SESSIONS * times, 0)
    changes = asked.ledger.take_changes(T0)
    assert [notice.state for notice in changes.notices] == (["opened"] * SESSIONS + ["resolved"] * SESSIONS) * times
    assert changes.counts.accepted == 60 * SESSIONS * times
    assert len(changes.ledgers) == SESSIONS
