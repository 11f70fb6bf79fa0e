"""`burnline verify` against a real broker: what is honest agrees, what is wrong is named, and nothing is written."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from burnline.audit import cut
from burnline.audit import run as audit_run
from burnline.cli.reference import EXIT_FAILED
from burnline.cli.root import EXIT_MISTAKE
from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.ensure import ensure_topics
from tests.audit.working import T0, Careless, event, make_topics_of_any_time, newest, publish, put, work_off
from tests.brokers import MakeSettings
from tests.cli.reach import reach, run, words
from tests.faults.workers import WorkerSlot
from tests.ledger.examples import named
from tests.topics.making import admin

DAY_MS = 86_400_000


@pytest.fixture
def settings(make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Two partitions whose topics exist; the command line reads the same settings."""
    settings = make_settings(partitions=2)
    ensure_topics(settings)
    reach(settings, monkeypatch)
    monkeypatch.setenv("BURNLINE_PARTITIONS", "2")
    return settings


@pytest.fixture
def worked(settings: Settings) -> Settings:
    """Two sessions on partition 0, one of them on partition 1 too, and two bad events, worked off."""
    publish(settings, event(1), event(2, "s-2"), b"bad", event(3), event(3))
    publish(settings, event(4, "s-2"), b"bad", partition=1)
    work_off(settings)
    return settings


def verified(*arguments: str, code: int = 0) -> dict[str, Any]:
    """The report as JSON."""
    report: dict[str, Any] = json.loads(run("verify", "--json", *arguments, code=code).stdout)
    return report


def findings(report: dict[str, Any]) -> dict[str, list[tuple[int, str, int]]]:
    """Partition, subject and events of all rows, by their kind."""
    return {
        kind: [(row["partition"], row["subject"], row["events"]) for row in found["first"]]
        for kind, found in report["findings"].items()
    }


def tamper(settings: Settings, session_id: str, **changes: Any) -> None:
    """Write another ledger, as no worker does."""
    topic = topics_for(settings).sessions.name
    record = json.loads(newest(settings, topic)[named(session_id)])
    record["by_model"]["gpt-4o"].update(changes)
    put(settings, topic, [(named(session_id), json.dumps(record | changes, separators=(",", ":")).encode())])


def test_an_honest_log_agrees(worked: Settings) -> None:
    report = verified()
    assert (report["agrees"], report["differences"], report["findings"]) == (True, 0, {})
    assert report["recomputed"] == report["counted"]
    assert (report["counted"]["events"], report["counted"]["cost_usd"]) == (4, "0.1")
    assert report["usage_rollups"]["compared"] == report["counted"]
    assert [one["usage_rollups_compared"] for one in report["partitions"]] == [True, True]
    assert report["sessions"] == {"agrees": 3}
    assert report["dead_letters"] == {"refused": 2, "not_checkable": 0}
    assert [
        (one["first_offset"], one["next_offset"], one["records"], one["repeated_event_ids"], one["whole"])
        for one in report["partitions"]
    ] == [(0, 5, 5, 1, True), (0, 2, 2, 0, True)]
    assert (report["topic"], report["from"], report["to"]) == (topics_for(worked).usage.name, None, None)
    spread = {"org_id": "acme", "session_id": "s-2", "partitions": [0, 1]}
    assert report["sessions_on_several_partitions"] == {"count": 1, "first": [spread]}


def test_a_usage_rollup_that_was_changed_is_named(worked: Settings) -> None:
    topic = topics_for(worked).usage_rollups.name
    (key,) = [key for key in newest(worked, topic, 1) if '"agent-7"' in key]
    value = newest(worked, topic, 1)[key]
    put(worked, topic, [(key, value.replace(b'"events":1', b'"events":2'))], partition=1)
    report = verified(code=EXIT_FAILED)
    assert findings(report) == {"doubled": [(1, "acme/agent-7 (usage rollups)", 1)]}


def test_it_says_so_to_people(worked: Settings) -> None:
    result = run("verify")
    assert "Nothing differs: 7 records in" in result.stdout
    assert "Sessions: 3 agree." in result.stdout
    assert (
        "Sessions on several partitions, each judged by what one of them sees: 1, such as s-2 of acme on 0 and 1."
        in (words(result.stdout))
    )
    assert "ledgers and rollups 4 40,000 0 0.1" in words(result.stdout)
    assert "usage rollups 4 40,000 0 0.1" in words(result.stdout)
    assert result.stderr == ""  # no bar where there is no terminal


def test_nothing_was_published_yet(settings: Settings) -> None:
    assert verified()["sessions"] == {}


