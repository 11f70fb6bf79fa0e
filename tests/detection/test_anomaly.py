"""The notice on the wire: id, value, headers."""

import json
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.detection.anomaly import (
    Anomaly,
    Evidence,
    ResolvedBy,
    State,
    anomaly_id,
    cloudevent_headers,
    notice_key,
    notice_value,
    rfc3339,
)
from burnline.detection.lifecycle import opened
from burnline.detection.reasons import Reason
from tests.detection.rules import RULE
from tests.detection.test_lifecycle import BURN, NOON, OPENING

NOTICE = opened(
    Reason.OPENED_WARNING,
    org_id="acme",
    agent_id="agent-7",
    session_id="Sitzung-ü",
    evidence=OPENING,
    at_ms=NOON + 7,
    burn=BURN,
    rule=RULE,
).notice


def test_the_id_is_pinned() -> None:
    # A replay by any version of Burnline must come to the same id.
    assert anomaly_id(Evidence("finops.usage", 3, 41, "e-41"), "acme", "s-1") == "e8535fd4-b344-51be-b879-e963c3cd3136"


places = st.tuples(
    st.text("abc._-9", min_size=1, max_size=5),
    st.integers(0, 12),
    st.integers(0, 120),
    st.text("1/2", max_size=4),
    st.text("1/2", max_size=4),
)


@given(places, places)
def test_ids_differ_exactly_where_the_opening_differs(
    one: tuple[str, int, int, str, str], other: tuple[str, int, int, str, str]
) -> None:
    ids = [anomaly_id(Evidence(*place[:3], "e"), *place[3:]) for place in (one, other)]
    assert (ids[0] == ids[1]) == (one == other)
    assert UUID(ids[0]).version == 5


def test_the_id_does_not_depend_on_the_event_id() -> None:
    assert anomaly_id(Evidence("t", 1, 2, "a"), "o", "s") == anomaly_id(Evidence("t", 1, 2, "b"), "o", "s")


def test_value_is_the_same_bytes_and_reads_back() -> None:
    value = notice_value(NOTICE)
    assert value == notice_value(NOTICE.model_copy())
    assert Anomaly.model_validate_json(value) == NOTICE
    assert json.loads(value)["session_id"] == "Sitzung-ü"


def test_key_is_that_of_the_session() -> None:
    assert notice_key(NOTICE) == f'["{NOTICE.org_id}","Sitzung-ü"]'.encode()


@pytest.mark.parametrize(
    ("state", "event_type"),
    [
        pytest.param(State.OPENED, b"burnline.anomaly.opened.v1", id="opened"),
        pytest.param(State.ESCALATED, b"burnline.anomaly.escalated.v1", id="escalated"),
        pytest.param(State.RESOLVED, b"burnline.anomaly.resolved.v1", id="resolved"),
    ],
)
def test_headers_are_a_binary_cloudevent(state: State, event_type: bytes) -> None:
    notice = NOTICE.model_copy(update={"state": state, "revision": 3})
    assert cloudevent_headers(notice) == [
        ("ce_specversion", b"1.0"),
        ("ce_id", f"{NOTICE.anomaly_id}:3".encode()),
        ("ce_source", b"/burnline/finops.usage"),
        ("ce_type", event_type),
        ("ce_time", b"2023-11-14T22:13:20.007Z"),
        ("ce_subject", "Sitzung-ü".encode()),
        ("content-type", b"application/json"),
    ]


@pytest.mark.parametrize(
    ("epoch_ms", "text"),
    [
        pytest.param(0, "1970-01-01T00:00:00.000Z", id="epoch"),
        pytest.param(999, "1970-01-01T00:00:00.999Z", id="just-before-a-second"),
        pytest.param(1_000, "1970-01-01T00:00:01.000Z", id="a-second"),
        pytest.param(1_709_251_199_999, "2024-02-29T23:59:59.999Z", id="leap-day"),
    ],
)
def test_rfc3339(epoch_ms: int, text: str) -> None:
    assert rfc3339(epoch_ms) == text


def test_resolved_by_names() -> None:
    assert [by.value for by in ResolvedBy] == ["event_time", "clock"]
