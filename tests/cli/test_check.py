"""`burnline check`: what is in force, and with --connect whether it is there."""

import json
from pathlib import Path
from typing import Any

import pytest

from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.ensure import ensure_topics
from tests.cli.reach import reach, run, words

AWAY = "127.0.0.1:1"


def connected(code: int) -> dict[str, dict[str, Any]]:
    """What was found, by what was asked."""
    found = json.loads(run("check", "--connect", "--json", code=code).stdout)["connect"]
    return {finding["what"]: finding for finding in found}


def test_it_says_what_counts() -> None:
    assert "Ledgers are counted by the C kernel." in run("check").stdout


def test_it_says_why_python_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNLINE_KERNEL", "python")
    said = words(run("check").stdout)
    assert "Ledgers are counted by Python, to the same sums and slower: it is switched off" in said


def test_it_says_which_of_kubernetes_variables_it_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNLINE_API_PORT", "tcp://10.0.0.1:8080")
    monkeypatch.setenv("BURNLINE_API_SERVICE_HOST", "10.0.0.1")
    said = run("check").stdout
    assert "BURNLINE_API_PORT is left out" in said
    assert "BURNLINE_API_SERVICE_HOST" not in said


def test_all_is_there(settings: Settings, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure_topics(settings)
    reach(settings, monkeypatch)
    monkeypatch.setenv("BURNLINE_REDIS_URL", redis_url)
    monkeypatch.setenv("BURNLINE_WORKER_DATA_DIR", str(tmp_path / "new"))
    monkeypatch.setenv("BURNLINE_APP_ID", settings.app_id)
    found = connected(0)
    topics = {spec.name for spec in topics_for(settings)}
    ids = f"transactional ids {settings.app_id}-0 to {settings.app_id}-{settings.partitions - 1}"
    assert (
        set(found)
        == {"brokers", "redis", "prices", "BURNLINE_WORKER_DATA_DIR", f"group {settings.app_id}", ids} | topics
    )


def test_topics_that_are_missing_or_other_than_wanted_are_named(
    settings: Settings, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach(settings, monkeypatch)
    monkeypatch.setenv("BURNLINE_REDIS_URL", redis_url)
    usage = topics_for(settings).usage.name
    assert "topics ensure" in connected(1)[usage]["detail"]
    ensure_topics(settings)
    monkeypatch.setenv("BURNLINE_PARTITIONS", "7")
    assert connected(1)[usage]["detail"] == f"{settings.partitions} partitions; 7 are wanted"


def test_what_is_away_is_named_with_its_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BURNLINE_KAFKA_BOOTSTRAP_SERVERS", AWAY)
    monkeypatch.setenv("BURNLINE_REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("BURNLINE_KAFKA_SSL_CA_LOCATION", str(tmp_path / "none.pem"))
    found = connected(1)
    assert {what for what, finding in found.items() if not finding["well"]} == {
        "brokers",
        "BURNLINE_REDIS_URL",
        "BURNLINE_KAFKA_SSL_CA_LOCATION",
    }
    assert "BURNLINE_KAFKA_BOOTSTRAP_SERVERS" in found["brokers"]["detail"]
    assert "none.pem" in found["BURNLINE_KAFKA_SSL_CA_LOCATION"]["detail"]
