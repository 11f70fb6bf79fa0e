"""`burnline explain` on a real broker: one event, to the last digit."""

import json
import time
from decimal import Decimal
from typing import Any

import pytest
from confluent_kafka import Producer

from burnline.events.rejection import Fault, Reason
from burnline.kafka import client_config
from burnline.ledger.progress import Progress
from burnline.pricing.catalogue import Catalogue
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.ensure import ensure_topics
from tests.brokers import MakeSettings
from tests.cli.reach import objects, reach, run, words
from tests.events.examples import encoded
from tests.events.letters import dead_letter_headers
from tests.topics.making import commit

AT_MS = 1_760_000_000_000
FAR_MS = time.time_ns() // 1_000_000 + 86_400_000


class Log:
    """What stands on the topics."""

    def __init__(self, settings: Settings) -> None:
        self.topics = topics_for(settings)
        self._producer = Producer(client_config(settings))

    def publish(self, *values: bytes | None) -> None:
        """Records on partition 1 of the usage topic."""
        for value in values:
            self._producer.produce(self.topics.usage.name, value, b"sess-1", 1)
        assert self._producer.flush(30) == 0

    def applied(self, next_offset: int) -> None:
        """A worker has come so far on partition 1."""
        progress = Progress(1, self.topics.usage.name, 1, next_offset, AT_MS, AT_MS)
        self._producer.produce(self.topics.progress.name, progress.encode(), progress.key, 1)
        assert self._producer.flush(30) == 0

    def refused(self, offset: int, reason: Reason, detail: str, *, topic: str | None = None) -> None:
        """A dead letter."""
        headers = dead_letter_headers(
            Fault(reason, "", detail), topic=topic or self.topics.usage.name, partition=1, offset=offset, headers=None
        )
        self._producer.produce(self.topics.dead_letters.name, b"x", b"sess-1", 1, headers=list(headers))
        assert self._producer.flush(30) == 0


