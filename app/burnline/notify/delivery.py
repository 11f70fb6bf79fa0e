"""Sends one message to a sink, and says what came of it."""

import ipaddress
import json
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import urllib3

from burnline.detection.anomaly import Anomaly
from burnline.notify import messages
from burnline.notify.messages import HttpMessage
from burnline.notify.sinks import AlertmanagerSink, AppriseSink, PagerDutySink, Sink, WebhookSink

Environment = dict[str, str]
Send = Callable[[Anomaly], "Result"]
_PERMANENT = frozenset(range(400, 500)) - {408, 409, 421, 425, 429}
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an attempt.

    Attributes:
        sent: The sink has it.
        hopeless: No further attempt can help: the sink refuses this very message.
        detail: A sentence, without a secret.
        retry_after_s: When the sink wants to be asked again.
    """

    sent: bool
    detail: str
    hopeless: bool = False
    retry_after_s: float | None = None


def sender(sink: Sink, environment: Environment, link: str | None, now_ms: Callable[[], int]) -> Send:
    """How a sink is told of a notice.

    Raises:
        SinksError: A secret is not there.
    """
    if isinstance(sink, AppriseSink):
        return _apprise(sink.address.read(environment), link)
    build: Callable[[Anomaly], HttpMessage]
    if isinstance(sink, AlertmanagerSink):
        address = f"{sink.url.rstrip('/')}/api/v2/alerts"
        labels = sink.labels

        def build(notice: Anomaly) -> HttpMessage:
            body = messages.alerts(notice, now_ms=now_ms(), labels=labels, link=link)
            return HttpMessage(address, {"content-type": "application/json"}, body)

    elif isinstance(sink, WebhookSink):
        url, secret = sink.url, None if sink.secret is None else sink.secret.read(environment)

        def build(notice: Anomaly) -> HttpMessage:
            return messages.webhook(url, notice, secret=secret, now_ms=now_ms(), link=link)

    else:
        assert isinstance(sink, PagerDutySink)  # noqa: S101  # there is no other kind
        pager, key = sink.url, sink.routing_key.read(environment)

        def build(notice: Anomaly) -> HttpMessage:
            return messages.pagerduty(pager, notice, routing_key=key, link=link)

    pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(sink.timeout_s))
    return lambda notice: post(pool, build(notice), allow_local=sink.allow_local)


def post(pool: urllib3.PoolManager, message: HttpMessage, *, allow_local: bool) -> Result:
    """POST once; a redirect is not followed, as it could lead anywhere."""
    refused = None if allow_local else leads_home(message.url)
    if refused:
        return Result(sent=False, detail=refused)
    body = message.body if isinstance(message.body, bytes) else json.dumps(message.body).encode()
    try:
        answer = pool.request("POST", message.url, body=body, headers=message.headers, redirect=False)
    except urllib3.exceptions.HTTPError as error:
        return Result(sent=False, detail=f"{urlsplit(message.url).netloc}: {type(error).__name__}")
    if 200 <= answer.status < 300:
        return Result(sent=True, detail=f"{answer.status}")
    said = answer.data[:_SHOWN].decode("utf-8", "replace")
    return Result(
        sent=False,
        detail=f"{urlsplit(message.url).netloc} answered {answer.status}: {said}",
        hopeless=answer.status in _PERMANENT or 300 <= answer.status < 400,
        retry_after_s=retry_after(answer.headers.get("Retry-After"), datetime.now(UTC)),
    )


def retry_after(text: str | None, now: datetime) -> float | None:
    """Seconds out of a `Retry-After` header (RFC 9110, 10.2.3): a number of them or a date; None if it says nothing."""
    if text is None:
        return None
    if text.strip().isdigit():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds())


def leads_home(url: str) -> str | None:
    """Why an address may not be called: it leads to this machine or its link (such as a cloud's metadata); else None.

    A file that others may edit must not make the notifier call what only it can reach (SSRF).
    """
    host = urlsplit(url).hostname or ""
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return f"{host} cannot be resolved"
    for text in sorted(map(str, found)):
        address = ipaddress.ip_address(text.partition("%")[0])
        if address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast:
            return f"{host} is {address}: allow_local of the sink says whether that is meant"
    return None


def _apprise(address: str, link: str | None) -> Send:
    from apprise import Apprise, NotifyType

    told = Apprise()
    if not told.add(address):
        return lambda _: Result(sent=False, hopeless=True, detail="Apprise does not know an address of this kind")
    kinds = {"critical": NotifyType.FAILURE, "warning": NotifyType.WARNING}

    def send(notice: Anomaly) -> Result:
        body = "\n".join(filter(None, (messages.summary(notice), messages.page(link, notice))))
        kind = NotifyType.SUCCESS if notice.state.value == "resolved" else kinds[notice.severity.value]
        done = told.notify(body=body, title=messages.title(notice), notify_type=kind)
        return Result(sent=bool(done), detail="sent" if done else "Apprise could not deliver it")

    return send
