"""`burnline anomalies` against a real broker: what it shows, what it leaves out, and how it ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from confluent_kafka import Producer
from rich.console import Console

from burnline.cli import anomalies
from burnline.cli.reference import EXIT_FAILED
from burnline.detection.anomaly import Anomaly, cloudevent_headers, notice_key, notice_value
from burnline.kafka import Config, client_config
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.ensure import ensure_topics
from tests.brokers import MakeSettings
from tests.cli.reach import objects, reach, run
from tests.detection.timeline import Walker, walk
from tests.kafka.base import Broker

RESOLVED = walk("99999999999999999999............", Walker(session_id="s-resolved"))[1].notices
WARNING = walk(" 99999", Walker(session_id="s-warning"))[1].notices
CRITICAL = walk("99999999999999999999", Walker(session_id="s-critical"))[1].notices
ALL = [*WARNING, *RESOLVED, *CRITICAL]


@pytest.fixture
def reached(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings that the command line reads too; their topics exist."""
    ensure_topics(settings)
    reach(settings, monkeypatch)
    return settings


def send(settings: Settings, notices: list[Anomaly]) -> None:
    """Write notices as a worker does, but for the transaction."""
    producer = Producer({**client_config(settings), "acks": "all"})
    produce(producer, settings, notices)
    assert producer.flush(30) == 0


def produce(producer: Producer, settings: Settings, notices: list[Anomaly]) -> None:
    topic = topics_for(settings).anomalies.name
    for notice in notices:
        headers: list[tuple[str, str | bytes | None]] = [*cloudevent_headers(notice)]
        producer.produce(topic, notice_value(notice), notice_key(notice), headers=headers)


def sessions(*arguments: str) -> list[str]:
    """The session of each JSON line."""
    return [line["session_id"] for line in objects("anomalies", *arguments)]


def test_json_is_the_newest_notice_of_each_anomaly(reached: Settings) -> None:
    send(reached, ALL)
    lines = [Anomaly.model_validate(line) for line in objects("anomalies")]
    assert lines == [CRITICAL[-1], WARNING[-1], RESOLVED[-1]]


def test_the_table_shows_open_ones_first(reached: Settings) -> None:
    send(reached, ALL)
    rows = [line.split() for line in run("anomalies").stdout.splitlines() if "s-" in line]
    assert [row[:2] for row in rows] == [["escalated", "critical"], ["opened", "warning"], ["resolved", "critical"]]
    assert " ".join(rows[1]) == (
        "opened warning acme / agent-7 s-warning 01-01 00:00:50 01-01 00:00:50 27.00 5.40 27.00 0.45 "
        + WARNING[-1].anomaly_id[: anomalies.SHORT_ID]
    )


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        pytest.param(["--state", "opened"], ["s-warning"], id="state"),
        pytest.param(["--state", "opened", "--state", "resolved"], ["s-warning", "s-resolved"], id="two-states"),
        pytest.param(["--severity", "critical"], ["s-critical", "s-resolved"], id="severity"),
        pytest.param(["--state", "resolved", "--severity", "warning"], [], id="both"),
        pytest.param(["--top", "1"], ["s-critical"], id="top"),
    ],
)
def test_filters(reached: Settings, arguments: list[str], shown: list[str]) -> None:
    send(reached, ALL)
    assert sessions(*arguments) == shown


def test_the_table_says_what_it_leaves_out(reached: Settings) -> None:
    send(reached, ALL)
    assert "… and 2 more" in run("anomalies", "--top", "1").stdout


def test_an_empty_topic_is_no_mistake(reached: Settings) -> None:
    assert run("anomalies").output == "No anomalies.\n"
    assert sessions() == []


def test_foreign_records_are_passed_over_aloud(reached: Settings) -> None:
    producer = Producer(client_config(reached))
    for value in (b"not JSON", None, b'{"anomaly_id": "x"}'):
        producer.produce(topics_for(reached).anomalies.name, value, b"s-warning")
    assert producer.flush(30) == 0
    send(reached, WARNING)
    result = run("anomalies", "--json")
    assert [json.loads(line)["session_id"] for line in result.stdout.splitlines()] == ["s-warning"]
    assert result.stderr.count("no anomaly notice") == 3


