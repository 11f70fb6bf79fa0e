"""What the demo's API says of an hour: the same sums as `Decimal` gives, by day of several zones, org, agent, model."""

import json
import signal
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest

from burnline.kafka import client_config
from burnline.settings import Settings, load_settings
from burnline.topics.catalogue import topics_for
from burnline.topics.reading import read_to_end
from tests.demo.processes import demo
from tests.demo.published_rates import cost_usd
from tests.demo.test_run import SPEED

END_WITHIN_S = 30.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Events = list[dict[str, Any]]


class Sum(NamedTuple):
    """Events and their cost in USD."""

    events: int
    usd: Decimal


class Hour(NamedTuple):
    """A demo whose trace is over, still up: where its API is, and the events that it has published."""

    api: str
    events: Events


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hour]:
    folder = tmp_path_factory.mktemp("demo")
    with demo("--speed", SPEED, folder=folder) as run:
        _, _, address, *_ = run.wait_for_line("^embedded broker").replace(",", "").split()
        docs = run.wait_for_line("^the API has it all").split()[-1]
        yield Hour(docs.removesuffix("/docs"), published_on(load_settings(kafka_bootstrap_servers=address)))
        run.interrupt(signal.SIGINT)
        assert run.end(END_WITHIN_S) == 0, run.output
        assert run.family() == {}


def published_on(settings: Settings) -> Events:
    spec = topics_for(settings).usage
    batches = read_to_end(client_config(settings), spec.name, range(spec.partitions), timeout_s=20)
    return [json.loads(message.value() or b"") for batch in batches for message in batch]


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  # our own http address
        body: bytes = answer.read()
    return body


def asked(hour: Hour, path: str, **parameters: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(get(f"{hour.api}/api/v1/finops/{path}?{urlencode(parameters)}"))
    return found


def summed(events: Events, key: Callable[[dict[str, Any]], str]) -> dict[str, Sum]:
    sums: dict[str, Sum] = defaultdict(lambda: Sum(0, Decimal(0)))
    for event in events:
        before = sums[key(event)]
        sums[key(event)] = Sum(before.events + 1, before.usd + cost_usd(event))
    return dict(sums)


def sum_in(used: dict[str, Any]) -> Sum:
    return Sum(used["events"], Decimal(used["cost_usd"]))


def day_in(tz: str) -> Callable[[dict[str, Any]], str]:
    zone = ZoneInfo(tz)
    return lambda event: (EPOCH + timedelta(milliseconds=event["occurred_at"])).astimezone(zone).date().isoformat()


def where_midnight_was(events: Events) -> str:
    """A zone in which the last whole hour of the trace was midnight; its names count westwards."""
    hour = max(event["occurred_at"] for event in events) // 3_600_000 % 24
    return f"Etc/GMT+{hour}" if hour <= 12 else f"Etc/GMT-{24 - hour}"


@pytest.mark.parametrize("tz", ["UTC", "Asia/Kolkata", "where midnight was"])
def test_days_of_a_zone(hour: Hour, tz: str) -> None:
    zone = where_midnight_was(hour.events) if tz == "where midnight was" else tz
    expected = summed(hour.events, day_in(zone))
    answer = asked(hour, "trends", tz=zone)
    (series,) = answer["series"]
    found = {day["date"]: sum_in(day) for day in series["days"]}
    assert {date: one for date, one in found.items() if one.events} == expected
    assert (
        sum_in(answer["total"]) == sum_in(series) == Sum(len(hour.events), sum(map(cost_usd, hour.events), Decimal(0)))
    )
    assert answer["unpriced"]["tokens"] == 0


@pytest.mark.parametrize("dimension", ["org_id", "agent_id", "model"])
def test_groups(hour: Hour, dimension: str) -> None:
    expected = summed(hour.events, lambda event: str(event[dimension]))
    rows = asked(hour, "allocations", group_by=dimension)["allocations"]
    found = {row["group"][dimension]: sum_in(row) for row in rows}
    costs = [sum_in(row).usd for row in rows]
    assert found == expected
    assert len(found) == len(rows)
    assert costs == sorted(costs, reverse=True)


def test_the_docs_page_is_there(hour: Hour) -> None:
    assert b"<title>Burnline" in get(f"{hour.api}/docs")
