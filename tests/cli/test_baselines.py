"""`burnline baselines`: set, listed and deleted on a real broker."""

import json

import pytest

from burnline.cli.times import clock_ms
from burnline.detection.baseline import Baseline
from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.compacted import read_newest, write_key
from burnline.topics.ensure import ensure_topics
from tests.cli.reach import objects, reach, run, words

TIMEOUT_S = 60.0


@pytest.fixture
def topic(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The command line reaches the broker, and the topics exist."""
    reach(settings, monkeypatch)
    ensure_topics(settings)
    return settings


def held(settings: Settings) -> dict[bytes, bytes]:
    return read_newest(client_config(settings), topics_for(settings).baselines, timeout_s=TIMEOUT_S)


def test_set_writes_a_record_of_the_contract_under_its_key(topic: Settings) -> None:
    before_ms = clock_ms()
    said = words(run("baselines", "set", "acme", "agent-7", "2.50", "--multiplier", "4", "--source", "ops").stdout)
    ((key, value),) = held(topic).items()
    assert key == b"acme/agent-7"
    written = json.loads(value)
    assert before_ms <= written.pop("updated_at") <= clock_ms()
    assert written == {
        "org_id": "acme",
        "agent_id": "agent-7",
        "usd_per_hour": "2.5",
        "multiplier": "4",
        "source": "ops",
    }
    assert Baseline.parse(key, value).key() == "acme/agent-7"
    assert said == (
        "acme/agent-7: 2.5 USD/h × 4, an anomaly above 10 USD/h (by acme/agent-7) "
        "Before: 1 USD/h × 5, an anomaly above 5 USD/h (by default)"
    )


def test_set_as_json_tells_where_it_stands(topic: Settings) -> None:
    (outcome,) = objects("baselines", "set", "*", "*", "3")
    assert (outcome["key"], outcome["partition"], outcome["offset"]) == ("*/*", 0, 0)
    assert outcome["usd_per_hour"] == "3"


def test_a_wider_baseline_shows_below_a_deleted_one(topic: Settings) -> None:
    run("baselines", "set", "acme", "*", "3")
    said = words(run("baselines", "set", "acme", "agent-7", "2").stdout)
    assert said.endswith("Before: 3 USD/h × 5, an anomaly above 15 USD/h (by acme/*)")
    said = words(run("baselines", "delete", "acme", "agent-7").stdout)
    assert said == "acme/agent-7: deleted. Now: 3 USD/h × 5, an anomaly above 15 USD/h (by acme/*)"
    assert list(held(topic)) == [b"acme/*"]


def test_delete_of_nothing_fails(topic: Settings) -> None:
    assert run("baselines", "delete", "acme", "agent-7", code=1).stderr == "There is no baseline acme/agent-7.\n"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        pytest.param(["acme", "a", "much"], "usd_per_hour=much", id="no amount"),
        pytest.param(["acme", "a", "1", "--multiplier", "0"], "multiplier=0", id="no multiplier"),
        pytest.param(["", "a", "1"], "org_id=", id="no org"),
    ],
)
def test_set_names_mistakes_and_writes_nothing(topic: Settings, arguments: list[str], named: str) -> None:
    assert named in run("baselines", "set", *arguments, code=2).stderr
    assert held(topic) == {}


def test_list_shows_all_in_order_above_the_default(topic: Settings) -> None:
    run("baselines", "set", "[bold]org", "agent-7", "2", "--multiplier", "2.5")
    run("baselines", "set", "*", "agent-7", "0")
    rows = [words(line) for line in run("baselines", "list").stdout.splitlines()[1:]]
    assert rows[0].startswith("* agent-7 0 5 0 manual 20")
    assert rows[1].startswith("[bold]org agent-7 2 2.5 5 manual 20")
    assert rows[2:] == ["any any 1 5 5 settings"]
    assert [each["key"] for each in objects("baselines", "list")] == ["*/agent-7", "[bold]org/agent-7"]


def test_records_that_are_no_baselines_are_named_and_left_out(topic: Settings) -> None:
    spec = topics_for(topic).baselines
    write_key(client_config(topic), spec, "acme/agent-7", b"[]", timeout_s=TIMEOUT_S)
    result = run("baselines", "list", "--json")
    assert result.stdout == ""
    assert 'Left out: baseline "acme/agent-7"' in result.stderr


def test_set_creates_the_topics_where_they_are_missing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    reach(settings, monkeypatch)
    run("baselines", "set", "acme", "agent-7", "2")
    assert list(held(settings)) == [b"acme/agent-7"]