@pytest.mark.parametrize(
    ("changes", "kind", "events"),
    [
        pytest.param({"events": 1}, "missing", -1, id="missing"),
        pytest.param({"events": 3}, "doubled", 1, id="doubled"),
        pytest.param({"output_tokens": 7}, "altered", 0, id="altered"),
        pytest.param({"cost_usd": "0.04"}, "wrong_amount", 0, id="wrong amount"),
    ],
)
def test_a_ledger_that_was_tampered_with_is_named(
    worked: Settings, changes: dict[str, Any], kind: str, events: int
) -> None:
    tamper(worked, "s-1", **changes)
    assert findings(verified(code=EXIT_FAILED)) == {kind: [(0, "s-1", events)]}
    told = run("verify", code=EXIT_FAILED).stdout
    assert "1 differences:" in told
    assert " 0 s-1 " in words(told)


def test_a_ledger_that_is_gone_is_named(worked: Settings) -> None:
    put(worked, topics_for(worked).sessions.name, [(named("s-2"), None)], partition=1)
    assert findings(verified(code=EXIT_FAILED)) == {"missing": [(1, "s-2", -1)]}


def test_a_lost_dead_letter_is_found(settings: Settings) -> None:
    publish(settings, event(1), b"bad")
    work_off(settings, kind=Careless)
    assert findings(verified(code=EXIT_FAILED)) == {"no_dead_letter": [(0, "offset 1", 0)]}


def test_unreadable_progress_is_told_and_the_other_partitions_are_checked(worked: Settings) -> None:
    put(worked, topics_for(worked).progress.name, [("1", b"{}")], partition=1)
    report = verified(code=EXIT_FAILED)
    assert findings(report) == {"unreadable": [(1, "progress", 0)]}
    assert report["sessions"] == {"agrees": 2}


def test_rows_are_cut_and_counted(settings: Settings) -> None:
    publish(settings, *(event(number, f"s-{number}") for number in range(5)))
    work_off(settings)
    put(settings, topics_for(settings).sessions.name, [(named(f"s-{number}"), None) for number in range(5)])
    report = verified("--top", "2", code=EXIT_FAILED)
    assert findings(report) == {"missing": [(0, "s-0", -1), (0, "s-1", -1)]}
    assert (report["findings"]["missing"]["count"], report["differences"]) == (5, 5)
    assert "… and 3 more; see --top." in run("verify", "--top", "2", code=EXIT_FAILED).stdout


def test_a_rate_that_was_set_since_is_told_and_no_difference(worked: Settings) -> None:
    run("rates", "set", "*", "gpt-4o", "--input", "7", "--output", "9", "--effective-from", "always")
    report = verified()
    assert report["agrees"]
    assert report["sessions"] == {"other_rates": 3}
    assert report["recomputed"]["cost_usd"] == "0.28"
    run("rates", "delete", "*", "gpt-4o")
    assert verified()["sessions"] == {"agrees": 3}


