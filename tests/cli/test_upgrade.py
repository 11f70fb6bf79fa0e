"""`burnline upgrade check` against a real broker: what is missing, differs, cannot be read; nothing is changed."""

import json
from pathlib import Path
from typing import Any

import pytest

from burnline import asyncapi
from burnline.detection.baseline import Baseline
from burnline.kafka import client_config
from burnline.settings import Settings, load_settings
from burnline.topics.catalogue import topics_for
from burnline.topics.compacted import write_key
from burnline.topics.ensure import ensure_topics, planned
from burnline.upgrades.records import READERS
from tests.brokers import MakeSettings
from tests.cli.reach import objects, reach, run


@pytest.fixture
def settings(make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Topics of the test's own, none of them made; and no API."""
    settings = make_settings(api_port=1)
    reach(settings, monkeypatch)
    monkeypatch.setenv("BURNLINE_API_PORT", "1")
    return settings


def report(*arguments: str, code: int = 0) -> dict[str, Any]:
    (found,) = objects("upgrade", "check", *arguments, code=code)
    return found


def put(settings: Settings, role: str, key: str, value: bytes) -> None:
    write_key(client_config(settings), getattr(topics_for(settings), role), key, value, timeout_s=20)


def test_what_is_not_there_would_be_created_and_is_not(settings: Settings) -> None:
    found = report()
    assert found["stops"] == []
    assert len(found["topics"]) == len(topics_for(settings))
    assert "is not there: `burnline topics ensure` creates it" in found["topics"][0]
    assert len(planned(settings).missing) == len(topics_for(settings))


def test_records_are_read_as_at_work(settings: Settings) -> None:
    ensure_topics(settings)
    baseline = Baseline.model_validate({"org_id": "acme", "agent_id": "coder", "usd_per_hour": "2"})
    put(settings, "baselines", baseline.key(), baseline.model_dump_json(exclude_none=True).encode())
    found = report()
    assert found["stops"] == []
    assert f"{settings.topic_prefix}baselines: 1 of 1 can be read" in found["records"]
    assert len(found["records"]) == len(READERS)
    assert "not compared: no running API at http://127.0.0.1:1" in found["contracts"][0]


def test_a_ledger_of_a_version_to_come_stands_in_the_way(settings: Settings) -> None:
    ensure_topics(settings)
    put(settings, "sessions", '["acme","s-1"]', b'{"version":99}')
    (stop,) = report(code=1)["stops"]
    assert stop.startswith(f"{settings.topic_prefix}sessions: 1 records cannot be read: ")


def test_too_few_partitions_stand_in_the_way(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure_topics(settings)
    monkeypatch.setenv("BURNLINE_PARTITIONS", "8")
    stops = report(code=1)["stops"]
    assert f"Topic {settings.topic_prefix}usage has 4 partitions, wanted are 8." in stops[0]


def test_contracts_are_compared_with_what_ran_before(settings: Settings, tmp_path: Path) -> None:
    ensure_topics(settings)
    before = asyncapi.document(load_settings(topic_prefix=settings.topic_prefix))
    del before["components"]["schemas"]["usage"]["properties"]["team_id"]
    before["info"]["version"] = "0.0.9"
    file = tmp_path / "before.json"
    file.write_text(json.dumps(before))
    found = report("--against", str(file))
    assert (found["running"], found["contracts"]) == ("0.0.9", ["contract usage: team_id is new"])
    assert "running 0.0.9, installed " in run("upgrade", "check", "--against", str(file)).stdout


@pytest.mark.parametrize(
    ("against", "said"),
    [
        pytest.param("absent.json", "No such file", id="no file"),
        pytest.param("ftp://host", "neither a file nor an http(s) address", id="no address"),
        pytest.param("http://127.0.0.1:1", "refused", id="nobody there"),
    ],
)
def test_what_cannot_be_compared_with_is_said(settings: Settings, against: str, said: str) -> None:
    assert said in run("upgrade", "check", "--against", against, code=2).stderr
