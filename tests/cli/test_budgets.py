"""`burnline budgets` on a real broker: set, listed, applied and removed; and shown, equal to the ledgers."""

import json
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from burnline.budgets.budget import Budget
from burnline.cli.times import clock_ms
from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.compacted import read_newest, write_key
from burnline.topics.ensure import ensure_topics
from tests.audit.working import event, publish, work_off
from tests.brokers import MakeSettings
from tests.cli.reach import objects, reach, run, words

TIMEOUT_S = 60.0


@pytest.fixture
def topic(make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The command line reaches the broker, and the topics exist: two partitions of usage."""
    settings = make_settings(partitions=2)
    monkeypatch.setenv("BURNLINE_PARTITIONS", "2")
    reach(settings, monkeypatch)
    ensure_topics(settings)
    return settings


def held(settings: Settings) -> dict[str, Budget]:
    found = read_newest(client_config(settings), topics_for(settings).budgets, timeout_s=TIMEOUT_S)
    return {key.decode(): Budget.parse(key, value) for key, value in found.items()}


def until_held(settings: Settings, *keys: str) -> None:
    """A commit is answered before all that it wrote can be read."""
    deadline = time.monotonic() + TIMEOUT_S
    while sorted(held(settings)) != list(keys):
        assert time.monotonic() < deadline, sorted(held(settings))
        time.sleep(0.05)


def test_set_writes_a_record_of_the_contract_under_its_key(topic: Settings) -> None:
    said = words(run("budgets", "set", "agent", "acme/bot", "250.50", "--period", "day", "--threshold", "90").stdout)
    assert said == "agent/acme/bot@day: 250.5 USD per day (UTC), told at 90 % Before: none"
    (budget,) = held(topic).values()
    assert (budget.key(), budget.amount_usd, budget.thresholds_percent) == ("agent/acme/bot@day", "250.5", (90,))
    assert budget.updated_at is not None
    run("budgets", "set", "org", "acme", "5000", "--time-zone", "Asia/Tokyo")
    assert sorted(held(topic)) == ["agent/acme/bot@day", "org/acme@month"]
    (first, second) = objects("budgets", "list")
    assert (first["key"], second["key"]) == ("org/acme@month", "agent/acme/bot@day")
    assert "told at" in run("budgets", "list").stdout


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        pytest.param(["agent", "acme/bot", "much"], "amount_usd=much", id="no amount"),
        pytest.param(["agent", "acme/bot", "1", "--period", "year"], "period=year", id="no period"),
        pytest.param(["agent", "acme/bot", "1", "--time-zone", "Mars"], "time_zone=Mars", id="no zone"),
        pytest.param(["agent", "acme", "1"], "WHO=acme", id="no agent"),
        pytest.param(["org", "acme/bot", "1"], "WHO=acme/bot", id="no organisation"),
        pytest.param(["team", "acme/", "1"], "name is missing", id="no team"),
    ],
)
def test_set_names_mistakes_before_it_asks_a_broker(arguments: list[str], named: str) -> None:
    assert named in run("budgets", "set", *arguments, code=2).stderr


def test_remove_takes_one_away(topic: Settings) -> None:
    assert "burnline budgets set org ORG 500" in run("budgets", "show", code=1).stderr
    (outcome,) = objects("budgets", "set", "agent", "acme/bot", "3", "--dry-run")
    assert (outcome["key"], outcome["written"]) == ("agent/acme/bot@month", False)
    assert held(topic) == {}
    run("budgets", "set", "agent", "acme/*", "3", "--period", "hour")
    refused = run("budgets", "remove", "agent", "acme/*", code=1).stderr
    assert refused == "There is no budget agent/acme/*@month. There is agent/acme/*@hour.\n"
    run("budgets", "remove", "agent", "acme/*", "--period", "hour", "--dry-run")
    assert len(held(topic)) == 1
    run("budgets", "remove", "agent", "acme/*", "--period", "hour")
    assert held(topic) == {}


FILE = """
[[budgets]]
scope = "org"
org_id = "acme"
amount_usd = "5000"

[[budgets]]
scope = "agent"
org_id = "acme"
name = "*"
amount_usd = "20"
period = "day"
time_zone = "Europe/Berlin"
thresholds_percent = [80, 100]
"""


@pytest.mark.needs("transactions")
def test_apply_makes_it_as_the_file_says(topic: Settings, tmp_path: Path) -> None:
    file = tmp_path / "budgets.toml"
    file.write_text(FILE)
    run("budgets", "set", "team", "acme/platform", "7")
    assert words(run("budgets", "apply", str(file), "--dry-run").stdout).endswith("2 to change. Nothing is written.")
    assert list(held(topic)) == ["team/acme/platform@month"]
    assert [(each["key"], each["what"]) for each in objects("budgets", "apply", str(file), "--prune")] == [
        ("agent/acme/*@day", "add"),
        ("org/acme@month", "add"),
        ("team/acme/platform@month", "remove"),
    ]
    until_held(topic, "agent/acme/*@day", "org/acme@month")
    assert words(run("budgets", "apply", str(file)).stdout) == "2 budgets in the file, 0 to change. Nothing is written."
    file.write_text(FILE.replace('"20"', '"30"'))
    assert [(each["key"], each["what"]) for each in objects("budgets", "apply", str(file))] == [
        ("agent/acme/*@day", "change")
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("budget = 1", "'budget' is none of its words", id="an unknown word"),
        pytest.param("", "[[budgets]] is wanted", id="nothing"),
        pytest.param("[[budgets]]\nscope = 'org'", "budget 1: org_id: Field required", id="too little"),
        pytest.param(FILE + FILE, "budget 3: org/acme@month stands there twice", id="one twice"),
        pytest.param("[[", "(at end of document)", id="no TOML"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "budgets.toml"
    file.write_text(content)
    assert said in run("budgets", "apply", str(file), code=2).stderr


def test_records_that_are_no_budgets_are_named_and_left_out(topic: Settings) -> None:
    write_key(client_config(topic), topics_for(topic).budgets, "org/acme@day", b"[]", timeout_s=TIMEOUT_S)
    result = run("budgets", "list", "--json")
    assert result.stdout == ""
    assert 'Left out: budget "org/acme@day"' in result.stderr


@pytest.mark.needs("transactions")
def test_what_is_shown_equals_the_ledgers_at_the_offsets_shown(topic: Settings) -> None:
    """By `verify`, which counts the log anew: the same events, the same sum, up to the same offsets."""
    at: dict[str, Any] = {"occurred_at": clock_ms()}
    publish(topic, event(1, **at), event(2, "s-2", team_id="t", **at), b"bad", event(2, "s-2", team_id="t", **at))
    publish(topic, event(3, "s-3", agent_id="other", **at), event(4, "s-4", org_id="beta", **at), partition=1)
    work_off(topic)
    publish(topic, event(5, **at))  # which no ledger holds yet
    run("budgets", "set", "org", "*", "0.1", "--period", "rolling-24h")
    run("budgets", "set", "agent", "acme/*", "1", "--period", "rolling-24h")
    run("budgets", "set", "team", "acme/t", "0.05", "--period", "rolling-24h")
    shown = objects("budgets", "show")
    assert {json.dumps(one["offsets"]) for one in shown} == {'{"0": 4, "1": 2}'}
    assert [(one["scope"], one["org_id"], one["name"], one["spent_usd"], one["saturation"]) for one in shown] == [
        ("org", "acme", "", "0.075", "0.7500"),
        ("team", "acme", "t", "0.025", "0.5000"),
        ("org", "beta", "", "0.025", "0.2500"),
        ("agent", "acme", "agent-7", "0.05", "0.0500"),
        ("agent", "acme", "other", "0.025", "0.0250"),
    ]
    report = json.loads(run("verify", "--json").stdout)
    assert report["agrees"]
    everybody = sum(Fraction(one["spent_usd"]) for one in shown if one["scope"] == "org")
    assert everybody == Fraction(report["counted"]["cost_usd"])
    assert [one["offsets"] for one in objects("budgets", "show", "team", "acme/t")] == [{"0": 4, "1": 2}]
    assert "All events up to 0/4, 1/2 (partition/offset) are in." in words(run("budgets", "show").stdout)
    work_off(topic)
    assert {json.dumps(one["offsets"]) for one in objects("budgets", "show")} == {'{"0": 5, "1": 2}'}
