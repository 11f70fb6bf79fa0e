"""Ids that stand for more than they should: counted and named, and no difference between log and ledgers."""

from typing import Any, Final

import pytest

from burnline.ledger.audit.identities import CONTENT, PartitionIdentities, Places, differing
from tests.ledger.audit.examples import audited, cut_of, entries, found
from tests.ledger.examples import T0, Topics, feed, ledger, usage

FULL: Final = usage(provider="openai", team_id="search", project_code="P-1", service_tier="flex", region="eu")


def counts(*events: Any, limit: int = 100) -> tuple[int, int]:
    """Repeats with other content, and ids of other sessions."""
    identities = PartitionIdentities(limit)
    identities.take(events)
    return identities.found.other_content, identities.found.other_session


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        pytest.param({}, (0, 0), id="an-equal-repeat"),
        pytest.param({"occurred_at": T0 + 1}, (0, 0), id="a-later-time-alone"),
        pytest.param({"tags": {"a": "b"}, "run_id": "r"}, (0, 0), id="what-no-sum-depends-on"),
        pytest.param({"output_tokens": 7}, (1, 0), id="a-streamed-partial"),
        pytest.param({"model": "gpt-4o-mini"}, (1, 0), id="another-model"),
        pytest.param({"agent_id": "agent-8"}, (1, 0), id="another-agent"),
        pytest.param({"session_id": "s-2"}, (0, 1), id="a-fork"),
        pytest.param({"session_id": "s-2", "output_tokens": 7}, (0, 1), id="a-fork-with-other-content"),
        pytest.param({"org_id": "globex", "output_tokens": 7}, (0, 0), id="another-organisation"),
        pytest.param({"event_id": "e-2", "output_tokens": 7}, (0, 0), id="another-event"),
    ],
)
def test_what_a_second_event_under_an_id_is(other: dict[str, Any], expected: tuple[int, int]) -> None:
    assert counts(usage(), None, usage(**other)) == expected


def test_each_is_held_against_the_first() -> None:
    partials = [usage(output_tokens=number) for number in (1, 2, 3, 1)]
    assert counts(*partials) == (2, 0)


@pytest.mark.parametrize(("between", "known"), [(1, 1), (3, 1), (4, 0)])
def test_as_far_back_as_ids_are_known(between: int, known: int) -> None:
    others = [usage(event_id=f"o-{number}") for number in range(between)]
    assert counts(usage(), *others, usage(output_tokens=1), limit=2) == (known, 0)


def test_fields_that_differ_are_named() -> None:
    assert differing(FULL, FULL) == ()
    assert differing(FULL, usage()) == ("provider", "team_id", "project_code", "service_tier", "region")
    assert {"input_tokens", "output_tokens", "kind", "cache_write_1h_tokens"} <= set(CONTENT)


def test_sessions_on_several_partitions_are_named_with_them() -> None:
    places = Places()
    for partition, org_id, session_id in (
        (0, "acme", "s-1"),
        (0, "acme", "s-2"),
        (1, "acme", "s-1"),
        (3, "acme", "s-1"),
    ):
        places.meet(partition, org_id, session_id)
    places.meet(1, "globex", "s-2")
    places.meet(0, "acme", "s-2")
    assert places.spread == {("acme", "s-1"): {0, 1, 3}}


def test_the_report_tells_and_nothing_differs() -> None:
    log = entries(usage(), usage(output_tokens=5), usage(session_id="s-2"))
    topics, partition = Topics(), ledger()
    feed(partition, *(entry.event for entry in log))
    topics.commit(partition.take_changes(T0))
    report = audited(cut_of(topics, log), log)
    assert (found(report), report.repeats) == ([], 1)
    assert (report.oddities.other_content, report.oddities.other_session) == (1, 1)
    assert report.oddities.named == {
        "other_content": ["e-1 of session s-1"],
        "other_session": ["e-1 of session s-2"],
    }
