"""Where sessions are met: one that opens on a second partition is told, as far back as the newest are known."""

import logging

import pytest

from burnline.ledger.identity import ledger_key
from burnline.stream import partitioning
from burnline.stream.partitioning import OpenedSessions

KEY = ledger_key("acme", "s-1")


@pytest.fixture(autouse=True)
def _listening(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, partitioning.__name__)


def test_a_session_of_one_partition_is_none_however_often_it_opens(caplog: pytest.LogCaptureFixture) -> None:
    opened = OpenedSessions(4)
    assert not any(opened.is_split(KEY, 2) for _ in range(3))
    assert caplog.text == ""


def test_each_other_partition_is_held_against_the_first_and_one_is_told(caplog: pytest.LogCaptureFixture) -> None:
    opened = OpenedSessions(4)
    assert [opened.is_split(KEY, partition) for partition in (2, 0, 3, 2)] == [False, True, True, False]
    assert not opened.is_split(ledger_key("globex", "s-1"), 0)
    (told,) = caplog.messages
    assert told.startswith("session s-1 of acme has events on partitions 0 (")
    assert "each half is judged on its own" in told


@pytest.mark.parametrize(("others", "known"), [(3, True), (4, False)])
def test_the_newest_are_known(others: int, *, known: bool) -> None:
    opened = OpenedSessions(4, limit=2)
    opened.is_split(KEY, 2)
    for number in range(others):
        opened.is_split(ledger_key("acme", f"other-{number}"), 2)
    assert opened.is_split(KEY, 0) is known
