"""Notices on a real broker to sinks that time out, reset, refuse and die mid-body; killed, and begun again."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from prometheus_client import CollectorRegistry

from burnline.detection.anomaly import Anomaly, Severity, State, notice_key, notice_value
from burnline.detection.notes import AnomalyNote, acknowledged, silenced
from burnline.kafka import client_config
from burnline.notify.attempts import NotifyMetrics
from burnline.notify.channels import channel
from burnline.notify.known import Known
from burnline.notify.messages import idempotency_key, made_up
from burnline.notify.places import TopicPlaces
from burnline.notify.runner import SinkRunner, run_all
from burnline.notify.sinks import PagerDutySink, Sink, SlackSink, WebhookSink
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.compacted import write_key
from burnline.topics.ensure import ensure_topics
from burnline.topics.reading import read_to_end
from tests.notify.stub import Receiver, receiving

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]
WITHIN_S = 90.0


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def publish(settings: Settings, anomalies: int, start: int = 0) -> list[str]:
    """Three notices of each of so many anomalies; their keys."""
    producer = Producer({**client_config(settings), "enable.idempotence": True})
    keys = []
    life = [(State.OPENED, Severity.WARNING), (State.ESCALATED, Severity.CRITICAL), (State.RESOLVED, Severity.CRITICAL)]
    for revision, (state, severity) in enumerate(life, 1):
        for number in range(start, start + anomalies):
            notice = made_up(state, severity, revision, now_ms(), f"a-{number}")
            notice = notice.model_copy(update={"session_id": f"s-{number}"})
            producer.produce(topics_for(settings).anomalies.name, notice_value(notice), notice_key(notice))
            keys.append(idempotency_key(notice))
    assert producer.flush(30) == 0
    return keys


def taken(receiver: Receiver) -> list[str]:
    return [headers["idempotency-key"] for headers, _ in list(receiver.taken)]


def wait_for(condition: Callable[[], bool], within_s: float = WITHIN_S) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.05)


def in_order(keys: list[str]) -> bool:
    """Whether each anomaly's first arrivals count 1, 2, 3."""
    seen: dict[str, list[int]] = {}
    for key in dict.fromkeys(keys):
        name, _, revision = key.rpartition(":")
        seen.setdefault(name, []).append(int(revision))
    return all(revisions == sorted(revisions) for revisions in seen.values())


class Running:
    """One sink at work in a thread."""

    def __init__(self, settings: Settings, sink: Sink, environment: dict[str, str] | None = None) -> None:
        self.stop = threading.Event()
        self.registry = CollectorRegistry()
        self._name = sink.name
        self.known = known = Known(settings)
        found = channel(sink, environment or {}, None, now_ms, TopicPlaces(settings, known))
        runner = SinkRunner(settings, sink, found, known, NotifyMetrics(self.registry), self.stop)
        self._runner = runner
        positions = known.read()
        self.failures: list[BaseException] = []
        work = [runner.run, lambda: known.follow(positions, self.stop)]
        self._thread = threading.Thread(target=lambda: self.failures.extend(run_all(work, self.stop)))

    def __enter__(self) -> "Running":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()
        assert self.failures == []

    def wait_until_awaited(self, name: str) -> None:
        wait_for(lambda: name in self._runner._awaited)

    def mute_no_more(self) -> None:
        """As if the sink's mute times were over."""
        self._runner._sink = self._runner._sink.model_copy(update={"mute": []})

    def value(self, outcome: str) -> float:
        labels = {"sink": self._name, "outcome": outcome}
        return self.registry.get_sample_value("burnline_notify_notices_total", labels) or 0


def hook(receiver: Receiver, **changes: object) -> WebhookSink:
    fields: dict[str, object] = {
        "name": "hook",
        "kind": "webhook",
        "url": receiver.url,
        "allow_local": True,
        "timeout_s": 0.7,
    }
    return WebhookSink.model_validate(fields | changes)


def test_whatever_a_sink_does_it_gets_every_notice_in_order(settings: Settings) -> None:
    ensure_topics(settings)
    keys = publish(settings, 20)
    faults = (500, "reset", 200, 429, 200, "mid-body", 200, "hang", 200, (503, {"Retry-After": "1"}))
    with receiving(*faults) as receiver:
        with Running(settings, hook(receiver)) as running:
            wait_for(lambda: set(taken(receiver)) == set(keys))
            wait_for(lambda: running.value("sent") == len(keys))
        assert in_order(taken(receiver))


