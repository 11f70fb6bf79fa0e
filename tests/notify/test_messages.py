"""What sinks are told."""

import base64
import hashlib
import hmac
import json

import pytest

from burnline.detection.anomaly import Anomaly, Severity, State
from burnline.detection.notes import NOTHING_SAID, Notes, acknowledged, silenced
from burnline.detection.summary import summary
from burnline.notify.messages import (
    ALERT_LASTS_S,
    HttpMessage,
    alerts,
    made_up,
    page,
    pagerduty,
    pagerduty_acknowledges,
    signature,
    silences,
    webhook,
)

NOW = 1_764_000_000_000


def notice(state: State = State.OPENED, severity: Severity = Severity.WARNING, revision: int = 1) -> Anomaly:
    return made_up(state, severity, revision, NOW, "made-up")


def test_a_line_in_words() -> None:
    assert summary(notice()) == (
        "burnline-test / made-up, session made-up-session: burns 9 USD/h over 60s, 9.000 × its baseline of 1 USD/h "
        "(line: × 5); 1.25 USD spent so far"
    )
    assert "back below its line" in summary(notice(State.RESOLVED))


class TestAlertmanager:
    """Alerts of the v2 API."""

    def test_an_escalation_ends_the_warning_and_fires_the_critical_alert(self) -> None:
        found = alerts(notice(State.ESCALATED, Severity.CRITICAL), now_ms=NOW, labels={"env": "prod"}, link=None)
        ends = {alert["labels"]["severity"]: alert["endsAt"] for alert in found}
        assert ends == {"warning": "2025-11-24T16:00:00.000Z", "critical": "2025-11-24T16:15:00.000Z"}
        assert ALERT_LASTS_S == 15 * 60
        assert {alert["labels"]["env"] for alert in found} == {"prod"}

    def test_a_resolution_ends_both(self) -> None:
        found = alerts(notice(State.RESOLVED, Severity.CRITICAL), now_ms=NOW, labels={}, link=None)
        assert {alert["endsAt"] for alert in found} == {"2025-11-24T16:00:00.000Z"}

    def test_it_leads_to_the_anomaly(self) -> None:
        (first, _) = alerts(notice(), now_ms=NOW, labels={}, link="https://burn.example/")
        assert first["generatorURL"] == "https://burn.example/anomalies/made-up"


class TestWebhook:
    """CloudEvents over HTTP, signed."""

    SECRET = "whsec_" + base64.b64encode(b"a secret of 24 bytes len").decode()

    def test_signed_as_standard_webhooks_has_it(self) -> None:
        """The HMAC is over id, timestamp and body, joined by dots."""
        message = webhook("https://x.example", notice(), secret=self.SECRET, now_ms=NOW, link=None)
        signed = f"made-up:1.{NOW // 1000}.".encode() + message.body
        wanted = base64.b64encode(hmac.new(b"a secret of 24 bytes len", signed, hashlib.sha256).digest()).decode()
        assert message.headers["webhook-signature"] == f"v1,{wanted}"

    @pytest.mark.parametrize("changed", ["id", "time", "body"])
    def test_the_signature_covers(self, changed: str) -> None:
        given = {"id": "made-up:1", "time": "1764000000", "body": "x"}
        before = signature(self.SECRET, given["id"], given["time"], given["body"].encode())
        given[changed] += "1"
        assert signature(self.SECRET, given["id"], given["time"], given["body"].encode()) != before

    def test_it_is_a_cloudevent_in_binary_mode(self) -> None:
        message = webhook("https://x.example", notice(revision=3), secret=None, now_ms=NOW, link="https://burn.example")
        assert message.headers["ce-id"] == message.headers["idempotency-key"] == "made-up:3"
        assert message.headers["ce-type"] == "burnline.anomaly.opened.v1"
        assert json.loads(message.body)["revision"] == 3
        assert "webhook-signature" not in message.headers

    def test_names_that_are_no_header_text_are_encoded(self) -> None:
        odd = notice().model_copy(update={"session_id": "größe\r\nx: y"})
        message = webhook("https://x.example", odd, secret=None, now_ms=NOW, link=None)
        assert all(value.isascii() and value.isprintable() for value in message.headers.values())


def told_pagerduty(told: Anomaly, notes: Notes = NOTHING_SAID, link: str | None = None) -> list[HttpMessage]:
    return pagerduty("https://p.example", told, routing_key="k", link=link, notes=notes)


def test_pagerduty_has_one_incident_per_anomaly() -> None:
    (opened,) = told_pagerduty(notice(), link="https://burn.example")
    (resolved,) = told_pagerduty(notice(State.RESOLVED))
    assert opened.body["dedup_key"] == resolved.body["dedup_key"] == "made-up"
    assert (opened.body["event_action"], resolved.body["event_action"]) == ("trigger", "resolve")
    assert opened.body["payload"]["severity"] == "warning"
    assert page("https://burn.example", notice()) == opened.body["links"][0]["href"]


SEEN = Notes(acknowledgement=acknowledged(notice(), by="ada", at_ms=NOW, words="on it"))
RISEN = notice(State.ESCALATED, Severity.CRITICAL, 2)
OVER = notice(State.RESOLVED, Severity.CRITICAL, 3)


def test_what_rises_after_an_acknowledgement_pages_anew_and_a_resolution_ends_all() -> None:
    def keys(told: Anomaly, notes: Notes) -> list[tuple[str, str]]:
        return [(message.body["event_action"], message.body["dedup_key"]) for message in told_pagerduty(told, notes)]

    assert keys(RISEN, NOTHING_SAID) == [("trigger", "made-up")]
    assert keys(RISEN, SEEN) == [("trigger", "made-up:risen")]
    assert keys(OVER, SEEN) == keys(OVER, NOTHING_SAID) == [("resolve", "made-up"), ("resolve", "made-up:risen")]


def test_pagerduty_hears_of_an_acknowledgement_that_holds() -> None:
    def told(newest: Anomaly, notes: Notes) -> HttpMessage | None:
        return pagerduty_acknowledges("https://p.example", newest, routing_key="k", notes=notes)

    found = told(notice(), SEEN)
    assert found is not None
    assert found.body == {"routing_key": "k", "event_action": "acknowledge", "dedup_key": "made-up"}
    assert told(RISEN, SEEN) is None
    assert told(notice(), NOTHING_SAID) is None


def test_alertmanager_silences_what_was_acknowledged_at_its_severity_and_what_is_silenced_until_then() -> None:
    both = SEEN._replace(silence=silenced(notice(), until_ms=NOW + 60_000, by="ben", at_ms=NOW, words=None))
    seen, silence = silences(notice(), both, now_ms=NOW).values()
    assert (seen.matchers, seen.by) == ((("anomaly_id", "made-up"), ("severity", "warning")), "ada")
    assert seen.comment == "Burnline: acknowledged. on it"
    assert (silence.matchers, silence.ends_ms, silence.comment) == (
        (("anomaly_id", "made-up"),), NOW + 60_000, "Burnline: silenced",
    )  # fmt: skip
    assert list(silences(notice(), both, now_ms=NOW + 60_000)) == ["Burnline: acknowledged"]
    assert silences(OVER, both, now_ms=NOW) == {}