def test_an_event_of_the_future_is_passed_over(settings: Settings) -> None:
    publish(settings, event(1), event(2, occurred_at=time.time_ns() // 1_000_000 + DAY_MS))
    work_off(settings, T0)
    report = verified()
    assert (report["sessions"], report["dead_letters"]["refused"]) == ({"agrees": 1}, 1)


def test_retired_sessions_agree_with_their_rollup(settings: Settings) -> None:
    publish(settings, event(1), event(2, "s-2"))
    work_off(settings, T0, T0 + 2 * DAY_MS)
    publish(settings, event(3, "s-2"))
    work_off(settings, T0 + 2 * DAY_MS)
    assert sorted(newest(settings, topics_for(settings).sessions.name)) == [named("s-2")]
    report = verified()
    assert report["sessions"] == {"retired": 2}
    assert (report["recomputed"], report["counted"]["events"]) == (report["counted"], 3)
    put(settings, topics_for(settings).rollups.name, [("closed/0/acme/agent-7", None)])
    assert findings(verified(code=EXIT_FAILED))["missing"] == [(0, "s-1", -1), (0, "s-2", -1)]


@pytest.mark.needs("delete-records")
def test_what_retention_has_taken_cannot_be_checked(worked: Settings) -> None:
    client = admin(worked)  # an answer is lost when its client is
    for answer in client.delete_records([TopicPartition(topics_for(worked).usage.name, 0, 1)]).values():
        answer.result(20)
    report = verified()
    assert report["agrees"]
    assert report["sessions"] == {"agrees": 2, "not_checkable": 1}
    assert (report["partitions"][0]["first_offset"], report["partitions"][0]["whole"]) == (1, False)
    assert "Sessions: 2 agree, 1 not checkable from the start." in run("verify").stdout


def test_a_range_chooses_sessions_and_passes_over_what_is_old(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log is two days long: its records say when they were written."""
    settings = make_settings(partitions=2)
    make_topics_of_any_time(settings)
    reach(settings, monkeypatch)
    monkeypatch.setenv("BURNLINE_PARTITIONS", "2")
    later_ms = T0 + DAY_MS
    publish(settings, event(1), event(2, "s-2"), written_ms=T0)
    publish(settings, event(3, "s-2", occurred_at=later_ms), event(4, "s-3", occurred_at=later_ms), written_ms=later_ms)
    work_off(settings, later_ms)
    report = verified("--from", str(later_ms))
    assert report["sessions"] == {"agrees": 1, "outside": 2}
    assert (report["partitions"][0]["first_offset"], report["partitions"][0]["records"]) == (2, 2)
    assert report["from"] == "2025-11-14T02:13:20.000Z"
    assert verified("--to", str(later_ms))["sessions"] == {"agrees": 1, "outside": 2}
    assert verified("--from", str(T0 + 1_001), "--to", str(later_ms + 1))["sessions"] == {"agrees": 2, "outside": 1}
    tamper(settings, "s-3", events=2)
    assert findings(verified("--from", str(later_ms), code=EXIT_FAILED)) == {"doubled": [(0, "s-3", 1)]}
    assert verified("--to", str(later_ms))["agrees"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["--from", "yesterday"], "'yesterday' is no time", id="no time"),
        pytest.param(["--from", "2026-01-02", "--to", "2026-01-02"], "must lie after --from", id="empty range"),
        pytest.param(["--top", "0"], "greater than or equal to 1", id="no rows"),
    ],
)
def test_mistakes_in_arguments(settings: Settings, arguments: list[str], told: str) -> None:
    assert told in run("verify", *arguments, code=EXIT_MISTAKE).stderr


def test_topics_that_are_other_than_the_settings_say(worked: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNLINE_PARTITIONS", "3")
    assert "has 2 partitions, not 3" in run("verify", code=EXIT_MISTAKE).stderr
    monkeypatch.setenv("BURNLINE_TOPIC_PREFIX", "not-there.")
    assert "not-there.valuation-rates does not exist" in words(run("verify", code=EXIT_MISTAKE).stderr)


def test_brokers_that_do_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNLINE_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    for module in (cut, audit_run):
        monkeypatch.setattr(module, "TIMEOUT_S", 0.5)
    result = run("verify", code=EXIT_MISTAKE)
    assert (result.stdout, bool(result.stderr.strip())) == ("", True)


def test_it_only_reads(worked: Settings) -> None:
    def standing() -> tuple[dict[str, list[int]], set[str]]:
        consumer = Consumer(client_config(worked) | {"group.id": "unused"})
        ends = {
            topic.name: [
                consumer.get_watermark_offsets(TopicPartition(topic.name, partition), 20)[1]
                for partition in range(topic.partitions)
            ]
            for topic in topics_for(worked)
        }
        consumer.close()
        client = admin(worked)
        groups = client.list_consumer_groups(request_timeout=20).result().valid
        return ends, {group.group_id for group in groups}

    before = standing()
    verified()
    assert standing() == before


@pytest.fixture
def worker(settings: Settings, tmp_path: Path) -> Iterator[WorkerSlot]:
    """A worker process on these topics."""
    own = ("kafka_bootstrap_servers", "topic_prefix", "app_id", "partitions")
    overrides = {field: getattr(settings, field) for field in own}
    slot = WorkerSlot("worker", {**overrides, "flush_interval_ms": 50}, tmp_path)
    slot.start()
    yield slot
    slot.kill()


def test_beside_a_worker_under_load(settings: Settings, worker: WorkerSlot) -> None:
    """Whenever it is looked at, it agrees; killed and started anew, too."""
    worker.wait_ready()
    number = 0
    records = 0
    for round_ in range(4):
        for partition in range(2):
            batch = [
                b"bad" if index % 97 == 0 else event(index, f"s-{index % 50}")
                for index in range(number, number + 5_000)
            ]
            publish(settings, *batch, partition=partition)
            number += 5_000
        report = verified()
        assert findings(report) == {}
        records = sum(one["records"] for one in report["partitions"])
        if round_ == 2:
            worker.kill()
            worker.start()
    while records < number:
        worker.check()
        report = verified()
        assert findings(report) == {}
        records = sum(one["records"] for one in report["partitions"])
    assert report["counted"]["events"] + report["dead_letters"]["refused"] == number
    assert report["sessions"] == {"agrees": 100}


def test_ctrl_c_is_no_difference(worked: Settings) -> None:
    """A process of its own on a terminal shows a bar, and ends with another code than 1 when it is interrupted."""
    script = "import signal; signal.raise_signal(signal.SIGINT)"
    program = (
        f"import burnline.cli.verify as v; v.audit = lambda *a, **k: exec({script!r}); "
        "from burnline.cli import main; main()"
    )
    command = [sys.executable, "-c", program, "verify"]
    process = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), check=False)
    assert process.returncode not in (0, EXIT_FAILED)