def test_it_goes_on_where_it_was_and_repeats_nothing_after_an_orderly_end(settings: Settings) -> None:
    ensure_topics(settings)
    first = publish(settings, 5)
    with receiving() as receiver:
        with Running(settings, hook(receiver)) as running:
            wait_for(lambda: running.value("sent") == len(first))
        second = publish(settings, 5, start=5)
        with Running(settings, hook(receiver)) as running:
            wait_for(lambda: running.value("sent") == len(second))
        assert sorted(taken(receiver)) == sorted(first + second)


def test_what_is_refused_for_good_is_parked_and_the_next_goes_on(settings: Settings) -> None:
    ensure_topics(settings)
    keys = publish(settings, 3)
    with receiving(400) as receiver, Running(settings, hook(receiver)) as running:
        wait_for(lambda: running.value("parked") == 1 and running.value("sent") == len(keys) - 1)
    topic = topics_for(settings).parked_notices
    (record,) = [
        json.loads(message.value() or b"")
        for batch in read_to_end(client_config(settings), topic.name, range(topic.partitions), timeout_s=30)
        for message in batch
    ]
    assert record["sink"] == "hook"
    assert "answered 400" in record["detail"]
    assert f"{record['notice']['anomaly_id']}:{record['notice']['revision']}" in set(keys) - set(taken(receiver))


def test_a_sink_that_stays_down_parks_after_its_time(settings: Settings) -> None:
    ensure_topics(settings)
    publish(settings, 1)
    with receiving(*[500] * 500) as receiver, Running(settings, hook(receiver, give_up_after_s=0.2)) as running:
        wait_for(lambda: running.value("parked") == 3)


def test_a_record_that_is_no_notice_is_passed_over(settings: Settings) -> None:
    ensure_topics(settings)
    producer = Producer(client_config(settings))
    producer.produce(topics_for(settings).anomalies.name, b"{}", b"k")
    assert producer.flush(30) == 0
    keys = publish(settings, 1)
    with receiving() as receiver, Running(settings, hook(receiver)) as running:
        wait_for(lambda: running.value("sent") == len(keys) and running.value("unreadable") == 1)


def say(settings: Settings, note: AnomalyNote, *, taken_back: bool = False) -> None:
    value = None if taken_back else note.model_dump_json(exclude_none=True).encode()
    write_key(client_config(settings), topics_for(settings).anomaly_notes, note.key(), value, timeout_s=30)


def tell(settings: Settings, name: str, state: State, severity: Severity, revision: int) -> Anomaly:
    notice = made_up(state, severity, revision, now_ms(), name)
    producer = Producer(client_config(settings))
    producer.produce(topics_for(settings).anomalies.name, notice_value(notice), notice_key(notice))
    assert producer.flush(30) == 0
    return notice


def test_what_is_acknowledged_or_silenced_is_told_no_further(settings: Settings) -> None:
    """Until the severity rises, or the silence is over; who keeps an incident hears of both, and of its end."""
    ensure_topics(settings)
    seen, silent = (tell(settings, name, State.OPENED, Severity.WARNING, 1) for name in ("seen", "silent"))
    with receiving() as chat, receiving() as pager:
        pagers = PagerDutySink.model_validate({
            "name": "pager", "kind": "pagerduty", "url": pager.url, "allow_local": True, "routing_key": {"env": "KEY"},
        })  # fmt: skip
        with Running(settings, hook(chat)) as chatting, Running(settings, pagers, {"KEY": "k"}) as paging:
            wait_for(lambda: chatting.value("sent") == paging.value("sent") == 2)
            note = silenced(silent, until_ms=now_ms() + 3_600_000, by="ben", at_ms=now_ms(), words=None)
            say(settings, acknowledged(seen, by="ada", at_ms=now_ms(), words="on it"))
            say(settings, note)
            wait_for(lambda: paging.value("note_sent") == 2)
            wait_for(lambda: None not in (chatting.known.notes("seen")[0], chatting.known.notes("silent")[1]))
            tell(settings, "silent", State.ESCALATED, Severity.CRITICAL, 2)
            tell(settings, "seen", State.RESOLVED, Severity.WARNING, 2)
            wait_for(lambda: chatting.value("silenced") == chatting.value("acknowledged") == 1)
            wait_for(lambda: paging.value("silenced") == 1 and paging.value("sent") == 3)
            say(settings, note, taken_back=True)
            wait_for(lambda: chatting.value("sent") == 3 and paging.value("sent") == 4)
        assert sorted(taken(chat)) == ["seen:1", "silent:1", "silent:2"]
        told = [json.loads(body) for _, body in pager.taken]
        actions = [(one["event_action"], one["dedup_key"]) for one in told]
        assert sorted(actions[:2]) == [("trigger", "seen"), ("trigger", "silent")]
        assert sorted(actions[2:]) == [("acknowledge", "seen"), ("resolve", "seen"), ("trigger", "silent")]


