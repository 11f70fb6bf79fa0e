"""`burnline topics`: listed without a broker, made and checked on a real one."""

import pytest

from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from tests.cli.reach import objects, reach, run
from tests.topics.making import make_topic


def test_list_says_what_each_topic_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNLINE_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")  # not asked
    monkeypatch.setenv("BURNLINE_TOPIC_PREFIX", "money.")
    listed = run("topics", "list").stdout
    for text in ("money.usage", "7 days", "money.sessions", "newest of each key", "Baselines in force"):
        assert text in listed
    described = {topic["name"]: topic for topic in objects("topics", "list")}
    assert described["money.dead-letters"]["partitions"] == 4
    assert described["money.dead-letters"]["config"]["retention.ms"] == "2592000000"


def test_ensure_creates_and_then_finds(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    reach(settings, monkeypatch)
    first = run("topics", "ensure").stdout
    assert f"{settings.topic_prefix}usage: created, 4 partitions, 7 days" in first
    assert f"{settings.topic_prefix}baselines: created, 1 partition, newest of each key" in first
    assert "was there" not in first
    second = objects("topics", "ensure")
    assert [topic["name"] for topic in second] == [spec.name for spec in topics_for(settings)]
    assert not any(topic["created"] or topic["differences"] for topic in second)


def test_ensure_names_a_mismatch_and_fails(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    reach(settings, monkeypatch)
    topic = make_topic(settings, "sessions", partitions=5)
    result = run("topics", "ensure", code=1)
    assert result.stderr.strip() == f"Topic {topic} has 5 partitions, wanted are 4."
    assert result.stdout == ""


def test_ensure_tells_another_retention_and_goes_on(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    reach(settings, monkeypatch)
    topic = make_topic(settings, "usage", partitions=4, config={"retention.ms": "1000", "cleanup.policy": "delete"})
    told = run("topics", "ensure").stdout
    assert f"{topic}: was there" in told
    assert "retention.ms is 1000, wanted is 604800000" in told
    found = {entry["name"]: entry for entry in objects("topics", "ensure")}
    assert {"config": "retention.ms", "found": "1000", "wanted": "604800000"} in found[topic]["differences"]
