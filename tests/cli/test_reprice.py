"""`burnline reprice` against a real broker: what was charged stays, differences stand on a topic of their own."""

import json
from typing import Any

import pytest

from burnline.cli.root import EXIT_MISTAKE
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.ensure import ensure_topics
from tests.audit.working import T0, event, newest, publish, work_off
from tests.brokers import MakeSettings
from tests.cli.reach import objects, reach, run, words

FROM = ("--from", str(T0 - 1))
RATE = ("rates", "set", "*", "gpt-4o", "--input", "1", "--output", "1", "--effective-from", str(T0 + 2_000), "--yes")


@pytest.fixture
def worked(make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Three events of gpt-4o on two partitions and one of nobody's model, charged by the catalogue."""
    settings = make_settings(partitions=2)
    ensure_topics(settings)
    reach(settings, monkeypatch)
    monkeypatch.setenv("BURNLINE_PARTITIONS", "2")
    publish(settings, event(1), event(2, "s-2"), event(2, "s-2"), event(5, model="house-model"))
    publish(settings, event(4, "s-3"), partition=1)
    work_off(settings)
    return settings


def adjusted(settings: Settings) -> dict[str, bytes]:
    return newest(settings, topics_for(settings).adjustments.name)


def written(found: dict[str, bytes]) -> list[tuple[int, str, int, str, str]]:
    rows: list[dict[str, Any]] = [json.loads(value) for value in found.values()]
    return sorted(
        (row["source_partition"], row["model"], row["events"], row["charged_usd"], row["corrected_usd"]) for row in rows
    )


@pytest.mark.broker
def test_a_rate_of_the_past_makes_adjustments_once(worked: Settings) -> None:
    assert "left as they are" not in run("reprice", *FROM).output, "by the same prices nothing differs"
    assert adjusted(worked) == {}
    before = newest(worked, topics_for(worked).usage_rollups.name)

    run(*RATE)
    told = words(run("reprice", *FROM, "--dry-run").output)
    assert "2 differ" in told
    assert adjusted(worked) == {}, "a dry run only shows"

    run("reprice", *FROM, "--yes")
    once = adjusted(worked)
    # Of the first partition the event before the rate's date costs 0.025 USD as before, and the one at it 0.01 USD.
    assert written(once) == [(0, "gpt-4o", 2, "0.05", "0.035"), (1, "gpt-4o", 1, "0.025", "0.01")]
    assert [each["corrected_usd"] for each in objects("reprice", "list")] == ["0.035", "0.01"]
    assert "total 3 0.075 0.045 -0.03" in words(run("reprice", "list", "--by", "org").output)

    run("reprice", *FROM, "--yes")
    assert adjusted(worked) == once, "to do it twice comes to the same, and is not written again"
    assert newest(worked, topics_for(worked).usage_rollups.name) == before, "what was charged stays"

    run("rates", "remove", "*", "gpt-4o", "--effective-from", str(T0 + 2_000))
    run("reprice", *FROM, "--yes")
    assert adjusted(worked) == {}, "what is right again is taken back"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["reprice"], "--from", id="no-beginning"),
        pytest.param(["reprice", "--from", "2026-01-02", "--to", "2026-01-01"], "--to", id="an-end-before-it"),
        pytest.param(["reprice", "list", "--by", "colour"], "'colour' is none of org", id="no-field"),
        pytest.param(["reprice", "--dry-run", "list"], "behind list", id="options-of-the-other"),
    ],
)
def test_what_makes_no_sense_is_a_mistake_by_name(arguments: list[str], told: str) -> None:
    assert told in words(run(*arguments, code=EXIT_MISTAKE).output)
