"""`burnline backup` and `restore` on a real broker: what was set, counted, and the tokens, into fresh topics."""

import json
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from burnline.archive import backup as room
from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.compacted import read_newest
from burnline.topics.ensure import ensure_topics
from burnline.topics.reading import read_to_end
from tests.audit.working import event, publish, put, work_off
from tests.brokers import MakeSettings, remove_topics
from tests.cli.reach import objects, reach, run
from tests.kafka.base import Broker

Move = Callable[[], Settings]
"""Lets commands work with other topics and keys from now on; gives their settings."""


@pytest.fixture
def settings(make_settings: MakeSettings, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Topics on which somebody has set and counted something; a Redis with a token."""
    settings = make_settings(partitions=2)
    ensure_topics(settings)
    reach(settings, monkeypatch)
    monkeypatch.setenv("BURNLINE_PARTITIONS", "2")
    monkeypatch.setenv("BURNLINE_REDIS_URL", redis_url)
    run("baselines", "set", "acme", "agent-7", "2")
    run("budgets", "set", "org", "acme", "10", "--period", "day")
    run("tokens", "create", "--name", "me")
    publish(settings, event(1), event(2), event(2))
    publish(settings, event(3, "s-2"), partition=1)
    work_off(settings)
    return settings


@pytest.fixture
def elsewhere(settings: Settings, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Move]:
    """Where to restore to: other topics and keys; none of them there."""
    prefix = f"t{uuid.uuid4().hex[:12]}."

    def move() -> Settings:
        monkeypatch.setenv("BURNLINE_TOPIC_PREFIX", prefix)
        monkeypatch.setenv("BURNLINE_REDIS_PREFIX", "restored:")
        return settings.model_copy(update={"topic_prefix": prefix, "redis_prefix": "restored:", "app_id": prefix})

    yield move
    remove_topics(broker, prefix)


def values(settings: Settings, role: str) -> dict[bytes, bytes]:
    return read_newest(client_config(settings), getattr(topics_for(settings), role), timeout_s=20)


def told(*arguments: str, code: int = 0) -> dict[str, Any]:
    (found,) = objects("restore", *arguments, code=code)
    return found


def test_what_was_set_is_restored_and_a_second_time_changes_nothing(
    settings: Settings, elsewhere: Move, tmp_path: Path
) -> None:
    file = str(tmp_path / "backup")
    (counts,) = objects("backup", file)
    assert (counts["baselines"], counts["budgets"], counts["tokens"]) == (1, 1, 1)
    assert "sessions" not in counts
    before = {role: values(settings, role) for role in ("baselines", "budgets")}
    there = elsewhere()
    planned = told(file, "--dry-run")
    assert planned["topics"]["baselines"] == {"new": 1, "differing": 0, "same": 0}
    assert objects("tokens", "list") == []
    done = told(file)
    assert (done["topics"], done["tokens"]) == (planned["topics"], {"new": 1, "same": 0})
    assert {role: values(there, role) for role in before} == before
    assert [each["name"] for each in objects("tokens", "list")] == ["me"]
    run("baselines", "set", "acme", "agent-7", "3")
    again = told(file)
    assert again["topics"]["baselines"] == {"new": 0, "differing": 1, "same": 0}
    assert (again["topics"]["budgets"]["same"], again["tokens"]) == (1, {"new": 0, "same": 1})
    assert values(there, "baselines") == before["baselines"]


@pytest.mark.long
def test_what_was_counted_goes_on_elsewhere(
    settings: Settings, elsewhere: Move, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = str(tmp_path / "backup")
    run("backup", file, "--state")
    before = {each["session_id"]: each["cost_usd"] for each in objects("sessions")}
    assert len(before) == 2
    monkeypatch.setenv("BURNLINE_PARTITIONS", "4")
    assert "sessions has 2 partitions there, and 4 by the settings" in run("restore", file, "--state", code=2).stderr
    monkeypatch.setenv("BURNLINE_PARTITIONS", "2")
    there = elsewhere()
    assert told(file, "--state", "--dry-run")["topics"]["sessions"]["new"] >= 2
    run("restore", file, "--state")
    assert {each["session_id"]: each["cost_usd"] for each in objects("sessions")} == before
    assert "holds records: state is restored into topics that never held any" in run(
        "restore", file, "--state", code=1
    ).stderr  # fmt: skip
    run("adopt")
    publish(there, event(2), event(4))
    work_off(there)
    found = {each["session_id"]: Decimal(each["cost_usd"]) for each in objects("sessions")}
    assert found["s-1"] == Decimal(before["s-1"]) + Decimal("0.025")  # event 2 was counted before
    assert found["s-2"] == Decimal(before["s-2"])


@pytest.mark.long
def test_state_that_moves_is_of_no_one_moment(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = read_to_end

    def meanwhile(*arguments: Any, **named: Any) -> Any:
        put(settings, topics_for(settings).sessions.name, [("k", None)])
        return read(*arguments, **named)

    monkeypatch.setattr(room, "read_to_end", meanwhile)
    assert "workers wrote while it was read" in run("backup", str(tmp_path / "backup"), "--state", code=1).stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_a_second_set_of_sums_beside_the_first(
    settings: Settings, elsewhere: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    blue = {each["session_id"]: each["cost_usd"] for each in objects("sessions")}
    usage = topics_for(settings).usage.name
    monkeypatch.setenv("BURNLINE_USAGE_TOPIC", usage)
    green = elsewhere().model_copy(update={"usage_topic": usage})
    ensure_topics(green)
    work_off(green)
    assert {each["session_id"]: each["cost_usd"] for each in objects("sessions")} == blue
    run("verify")


def test_a_file_that_is_there_is_not_written_over(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    file.write_text("mine")
    assert "is there already" in run("backup", str(file), code=2).stderr
    assert "is damaged, or no backup" in run("restore", str(file), code=2).stderr
    assert file.read_text() == "mine"


def test_without_state_and_tokens_there_are_none(settings: Settings, tmp_path: Path) -> None:
    file = str(tmp_path / "backup")
    run("backup", file, "--no-tokens")
    assert "was made without --state" in run("restore", file, "--state", code=2).stderr
    assert json.loads(run("restore", file, "--json").stdout)["tokens"] == {"new": 0, "same": 0}
