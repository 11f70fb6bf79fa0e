"""What each kind of sink is told: pure functions from a notice to bodies and headers."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from burnline.detection.anomaly import Anomaly, Severity, State, cloudevent_headers, notice_value, rfc3339
from burnline.detection.notes import Notes, Quiet, quiet
from burnline.detection.summary import summary

ALERT_LASTS_S = 900
"""An open alert that is not renewed for so long is over for Alertmanager."""
ACKNOWLEDGED_LASTS_S = 30 * 86_400
"""How long Alertmanager keeps an acknowledged alert silent: it asks for an end, and an acknowledgement has none."""
WEBHOOK_SECRET_PREFIX = "whsec_"  # noqa: S105  # the prefix that Standard Webhooks gives to secrets


class HttpMessage(NamedTuple):
    """A request."""

    url: str
    headers: dict[str, str]
    body: Any
    """Bytes, or what is sent as JSON; None for nothing."""
    method: str = "POST"


def page(link: str | None, notice: Anomaly) -> str | None:
    """The anomaly's page on the dashboard, if there is one."""
    return None if link is None else f"{link.rstrip('/')}/anomalies/{quote(notice.anomaly_id)}"


def idempotency_key(notice: Anomaly) -> str:
    """The same for every attempt at a notice, and for no other notice."""
    return f"{notice.anomaly_id}:{notice.revision}"


def alerts(notice: Anomaly, *, now_ms: int, labels: dict[str, str], link: str | None) -> list[dict[str, Any]]:
    """A notice as alerts of Alertmanager's v2 API.

    Alertmanager knows an alert by its labels, and routes by `severity`: so an anomaly that escalates is another alert.
    The one of the other severity is ended by the same request; to end one that never was is nothing.
    """
    found = []
    for severity in Severity:
        firing = notice.state is not State.RESOLVED and severity is notice.severity
        ends_ms = now_ms + ALERT_LASTS_S * 1000 if firing else now_ms
        alert: dict[str, Any] = {
            "labels": {
                **labels,
                "alertname": "BurnlineAnomaly",
                "severity": severity.value,
                "scope": notice.scope,
                "org_id": notice.org_id,
                "agent_id": notice.agent_id,
                "session_id": notice.session_id,
                "anomaly_id": notice.anomaly_id,
            },
            "annotations": {"summary": summary(notice), "revision": str(notice.revision)},
            "startsAt": rfc3339(min(notice.opened_at, now_ms)),
            "endsAt": rfc3339(ends_ms),
        }
        if address := page(link, notice):
            alert["generatorURL"] = address
        found.append(alert)
    return found


def webhook(url: str, notice: Anomaly, *, secret: str | None, now_ms: int, link: str | None) -> HttpMessage:
    """A CloudEvent over HTTP in binary mode, signed as Standard Webhooks has it (standardwebhooks.com, spec 1.0).

    The signature is an HMAC-SHA256 over id, timestamp and body; a receiver refuses what is older than some minutes
    and knows a repeat by the id, which stays the same over all attempts.
    """
    body = notice_value(notice)
    headers = {name.replace("ce_", "ce-"): quote(value, safe=" /:.-") for name, value in _text(notice)}
    headers["content-type"] = "application/json"
    if address := page(link, notice):
        headers["ce-link"] = address
    return signed(HttpMessage(url, headers, body), idempotency_key(notice), secret=secret, now_ms=now_ms)