@pytest.fixture
def log(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Log:
    """The command line reaches the broker, and the topics exist."""
    reach(settings, monkeypatch)
    ensure_topics(settings)
    return Log(settings)


def explained(offset: int = 0) -> dict[str, Any]:
    (found,) = objects("explain", "1", str(offset))
    return found


def test_the_arithmetic_to_the_last_digit(log: Log) -> None:
    value = encoded(
        occurred_at=AT_MS,
        model="claude-sonnet-4-5",
        input_tokens=1_003,
        cached_input_tokens=600,
        cache_write_tokens=400,
        output_tokens=202,
        reasoning_tokens=201,
    )
    log.publish(value)
    found = explained()
    assert (found["topic"], found["partition"], found["offset"]) == (log.topics.usage.name, 1, 0)
    assert (found["key"], found["value"]) == ("sess-1", value.decode())
    assert {step["part"]: step["quantity"] for step in found["steps"]} == {
        "uncached input": 3,
        "cached input": 600,
        "cache write": 400,
        "answer output": 1,
        "reasoning": 201,
    }
    rates = {"uncached input": "3", "cached input": "0.3", "cache write": "3.75", "answer output": "15"}
    for step in found["steps"]:
        rate = Decimal(rates.get(step["part"], "15"))
        assert (Decimal(step["rate_usd"]), step["per"]) == (rate, "million tokens")
        assert Decimal(step["amount_usd"]) == step["quantity"] * rate / 1_000_000
    assert Decimal(found["cost_usd"]) == sum(Decimal(step["amount_usd"]) for step in found["steps"])
    assert Decimal(found["cost_usd"]) == Decimal("0.004719")
    assert Decimal(found["cache_savings_usd"]) == 600 * Decimal("2.7") / 1_000_000
    assert found["card"]["rule"].endswith("exact id")
    assert found["event"]["session_id"] == "sess-1"


def test_for_people(log: Log) -> None:
    log.publish(encoded(occurred_at=AT_MS, input_tokens=1_200, cached_input_tokens=200))
    said = words(run("explain", "1", "0").stdout)
    assert f"{log.topics.usage.name}, partition 1, offset 0" in said
    assert '"event_id": "e-1"' in said
    version = Catalogue.bundled().version
    assert f"By the rates that are set now, over catalogue {version}: openai/gpt-4o" in said
    assert "1,000 uncached input tokens × 2.5 USD per million tokens = 0.0025 USD" in said
    assert "= 0.00475 USD The cache saved 0.00025 USD." in said
    assert said.endswith("No worker has come to this offset yet.")


def test_rates_that_were_set_are_used(log: Log) -> None:
    log.publish(encoded(occurred_at=AT_MS), encoded(occurred_at=AT_MS - 1))
    since = ("--effective-from", str(AT_MS))
    run("rates", "set", "*", "gpt-4o", "--input", "7", "--output", "0", *since)
    assert (explained(0)["card"]["source"], explained(0)["cost_usd"]) == ("valuation-rates", "0.007")
    assert (explained(1)["card"]["source"], explained(1)["cost_usd"]) == ("catalogue", "0.0045")


def test_unpriced_is_loud(log: Log) -> None:
    log.publish(encoded(occurred_at=AT_MS, model="made-up"))
    found = explained()
    assert (found["cost_usd"], found["unpriced_tokens"], found["card"]["priced"]) == ("0", 1_200, False)
    said = words(run("explain", "1", "0").stdout)
    assert "unpriced: its tokens are counted, its cost is not known" in said
    assert "made-up" in said


@pytest.mark.parametrize(
    ("next_offset", "applied"), [pytest.param(1, True, id="past-it"), pytest.param(0, False, id="not-yet-there")]
)
def test_whether_it_is_counted(log: Log, next_offset: int, *, applied: bool) -> None:
    log.publish(encoded(occurred_at=AT_MS), encoded(occurred_at=AT_MS))
    log.applied(next_offset)
    assert explained()["applied"] is applied
    assert ("No worker has come" in words(run("explain", "1", "0").stdout)) is not applied


def test_a_repeat_is_counted_where_it_came_first(log: Log) -> None:
    log.publish(encoded(occurred_at=AT_MS), encoded(occurred_at=AT_MS, event_id="e-2"), encoded(occurred_at=AT_MS))
    log.applied(3)
    assert [(found["counted"], found["repeat_of"]) for found in map(explained, range(3))] == [
        (True, None),
        (True, None),
        (False, 0),
    ]
    assert "It repeats the event at offset 0, and is counted there only." in words(run("explain", "1", "2").stdout)


def test_a_repeat_with_other_content_says_what_differs(log: Log) -> None:
    partial = encoded(occurred_at=AT_MS, output_tokens=1)
    log.publish(partial, encoded(occurred_at=AT_MS + 1, output_tokens=300, model="gpt-4o-mini"), partial)
    log.applied(3)
    assert [found["repeat_differs_in"] for found in map(explained, range(3))] == [[], ["model", "output_tokens"], []]
    said = words(run("explain", "1", "1").stdout)
    assert "counted there only. Its model, output_tokens differ from that one's: the first counts." in said


def test_whether_it_repeats_is_not_known_where_repeats_are_not_watched_for(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BURNLINE_DUPLICATE_IDS_PER_PARTITION", "0")
    log.publish(encoded(occurred_at=AT_MS))
    log.applied(1)
    assert explained()["counted"] is None
    assert words(run("explain", "1", "0").stdout).endswith("unless its event id was a repeat.")


class TestDeadLetters:
    """What was refused, and why."""

    def test_by_what_decoding_says(self, log: Log) -> None:
        log.publish(b"{broken", None, b"\xff")
        for offset, reason in enumerate(["not_json", "null_value", "not_utf8"]):
            found = explained(offset)
            assert (found["dead_letter"]["reason"], found["dead_letter"]["recorded"]) == (reason, False)
            assert (found["event"], found["cost_usd"], found["steps"]) == (None, None, [])
        said = words(run("explain", "1", "0").stdout)
        assert "A dead letter: not_json." in said

    def test_by_what_the_worker_wrote(self, log: Log) -> None:
        """An event that lay in the future then may be good by now."""
        log.publish(encoded(occurred_at=AT_MS), encoded(occurred_at=AT_MS))
        log.refused(1, Reason.IN_THE_FUTURE, "another one")
        log.refused(0, Reason.NOT_JSON, "of another topic", topic="elsewhere")
        log.refused(0, Reason.IN_THE_FUTURE, "it was ahead of the clock")
        log.applied(2)
        found = explained()
        assert found["dead_letter"] == {
            "reason": "in_the_future",
            "field": "",
            "detail": "it was ahead of the clock",
            "recorded": True,
        }
        assert found["cost_usd"] is None
        said = words(run("explain", "1", "0").stdout)
        assert "A dead letter: in_the_future. it was ahead of the clock It is on dead-letters." in said

    def test_that_no_worker_has_seen(self, log: Log) -> None:
        log.publish(encoded(occurred_at=FAR_MS))
        assert explained()["dead_letter"]["reason"] == "in_the_future"
        assert words(run("explain", "1", "0").stdout).endswith("No worker has come to this offset yet.")

    def test_that_retention_has_removed(self, log: Log) -> None:
        log.publish(b"{broken")
        log.applied(1)
        assert words(run("explain", "1", "0").stdout).endswith("Its dead letter is no longer kept.")


class TestNoRecord:
    """Offsets and partitions without one."""

    def test_after_the_end(self, log: Log) -> None:
        log.publish(encoded(occurred_at=AT_MS))
        assert "There is no offset 1 of partition 1" in run("explain", "1", "1", code=1).stderr

    @pytest.mark.needs("transactions", "aborted-transactions")
    def test_a_transaction_marker(self, log: Log, settings: Settings) -> None:
        commit(settings, log.topics.usage.name, [encoded(occurred_at=AT_MS).decode()], partition=1)
        assert "a transaction's marker" in run("explain", "1", "1", code=1).stderr
        assert explained()["cost_usd"] == "0.0045"

    @pytest.mark.usefixtures("log")
    def test_of_a_partition_that_is_none(self) -> None:
        assert "there is no 9" in run("explain", "9", "0", code=1).stderr

    def test_of_no_topic(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        reach(settings, monkeypatch)
        assert "does not exist" in run("explain", "0", "0", code=1).stderr

    def test_of_silent_brokers(self, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("burnline.cli.explain.TIMEOUT_S", 0.5)
        reach(make_settings(kafka_bootstrap_servers="127.0.0.1:1"), monkeypatch)
        assert run("explain", "0", "0", code=1).stderr

    @pytest.mark.parametrize("arguments", [("-1", "0"), ("0", "x"), ("0",)])
    def test_of_arguments_that_name_none(self, arguments: tuple[str, ...]) -> None:
        run("explain", *arguments, code=2)


def test_a_value_with_markup_is_shown_as_it_is(log: Log) -> None:
    log.publish(encoded(occurred_at=AT_MS, model="[red]x[/red]"))
    assert "[red]x[/red]" in run("explain", "1", "0").stdout
    assert json.loads(explained()["value"])["model"] == "[red]x[/red]"
