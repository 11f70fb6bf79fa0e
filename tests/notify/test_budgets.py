"""Budget notices at sinks: what each kind is told, who wants them, and that they come, over a real broker."""

import json
import threading
import time
from typing import Any

import pytest
from confluent_kafka import Producer
from prometheus_client import CollectorRegistry

from burnline.budgets.notice import BudgetNotice, notice_key
from burnline.kafka import client_config
from burnline.notify.attempts import NotifyMetrics
from burnline.notify.budget_runner import BudgetRunner
from burnline.notify.budgets import alerts, budget_channel, mail, pagerduty, wanted, webhook
from burnline.notify.messages import signature
from burnline.notify.routing import Route
from burnline.notify.runner import run_all
from burnline.notify.sinks import EmailSink, Match
from burnline.schema_examples import BUDGET_NOTICE
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.ensure import ensure_topics
from burnline.topics.reading import read_to_end
from tests.notify.stub import receiving
from tests.notify.test_runner import hook

NOTICE = BudgetNotice.model_validate(BUDGET_NOTICE)
NOW_MS = NOTICE.reached_at + 5_000
LINK = "https://burnline.example"
PAGE = f"{LINK}/budgets?scope=agent&org_id=acme&name=code-reviewer"


def changed(**fields: Any) -> BudgetNotice:
    return BudgetNotice.model_validate({**NOTICE.model_dump(), **fields})


def test_alertmanager_holds_an_alert_until_the_period_ends() -> None:
    warning, critical = alerts(NOTICE, now_ms=NOW_MS, labels={"team": "x"}, link=LINK)
    assert warning["labels"] == {
        "team": "x", "alertname": "BurnlineBudget", "severity": "warning", "scope": "agent", "org_id": "acme",
        "name": "code-reviewer", "budget": "agent/acme/code-reviewer@month",
    }  # fmt: skip
    assert (warning["startsAt"], warning["endsAt"]) == ("2025-10-09T08:53:20.000Z", "2025-10-31T15:00:00.000Z")
    assert warning["generatorURL"] == PAGE
    assert warning["annotations"]["threshold_percent"] == "80"
    assert critical["labels"]["severity"] == "critical"
    assert critical["endsAt"] == "2025-10-09T08:53:25.000Z"  # over at once, as it never was


def test_a_webhook_is_a_signed_cloudevent() -> None:
    message = webhook("http://x", NOTICE, secret="s", now_ms=NOW_MS, link=LINK)  # noqa: S106  # no secret
    assert message.headers["ce-type"] == "burnline.budget.threshold_reached.v1"
    assert message.headers["idempotency-key"] == NOTICE.notice_id
    at_s = str(NOW_MS // 1000)
    assert message.headers["webhook-signature"] == signature("s", NOTICE.notice_id, at_s, message.body)
    assert BudgetNotice.model_validate_json(message.body) == NOTICE


def test_pagerduty_has_one_incident_for_a_period() -> None:
    first = pagerduty("http://x", NOTICE, routing_key="k", link=None).body
    later = pagerduty("http://x", changed(threshold_percent=100, notice_id="other"), routing_key="k", link=None).body
    assert first["dedup_key"] == later["dedup_key"]
    assert first["payload"]["summary"] == NOTICE.summary
    assert (
        first["dedup_key"]
        != pagerduty("http://x", changed(period_start=0), routing_key="k", link=None).body["dedup_key"]
    )


def test_a_mail_says_it_in_words() -> None:
    sink = EmailSink.model_validate(
        {"name": "mail", "kind": "email", "host": "x", "from": "burnline@example.com", "to": ["ops@example.com"]}
    )
    message = mail(sink, NOTICE, link=LINK)
    assert message["Subject"] == "Burnline: 80 % of the budget of agent acme code-reviewer"
    assert message["Message-ID"] == f"<{NOTICE.notice_id}@burnline.invalid>"
    assert message.get_content() == f"{NOTICE.summary}\n\n{PAGE}\n"


@pytest.mark.parametrize(
    ("match", "notice", "found"),
    [
        pytest.param({}, NOTICE, Route.SEND, id="everything"),
        pytest.param({"budgets": False}, NOTICE, Route.OTHER_SCOPE, id="no budgets"),
        pytest.param({"scope": ["agent"]}, NOTICE, Route.OTHER_SCOPE, id="anomalies of a scope"),
        pytest.param({"org_id": ["globex"]}, NOTICE, Route.OTHER_ORG, id="of another organisation"),
        pytest.param({"agent_id": ["code-reviewer"]}, NOTICE, Route.SEND, id="of the agent"),
        pytest.param({"agent_id": ["other"]}, NOTICE, Route.OTHER_AGENT, id="of another agent"),
        pytest.param({"agent_id": ["code-reviewer"]}, changed(scope="team"), Route.OTHER_AGENT, id="a team's"),
        pytest.param({"severity_floor": "critical"}, NOTICE, Route.BELOW_FLOOR, id="not critical"),
        pytest.param({"severity_floor": "critical"}, changed(severity="critical"), Route.SEND, id="critical"),
    ],
)
def test_which_sinks_want_it(match: dict[str, Any], notice: BudgetNotice, found: Route) -> None:
    assert wanted(Match.model_validate(match), notice) is found


@pytest.mark.broker
def test_they_come_in_order_and_what_is_refused_for_good_is_parked(settings: Settings) -> None:
    ensure_topics(settings)
    topics, producer = topics_for(settings), Producer(client_config(settings))
    notices = [changed(notice_id=f"n-{number}", reached_at=NOW_MS + number) for number in range(4)]
    for notice in notices:
        producer.produce(topics.budget_notices.name, notice.model_dump_json().encode(), notice_key(notice))
    producer.produce(topics.budget_notices.name, b"no notice", b"x")
    assert producer.flush(30) == 0
    registry, stop = CollectorRegistry(), threading.Event()

    def counted(outcome: str) -> float:
        labels = {"sink": "hook", "outcome": outcome}
        return registry.get_sample_value("burnline_notify_notices_total", labels) or 0

    with receiving(500, "reset", 200, 400) as receiver:
        sink = hook(receiver)
        runner = BudgetRunner(
            settings, sink, budget_channel(sink, {}, None, lambda: NOW_MS), NotifyMetrics(registry), stop
        )
        thread = threading.Thread(target=run_all, args=([runner.run], stop))
        thread.start()
        deadline = time.monotonic() + 60
        while counted("unreadable") < 1:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        stop.set()
        thread.join(30)
        assert [headers["idempotency-key"] for headers, _ in receiver.taken] == ["n-0", "n-2", "n-3"]
    assert (counted("sent"), counted("parked")) == (3, 1)
    batches = read_to_end(client_config(settings), topics.parked_notices.name, [0], timeout_s=20)
    (parked,) = (json.loads(message.value() or b"") for batch in batches for message in batch)
    assert (parked["notice"]["notice_id"], parked["sink"], parked["attempts"]) == ("n-1", "hook", 1)
