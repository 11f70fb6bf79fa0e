"""What a sink would be told of a notice, for people to look at. Secrets are left out; nothing is sent."""

import json
from typing import Any

from burnline.detection.anomaly import Anomaly
from burnline.detection.notes import NOTHING_SAID
from burnline.notify import messages
from burnline.notify.mail import mail
from burnline.notify.sinks import AlertmanagerSink, AppriseSink, EmailSink, PagerDutySink, Sink, SlackSink
from burnline.notify.texts import Texts


def preview(sink: Sink, notice: Anomaly, link: str | None, now_ms: int) -> str:
    """Title and text where people are told in words, a whole mail, else the request's body as JSON.

    Args:
        sink: Which.
        notice: Of what.
        link: Address of the dashboard.
        now_ms: Now, epoch milliseconds.
    """
    if isinstance(sink, SlackSink | EmailSink | AppriseSink):
        text = Texts(sink.title, sink.text, link).of(notice, NOTHING_SAID)
        return mail(sink, notice, text).as_string() if isinstance(sink, EmailSink) else f"{text.title}\n\n{text.body}"
    if isinstance(sink, AlertmanagerSink):
        return _json(messages.alerts(notice, now_ms=now_ms, labels=sink.labels, link=link))
    if isinstance(sink, PagerDutySink):
        told = messages.pagerduty(sink.url, notice, routing_key="(secret)", link=link, notes=NOTHING_SAID)
        return "\n".join(_json(message.body) for message in told)
    told_hook = messages.webhook(sink.url, notice, secret=None, now_ms=now_ms, link=link)
    head = "\n".join(f"{name}: {value}" for name, value in told_hook.headers.items())
    return f"{head}\n\n{_json(json.loads(told_hook.body))}"


def _json(body: Any) -> str:
    return json.dumps(body, indent=2, ensure_ascii=False)
