"""`/stream`: new notices as they come, what burns once a second, and nothing lost in between."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from unittest.mock import patch

import pytest
from pydantic import BaseModel

from burnline.api.view.shapes import BurnEvent, ReadyEvent, ResetEvent
from burnline.detection.anomaly import Anomaly
from burnline.readmodel.keys import FEED_LENGTH
from tests.api.live import API, Caller, Clock, Projection, live_api, projection_in
from tests.api.test_anomalies import notice
from tests.ledger.examples import T0, spend
from tests.readmodel.counting import count

KINDS: Final[dict[str, type[BaseModel]]] = {
    "anomaly": Anomaly,
    "burn": BurnEvent,
    "ready": ReadyEvent,
    "reset": ResetEvent,
}


class Event:
    """One event as it came; its data must be what is documented."""

    def __init__(self, text: str) -> None:
        lines = [line.partition(": ") for line in text.splitlines()]
        fields = {name: value for name, _, value in lines}
        self.comment = fields.get("")
        self.name = fields.get("event", "")
        self.id = fields.get("id")
        self.retry = fields.get("retry")
        self.data: Any = None
        if self.name:
            KINDS[self.name].model_validate_json(fields["data"])
            self.data = json.loads(fields["data"])


def listen(api: Caller, seconds: int = 1, last_event_id: str | None = None, **params: Any) -> list[Event]:
    """All events of a stream that lasts so long."""
    api.until_quiet()
    headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
    answer = api.client.get(f"{API}/stream", params={"seconds": seconds, **params}, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    return [Event(text) for text in answer.text.split("\n\n") if text]


@contextmanager
def later(*steps: Any) -> Iterator[None]:
    """Do something while a stream is being read."""

    def work() -> None:
        time.sleep(0.3)
        for step in steps:
            step()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    thread.join()


def told(events: list[Event]) -> list[tuple[int, int]]:
    """Number and revision of each notice."""
    return [(int(one.data["session_id"][2:]), one.data["revision"]) for one in events if one.name == "anomaly"]


def of(events: list[Event], name: str) -> list[Event]:
    return [one for one in events if one.name == name]


class TestNotices:
    """They come as they are published, from when the reader came."""

    def test_new_ones_come(self, api: Caller, projection: Projection) -> None:
        projection.notice(notice(0))
        api.until("/anomalies", lambda found: len(found["rows"]) == 1)
        with later(lambda: projection.notice(notice(1)), lambda: projection.notice(notice(1, "escalated 2"))):
            events = listen(api, events="anomaly")
        assert told(events) == [(1, 1), (1, 2)]
        assert of(events, "anomaly")[0].data == notice(1).model_dump(mode="json")

    def test_the_beginning(self, api: Caller, projection: Projection) -> None:
        place = projection.notice(notice(0))
        api.until("/anomalies", lambda found: len(found["rows"]) == 1)
        (first, *_) = listen(api)
        assert (first.name, first.id, first.retry, first.data) == ("ready", place, "1000", {"resumed": False})

    def test_a_notice_that_another_generation_repeats_comes_once(
        self, api: Caller, redis_url: str, projection: Projection
    ) -> None:
        with projection_in(redis_url, "2") as rebuilt:
            projection.switch()

            def rebuild() -> None:
                projection.notice(notice(1), T0 + 50)
                api.until("/anomalies", lambda found: len(found["rows"]) == 1)
                rebuilt.notice(notice(1), T0 + 51)
                rebuilt.notice(notice(2), T0 + 60)
                rebuilt.switch()

            with later(rebuild):
                events = listen(api, 2, events="anomaly")
        assert told(events) == [(1, 1), (2, 1)]


class TestResuming:
    """By `Last-Event-ID`, from any process."""

    def test_what_came_in_between(self, api: Caller, projection: Projection) -> None:
        places = [projection.notice(notice(number)) for number in range(5)]
        api.until("/anomalies", lambda found: len(found["rows"]) == 5)
        with later(lambda: projection.notice(notice(9))):
            events = listen(api, last_event_id=places[1], events="anomaly")
        assert told(events) == [(2, 1), (3, 1), (4, 1), (9, 1)]
        assert [one.id for one in of(events, "anomaly")][:3] == places[2:]
        assert (events[0].id, events[0].data) == (places[1], {"resumed": True})
        assert not of(events, "reset")

    def test_nothing_came(self, api: Caller, projection: Projection) -> None:
        place = projection.notice(notice(0))
        assert told(listen(api, last_event_id=place)) == []

    def test_more_than_one_piece(self, api: Caller, projection: Projection) -> None:
        first = projection.notice(notice(0))
        for number in range(1, 700):
            projection.notice(notice(number))
        api.until("/anomalies", lambda found: found["rows"] and found["rows"][0]["session_id"] == "s-699", limit=1)
        assert [number for number, _ in told(listen(api, last_event_id=first))] == list(range(1, 700))

    def test_a_reader_who_is_ahead_of_this_process(self, api: Caller, projection: Projection) -> None:
        """It was at another one, which had read more of the feed."""
        with later(
            lambda: projection.notice(notice(1), T0 + 100),
            lambda: projection.notice(notice(2), T0 + 200),
        ):
            events = listen(api, last_event_id=f"{T0 + 100}-0", events="anomaly")
        assert told(events) == [(2, 1)]

    def test_from_before_what_the_feed_holds(self, api: Caller, projection: Projection) -> None:
        with projection.redis.pipeline() as pipe:
            for number in range(FEED_LENGTH):
                pipe.xadd(projection.keys.feed, {"type": "other"}, id=f"{T0 + 10}-{number}")
            count(pipe, projection.keys, projection.keys.feed)
            pipe.execute()
        events = listen(api, 2, last_event_id=f"{T0}-0")
        assert [one.name for one in events[:2]] == ["ready", "reset"]

    @pytest.mark.parametrize("last_event_id", ["x", "1", "1-", "-1-0", "1-x", "18446744073709551616-0", "٣-1"])
    def test_no_place_in_the_feed(self, api: Caller, last_event_id: str) -> None:
        answer = api.client.get(f"{API}/stream", headers={b"Last-Event-ID": last_event_id.encode()})
        assert answer.status_code == 422


class TestBurn:
    """Absolute rows of the sessions that have changed."""

    def test_the_first_one_is_complete(self, api: Caller, projection: Projection) -> None:
        projection.feed(*(spend(0, number + 1, session_id=f"s-{number}") for number in range(3)))
        api.until("/burn-rates/active", lambda found: found["active"] == 3)
        (first, *_) = of(listen(api), "burn")
        assert first.data["complete"] is True
        assert first.data["sessions"] == api.get("/burn-rates/active")["rows"]
        assert (first.id, first.data["omitted"], first.data["gone"]) == (None, 0, [])

    def test_then_only_what_has_changed(self, api: Caller, projection: Projection) -> None:
        projection.feed(spend(0, 1), spend(0, 2, session_id="s-2"))
        api.until("/burn-rates/active", lambda found: found["active"] == 2)
        with later(lambda: projection.feed(spend(0, 3, 7))):
            (_, *changes) = of(listen(api, 2), "burn")
        (change,) = changes
        assert change.data["complete"] is False
        assert [(row["session_id"], row["spend_usd"]) for row in change.data["sessions"]] == [("s-1", "0.004")]

    def test_nothing_changes(self, api: Caller, projection: Projection) -> None:
        projection.feed(spend(0, 1))
        api.until("/burn-rates/active", lambda found: found["active"] == 1)
        assert len(of(listen(api), "burn")) == 1

    def test_rates_that_fall_are_a_change(self, api: Caller, projection: Projection, clock: Clock) -> None:
        projection.feed(spend(0, 1))
        api.until("/burn-rates/active", lambda found: found["active"] == 1)
        with later(lambda: setattr(clock, "now_ms", T0 + 25_000)):
            (_, change) = of(listen(api, 2), "burn")
        assert change.data["sessions"][0]["burn_usd_per_hour"] == {"20s": "0", "40s": "0.09"}

    def test_what_is_active_no_more_is_gone(self, api: Caller, projection: Projection) -> None:
        projection.feed(spend(0, 1), spend(0, 1, session_id="s-2"))
        api.until("/burn-rates/active", lambda found: found["active"] == 2)
        with later(lambda: projection.retire("s-2")):
            (_, change) = of(listen(api, 2), "burn")
        assert change.data["sessions"] == []
        assert change.data["gone"] == [{"session_id": "s-2", "org_id": "acme"}]

    def test_no_more_than_a_hundred(self, api: Caller, projection: Projection) -> None:
        """Those that burn most."""
        projection.feed(*(spend(0, number + 1, session_id=f"s-{number:03d}") for number in range(130)))
        api.until("/burn-rates/active", lambda found: found["active"] == 130)
        (first, *_) = of(listen(api), "burn")
        assert first.data["omitted"] == 30
        assert [row["session_id"] for row in first.data["sessions"]] == [f"s-{n:03d}" for n in range(129, 29, -1)]


class TestWhatIsAskedFor:
    """By kind, organisation and length."""

    @pytest.mark.parametrize(
        ("params", "names"),
        [
            pytest.param({}, {"ready", "anomaly", "burn"}, id="everything"),
            pytest.param({"events": "burn"}, {"ready", "burn"}, id="burn"),
            pytest.param({"events": "anomaly"}, {"ready", "anomaly"}, id="anomalies"),
            pytest.param({"events": ["anomaly", "burn"]}, {"ready", "anomaly", "burn"}, id="both-by-name"),
            pytest.param({"org": "initech"}, {"ready", "burn"}, id="another-org"),
        ],
    )
    def test_only_these(self, api: Caller, projection: Projection, params: dict[str, Any], names: set[str]) -> None:
        projection.feed(spend(0, 1))
        api.until("/burn-rates/active", lambda found: found["active"] == 1)
        with later(lambda: projection.notice(notice(1))):
            events = listen(api, **params)
        assert {one.name for one in events} == names

    @pytest.mark.parametrize("params", [{"seconds": 0}, {"seconds": 301}, {"events": "all"}])
    def test_what_is_refused(self, api: Caller, params: dict[str, Any]) -> None:
        assert api.get("/stream", 422, **params)["type"].endswith(":invalid-request")


class TestOrganisations:
    """Callers that are bound to organisations."""

    def test_a_bound_caller_hears_of_its_own_only(self, api: Caller, projection: Projection) -> None:
        """New notices, those of the past, rows, and sessions that are gone."""
        projection.feed(
            spend(0, 1), spend(0, 1, session_id="s-2", org_id="globex"), spend(0, 1, session_id="s-3"),
        )  # fmt: skip
        place = projection.notice(notice(10))
        projection.notice(notice(11))
        projection.notice(notice(12, org_id="globex"))
        api.until("/anomalies", lambda found: len(found["rows"]) == 3)
        api.until("/burn-rates/active", lambda found: found["active"] == 3)
        api.as_of_orgs("globex")
        with later(
            lambda: projection.notice(notice(13)),
            lambda: projection.notice(notice(14, org_id="globex")),
            lambda: projection.retire("s-3"),
            lambda: projection.feed(spend(0, 1, 8)),
        ):
            events = listen(api, 2, last_event_id=place)
        assert told(events) == [(12, 1), (14, 1)]
        assert [[row["session_id"] for row in one.data["sessions"]] for one in of(events, "burn")] == [["s-2"]]
        assert all(not one.data["gone"] and not one.data["omitted"] for one in of(events, "burn"))


class TestConnections:
    """How they last, and how they end."""

    def test_a_silent_one_is_kept_open(self, api: Caller) -> None:
        with patch("fastapi.routing._PING_INTERVAL", 0.2):
            events = listen(api, events="anomaly")
        assert [one.comment for one in events].count("ping") >= 3

    def test_it_ends_with_the_process(self, api: Caller) -> None:
        """At once, and not only when it is cut."""
        hub = api.client.app.state.live.hub  # type: ignore[attr-defined]  # an ASGI app to its type
        began_s = time.monotonic()
        with later(hub.close):
            listen(api, 60)
        assert time.monotonic() - began_s < 10

    def test_it_outlives_a_projection_that_is_lost(self, api: Caller, projection: Projection) -> None:
        """Nothing is told while there is nothing whole; then everything again."""
        projection.feed(spend(0, 1))
        api.until("/burn-rates/active", lambda found: found["active"] == 1)

        def lose() -> None:
            projection.redis.flushall()
            api.until_problem("/burn-rates/active", "projection-missing")
            projection.feed(spend(0, 5, session_id="s-8"))
            projection.switch()

        with later(lose):
            burns = of(listen(api, 3), "burn")
        anew = [one for one in burns if [row["session_id"] for row in one.data["sessions"]] == ["s-8"]]
        assert anew[0].data["complete"] is True

    def test_none_without_a_projection(self, redis_url: str) -> None:
        with live_api(redis_url, ready=False) as api:
            api.until_problem("/stream", "projection-missing")
