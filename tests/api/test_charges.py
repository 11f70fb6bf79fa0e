"""Explain this dollar over HTTP, on a real broker and a real Redis."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from confluent_kafka import Producer

from burnline.events.rejection import Fault, Reason
from burnline.kafka import client_config
from burnline.ledger.progress import Progress
from burnline.pricing.valuation import ValuationRate
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from tests.api.stage import NOW_MS, OF_ACME, OF_OTHERS, VIEWER, Api, Projection, serving
from tests.brokers import MakeSettings
from tests.events.examples import encoded
from tests.events.letters import dead_letter_headers

AT_MS = NOW_MS - 60_000
EVENT = encoded(
    occurred_at=AT_MS, model="claude-sonnet-4-5", input_tokens=1_003, cached_input_tokens=600, cache_write_tokens=400,
    output_tokens=202, reasoning_tokens=201,
)  # fmt: skip


class Log:
    """Partition 1 of the usage topic, and what workers say of it."""

    def __init__(self, settings: Settings) -> None:
        self.topics = topics_for(settings)
        self._producer = Producer(client_config(settings))

    def publish(self, *values: bytes) -> None:
        for value in values:
            self._producer.produce(self.topics.usage.name, value, b"sess-1", 1)
        assert self._producer.flush(30) == 0

    def applied(self, next_offset: int) -> None:
        progress = Progress(1, self.topics.usage.name, 1, next_offset, AT_MS, AT_MS)
        self._producer.produce(self.topics.progress.name, progress.encode(), progress.key, 1)
        assert self._producer.flush(30) == 0

    def refused(self, offset: int, detail: str) -> None:
        headers = dead_letter_headers(
            Fault(Reason.IN_THE_FUTURE, "occurred_at", detail),
            topic=self.topics.usage.name,
            partition=1,
            offset=offset,
            headers=None,
        )
        self._producer.produce(self.topics.dead_letters.name, b"x", b"sess-1", 1, headers=list(headers))
        assert self._producer.flush(30) == 0


@pytest.fixture
def log(ours: Settings) -> Log:
    return Log(ours)


@pytest.fixture
def projection(ours: Settings) -> Projection:
    return Projection(ours)


@pytest.fixture
def api(ours: Settings, projection: Projection) -> Iterator[Api]:
    with serving(ours) as api:
        yield api


def test_the_arithmetic_to_the_last_digit(api: Api, log: Log, projection: Projection) -> None:
    projection.session(cost_usd="0.5")
    log.publish(EVENT)
    log.applied(1)
    said = api.by(VIEWER).get("/charges/1/0")
    assert (said["topic"], said["partition"], said["offset"]) == (log.topics.usage.name, 1, 0)
    assert (said["key"], said["value"]) == ("sess-1", EVENT.decode())
    assert {step["part"]: step["quantity"] for step in said["steps"]} == {
        "uncached input": 3,
        "cached input": 600,
        "cache write": 400,
        "answer output": 1,
        "reasoning": 201,
    }
    rates = {"uncached input": "3", "cached input": "0.3", "cache write": "3.75"}
    for step in said["steps"]:
        assert Decimal(step["rate_usd"]) == Decimal(rates.get(step["part"], "15"))
        assert Decimal(step["amount_usd"]) == step["quantity"] * Decimal(step["rate_usd"]) / 1_000_000
    assert said["cost_usd"] == "0.004719"
    assert sum(Decimal(step["amount_usd"]) for step in said["steps"]) == Decimal("0.004719")
    assert said["card"]["rule"].endswith("exact id")
    assert (said["applied"], said["counted"], said["standing"]) == (
        True,
        True,
        "It is counted in its session's ledger.",
    )
    assert said["session_cost_usd"] == "0.5"


def test_by_the_rates_that_were_set(api: Api, log: Log, projection: Projection) -> None:
    rate = ValuationRate(
        provider="*",
        model="claude-sonnet-4-5",
        effective_from=AT_MS,
        input_usd_per_million_tokens="1",
        output_usd_per_million_tokens="0",
    )
    projection.rate(rate)
    log.publish(EVENT, encoded(occurred_at=AT_MS - 1, model="claude-sonnet-4-5"))
    assert (api.get("/charges/1/0")["card"]["source"], api.get("/charges/1/0")["cost_usd"]) == (
        "valuation-rates",
        "0.001003",
    )
    assert api.get("/charges/1/1")["card"]["source"] == "catalogue"


def test_unpriced_is_loud(api: Api, log: Log) -> None:
    log.publish(encoded(occurred_at=AT_MS, model="made-up"))
    said = api.get("/charges/1/0")
    assert (said["cost_usd"], said["unpriced_tokens"], said["card"]["priced"]) == ("0", 1_200, False)


class TestWhetherItCounts:
    """Counted, a repeat, a dead letter, or not there yet."""

    def test_not_yet(self, api: Api, log: Log) -> None:
        log.publish(EVENT)
        said = api.get("/charges/1/0")
        assert (said["applied"], said["counted"]) == (False, False)
        assert said["standing"] == "No worker has come to this offset yet."

    def test_a_repeat(self, api: Api, log: Log) -> None:
        log.publish(EVENT, EVENT)
        log.applied(2)
        said = api.get("/charges/1/1")
        assert (said["counted"], said["repeat_of"]) == (False, 0)

    def test_a_dead_letter_by_the_workers_word(self, api: Api, log: Log) -> None:
        log.publish(EVENT)
        log.refused(0, "it was ahead of the clock")
        log.applied(1)
        said = api.get("/charges/1/0")
        assert said["dead_letter"] == {
            "reason": "in_the_future",
            "field": "occurred_at",
            "detail": "it was ahead of the clock",
            "recorded": True,
        }
        assert (said["counted"], said["cost_usd"], said["standing"]) == (False, None, "It is on dead-letters.")

    def test_what_cannot_be_read(self, api: Api, log: Log) -> None:
        log.publish(b"{broken \xff")
        said = api.get("/charges/1/0")
        assert (said["dead_letter"]["reason"], said["event"], said["steps"]) == ("not_utf8", None, [])
        assert said["value"].startswith("{broken")

    def test_its_session_is_retired(self, api: Api, log: Log) -> None:
        log.publish(EVENT)
        log.applied(1)
        said = api.get("/charges/1/0")
        assert said["session_cost_usd"] is None
        assert "folded into a rollup" in said["standing"]

    def test_a_session_on_two_partitions_is_added_up(self, api: Api, log: Log, projection: Projection) -> None:
        projection.session(cost_usd="0.5")
        projection.session(cost_usd="0.25", source_partition=1)
        log.publish(EVENT)
        assert api.get("/charges/1/0")["session_cost_usd"] == "0.75"


class TestNone:
    """404, which says what there is."""

    @pytest.mark.parametrize("offset", [2, 3, 10**15])
    def test_after_the_end(self, api: Api, log: Log, offset: int) -> None:
        log.publish(EVENT, EVENT)
        problem = api.get(f"/charges/1/{offset}", 404)
        assert problem["type"] == "urn:burnline:problem:no-such-charge"
        assert problem["detail"].endswith("The partition holds offsets 0 to 1.")

    def test_of_an_empty_partition(self, api: Api) -> None:
        assert api.get("/charges/1/0", 404)["detail"].endswith("The partition holds no offsets yet.")

    def test_of_a_partition_that_is_none(self, api: Api) -> None:
        assert "there is no 9" in api.get("/charges/9/0", 404)["detail"]

    @pytest.mark.parametrize("path", ["/charges/-1/0", "/charges/0/-1", "/charges/x/0", f"/charges/0/{2**63}"])
    def test_what_names_none(self, api: Api, path: str) -> None:
        api.get(path, 422)


class TestWhose:
    """Nobody learns of another organisation's events, not even that they are there."""

    def test_ones_own(self, api: Api, log: Log) -> None:
        log.publish(EVENT)
        assert api.by(OF_ACME).get("/charges/1/0")["cost_usd"] == "0.004719"

    def test_anothers_is_as_none(self, api: Api, log: Log) -> None:
        log.publish(EVENT, b"{broken")
        problems = [api.by(OF_OTHERS).get(f"/charges/1/{offset}", 404) for offset in (0, 1, 2)]
        said = [problem["detail"].replace(f"offset {offset} ", "") for offset, problem in enumerate(problems)]
        assert set(said) == {"You have no event at of partition 1."}
        assert {problem["type"] for problem in problems} == {"urn:burnline:problem:no-such-charge"}
        assert "You have no event" in api.get("/charges/9/0", 404)["detail"]

    def test_anothers_session_of_the_same_id_keeps_its_total(self, api: Api, log: Log, projection: Projection) -> None:
        projection.session(org_id="others")
        log.publish(EVENT)
        log.applied(1)
        said = api.by(OF_ACME).get("/charges/1/0")
        assert said["session_cost_usd"] is None


class TestAway:
    """A reason."""

    def test_without_a_projection(self, api: Api, projection: Projection) -> None:
        projection.wipe()
        assert api.get("/charges/1/0", 503)["type"] == "urn:burnline:problem:projection-missing"

    def test_without_topics(self, make_settings: MakeSettings, redis_url: str) -> None:
        ours = make_settings(redis_url=redis_url)
        Projection(ours)
        with serving(ours) as api:
            assert api.get("/charges/1/0", 503)["type"] == "urn:burnline:problem:topic-missing"

    def test_without_brokers(self, reader: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("burnline.api.routes.charges.TIMEOUT_S", 0.5)
        assert reader.get("/charges/1/0", 503)["type"] == "urn:burnline:problem:brokers-away"