def test_another_process_changes_the_message_that_this_one_has_posted(settings: Settings) -> None:
    """Where it stands is on a topic."""
    ensure_topics(settings)
    posted = {"ok": True, "channel": "C1", "ts": "17.42"}
    answers: list[Any] = [(200, {}, answer) for answer in (posted, {"ok": True}, posted)]
    with receiving(*answers) as slack:
        sink = SlackSink.model_validate({
            "name": "slack", "kind": "slack", "url": slack.url, "allow_local": True, "channel": "C1",
            "token": {"env": "TOKEN"},
        })  # fmt: skip
        for revision, (state, severity) in enumerate(
            [(State.OPENED, Severity.WARNING), (State.ESCALATED, Severity.CRITICAL)], 1
        ):
            tell(settings, "a", state, severity, revision)
            with Running(settings, sink, {"TOKEN": "xoxb-1"}) as running:
                wait_for(lambda: running.value("sent") == 1)  # called within this turn
        told = [(headers[":path"].rpartition("/")[2], json.loads(body)) for headers, body in slack.taken]
    assert [method for method, _ in told] == ["chat.postMessage", "chat.update", "chat.postMessage"]
    assert [body.get("ts") or body.get("thread_ts") for _, body in told] == [None, "17.42", "17.42"]


def test_after_a_mute_time_what_is_still_open_is_told(settings: Settings) -> None:
    ensure_topics(settings)
    muted = {"mute": [{"from": "00:00", "to": "24:00"}]}
    with receiving() as receiver:
        with Running(settings, hook(receiver, **muted)) as running:
            for name in ("open", "over"):
                tell(settings, name, State.OPENED, Severity.WARNING, 1)
            tell(settings, "over", State.RESOLVED, Severity.WARNING, 2)
            wait_for(lambda: running.value("muted") == 3)
            running.wait_until_awaited("open")
            running.mute_no_more()
            wait_for(lambda: running.value("sent") == 1)
        assert taken(receiver) == ["open:1"]


def test_killed_again_and_again_it_loses_nothing(settings: Settings, tmp_path: Path) -> None:
    """Kill -9 at any moment: all notices arrive, in order, some perhaps twice with the same key."""
    ensure_topics(settings)
    keys = publish(settings, 40)
    with receiving() as receiver:
        sinks = tmp_path / "sinks.toml"
        sinks.write_text(
            f'[[sinks]]\nname = "hook"\nkind = "webhook"\nurl = "{receiver.url}"\nallow_local = true\n',
            encoding="utf-8",
        )
        env = {
            **os.environ,
            "BURNLINE_KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
            "BURNLINE_TOPIC_PREFIX": settings.topic_prefix,
            "BURNLINE_APP_ID": settings.app_id,
            "BURNLINE_SESSION_TIMEOUT_MS": "6000",  # the shortest that brokers take as they are set up
        }
        command = [
            sys.executable,
            "-P",
            "-m",
            "burnline",
            "notify",
            "run",
            "--sinks",
            str(sinks),
            "--metrics-port",
            "0",
        ]
        for at in (10, 50, 90):
            process = subprocess.Popen(command, env=env, cwd=tmp_path)
            wait_for(lambda at=at: len(receiver.taken) >= at)  # type: ignore[misc]
            process.kill()
            process.wait(10)
        process = subprocess.Popen(command, env=env, cwd=tmp_path)
        wait_for(lambda: set(taken(receiver)) == set(keys))
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert in_order(taken(receiver))