@pytest.mark.needs("transactions", "aborted-transactions")
def test_only_what_is_committed_is_shown(reached: Settings) -> None:
    config: Config = {**client_config(reached), "transactional.id": reached.app_id}
    producer = Producer(config)
    producer.init_transactions()
    producer.begin_transaction()
    produce(producer, reached, CRITICAL)
    producer.abort_transaction()
    producer.begin_transaction()
    produce(producer, reached, WARNING)
    producer.commit_transaction()
    assert sessions() == ["s-warning"]


def test_a_missing_topic_is_told(reached: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNLINE_TOPIC_PREFIX", "not-there.")
    result = run("anomalies", code=EXIT_FAILED)
    assert "not-there.anomalies" in result.stderr
    assert "does not exist" in result.stderr


def test_brokers_that_do_not_answer_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNLINE_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setattr(anomalies, "TIMEOUT_S", 0.5)
    result = run("anomalies", code=EXIT_FAILED)
    assert result.stderr.strip()
    assert result.stdout == ""


@contextmanager
def following(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A `--follow` in a process of its own."""
    command = [sys.executable, "-m", "burnline", "anomalies", "--follow", *arguments]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def lines_of(process: "subprocess.Popen[str]", count: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline() for _ in range(count)]


def interrupt(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Ctrl-C; exit code and the rest of both outputs."""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


def test_follow_prints_each_change_and_ends_cleanly(reached: Settings) -> None:
    send(reached, RESOLVED[:1])
    with following("--json") as process:
        assert Anomaly.model_validate_json(*lines_of(process, 1)) == RESOLVED[0]
        send(reached, RESOLVED[1:2])
        assert Anomaly.model_validate_json(*lines_of(process, 1)) == RESOLVED[1]
        send(reached, RESOLVED[2:])
        assert Anomaly.model_validate_json(*lines_of(process, 1)) == RESOLVED[2]
        assert interrupt(process) == (0, "", "")


def test_follow_for_people(reached: Settings) -> None:
    with following() as process:
        assert lines_of(process, 2) == ["No anomalies.\n", "Following; Ctrl-C ends.\n"]
        send(reached, RESOLVED)
        assert lines_of(process, 3) == [
            "01-01 00:00:40  opened as warning      acme / agent-7  s-resolved  "
            "27.00 USD/h over 60s, 5.40 over 300s, 27.00 × baseline, 0.45 USD spent\n",
            "01-01 00:02:10  escalated to critical  acme / agent-7  s-resolved  "
            "32.40 USD/h over 60s, 15.12 over 300s, 32.40 × baseline, 1.26 USD spent\n",
            "01-01 00:05:10  resolved               acme / agent-7  s-resolved  "
            "0.00 USD/h over 60s, 20.52 over 300s, 0.00 × baseline, 1.80 USD spent\n",
        ]
        assert interrupt(process) == (0, "", "")


def test_follow_keeps_to_the_filters(reached: Settings) -> None:
    with following("--json", "--state", "resolved") as process:
        send(reached, [*WARNING, *RESOLVED])
        assert Anomaly.model_validate_json(*lines_of(process, 1)) == RESOLVED[-1]
        assert interrupt(process) == (0, "", "")


@pytest.mark.needs("restart")
def test_follow_waits_for_a_broker_that_goes_away(
    broker: Broker, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = type(broker)()  # the others' would be away for the tests that follow, too
    own.start()
    try:
        settings = make_settings(kafka_bootstrap_servers=own.bootstrap_servers)
        ensure_topics(settings)
        reach(settings, monkeypatch)
        with following("--json") as process:
            send(settings, RESOLVED[:1])
            assert Anomaly.model_validate_json(*lines_of(process, 1)) == RESOLVED[0]
            own.kill()
            own.restart()
            send(settings, RESOLVED[1:2])
            assert Anomaly.model_validate_json(*lines_of(process, 1)) == RESOLVED[1]
            code, out, _ = interrupt(process)
            assert (code, out) == (0, "")
    finally:
        own.stop()


@pytest.mark.parametrize(
    ("width", "wide"), [pytest.param(80, False, id="80-columns"), pytest.param(140, True, id="140-columns")]
)
def test_the_table_fits_the_terminal(width: int, *, wide: bool) -> None:
    console = Console(width=width, record=True)
    with console.capture() as capture:
        console.print(anomalies._table([WARNING[-1]], {}, wide=wide))
    assert max(map(len, capture.get().splitlines())) <= width
    assert "s-warning" in capture.get()
    assert ("agent-7" in capture.get()) == wide