def signed(message: HttpMessage, name: str, *, secret: str | None, now_ms: int) -> HttpMessage:
    """A message with its idempotency key and, where there is a secret, its signature."""
    at_s = str(now_ms // 1000)
    headers = message.headers | {"webhook-id": name, "webhook-timestamp": at_s, "idempotency-key": name}
    if secret is not None:
        headers["webhook-signature"] = signature(secret, name, at_s, message.body)
    return message._replace(headers=headers)


def signature(secret: str, name: str, at_s: str, body: bytes) -> str:
    """The `webhook-signature` of a request. A secret that begins with `whsec_` is base64, any other its own bytes."""
    key = (
        base64.b64decode(secret.removeprefix(WEBHOOK_SECRET_PREFIX))
        if secret.startswith(WEBHOOK_SECRET_PREFIX)
        else secret.encode()
    )
    signed = hmac.new(key, b".".join((name.encode(), at_s.encode(), body)), hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


def pagerduty(url: str, notice: Anomaly, *, routing_key: str, link: str | None, notes: Notes) -> list[HttpMessage]:
    """PagerDuty's Events API v2: one incident per anomaly, by its dedup key.

    Whoever has acknowledged a warning is paged by nothing more that goes into the same incident. So what rises after an
    acknowledgement is another incident, and a resolution ends both.
    """
    keys = [notice.anomaly_id]
    risen = notice.severity is Severity.CRITICAL
    if notice.state is State.RESOLVED:
        keys += [f"{notice.anomaly_id}:risen"] if risen else []
        bodies: list[dict[str, Any]] = [{"event_action": "resolve", "dedup_key": key} for key in keys]
    else:
        if risen and notes.acknowledgement is not None and notes.acknowledgement.severity is Severity.WARNING:
            keys = [f"{notice.anomaly_id}:risen"]
        bodies = [{"event_action": "trigger", "dedup_key": key, "payload": _payload(notice)} for key in keys]
    address = page(link, notice)
    links = [{"href": address, "text": "The anomaly on Burnline's dashboard"}] if address else []
    more = {"routing_key": routing_key, **({"links": links} if links else {})}
    return [HttpMessage(url, {"content-type": "application/json"}, {**body, **more}) for body in bodies]


def pagerduty_acknowledges(url: str, notice: Anomaly, *, routing_key: str, notes: Notes) -> HttpMessage | None:
    """What PagerDuty is told of an acknowledgement; None if there is none that holds."""
    if quiet(Notes(acknowledgement=notes.acknowledgement), notice, now_ms=0) is not Quiet.ACKNOWLEDGED:
        return None
    body = {"routing_key": routing_key, "event_action": "acknowledge", "dedup_key": notice.anomaly_id}
    return HttpMessage(url, {"content-type": "application/json"}, body)


def _payload(notice: Anomaly) -> dict[str, Any]:
    return {
        "summary": summary(notice)[:1024],
        "source": f"burnline/{notice.org_id}/{notice.agent_id}",
        "severity": notice.severity.value,
        "timestamp": datetime.fromtimestamp(notice.updated_at / 1000, UTC).isoformat(),
        "group": notice.org_id,
        "class": "burn",
        "custom_details": notice.model_dump(mode="json"),
    }


class Silence(NamedTuple):
    """A silence of Alertmanager's v2 API: what it matches, how long, who says so and why."""

    matchers: tuple[tuple[str, str], ...]
    ends_ms: int
    by: str
    comment: str

    def body(self, now_ms: int) -> dict[str, Any]:
        """What is posted."""
        return {
            "matchers": [
                {"name": name, "value": value, "isRegex": False, "isEqual": True} for name, value in self.matchers
            ],
            "startsAt": rfc3339(now_ms),
            "endsAt": rfc3339(self.ends_ms),
            "createdBy": self.by,
            "comment": self.comment,
        }


def silences(notice: Anomaly, notes: Notes, *, now_ms: int) -> dict[str, Silence]:
    """What Alertmanager keeps silent of an anomaly, by the comment's first words, which say whose silence it is.

    An acknowledgement silences the severity that it was made at: the alert of another severity is another alert.
    """
    found: dict[str, Silence] = {}
    if notice.state is State.RESOLVED:
        return found
    mine = ("anomaly_id", notice.anomaly_id)
    seen, silence = notes.acknowledgement, notes.silence
    if seen is not None and seen.severity is not None:
        head = "Burnline: acknowledged"
        ends_ms = seen.at + ACKNOWLEDGED_LASTS_S * 1000
        matchers = (mine, ("severity", seen.severity.value))
        found[head] = Silence(matchers, ends_ms, seen.by, _comment(head, seen.words))
    if silence is not None and silence.until is not None and silence.until > now_ms:
        head = "Burnline: silenced"
        found[head] = Silence((mine,), silence.until, silence.by, _comment(head, silence.words))
    return found


def _comment(head: str, words: str | None) -> str:
    return head if words is None else f"{head}. {words}"


def title(notice: Anomaly) -> str:
    """A few words for a message's head."""
    return f"Burnline: {notice.severity.value} {notice.state.value}, {notice.org_id} / {notice.agent_id}"


def made_up(state: State, severity: Severity, revision: int, now_ms: int, name: str) -> Anomaly:
    """A notice of a made-up anomaly, to try a sink with."""
    burn = "0" if state is State.RESOLVED else "72" if severity is Severity.CRITICAL else "9"
    return Anomaly.model_validate(
        {
            "anomaly_id": name, "revision": revision, "state": state, "severity": severity, "org_id": "burnline-test",
            "agent_id": "made-up", "session_id": "made-up-session", "opened_at": now_ms, "updated_at": now_ms,
            "burn_usd_per_hour": {"60s": burn, "300s": burn}, "baseline_usd_per_hour": "1",
            "baseline_source": "default",
            "multiplier": "5", "ratio": f"{burn}.000", "spend_usd": "1.25",
            "evidence": {"topic": "none", "partition": 0, "offset": 0, "event_id": "made-up"},
            "resolved_by": "clock" if state is State.RESOLVED else None,
        }
    )  # fmt: skip


def _text(notice: Anomaly) -> list[tuple[str, str]]:
    return [(name, value.decode()) for name, value in cloudevent_headers(notice)]
