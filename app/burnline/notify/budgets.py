"""What each kind of sink is told of a budget, and which sinks want it: pure but for the requests."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote, urlencode

import urllib3

from burnline.budgets.budget import Scope
from burnline.budgets.notice import BudgetNotice, cloudevent_headers
from burnline.detection.anomaly import Severity, rfc3339
from burnline.notify.channels import Environment
from burnline.notify.delivery import Result, pool_of, post
from burnline.notify.mail import DOMAIN, Mailer
from burnline.notify.messages import HttpMessage, signed
from burnline.notify.routing import Route
from burnline.notify.sinks import (
    AlertmanagerSink,
    AppriseSink,
    EmailSink,
    Match,
    PagerDutySink,
    Sink,
    SlackSink,
    WebhookSink,
)
from burnline.notify.slack import call, escaped
from burnline.notify.texts import Texts

TellBudget = Callable[[BudgetNotice], Result]
_JSON = {"content-type": "application/json"}


def wanted(match: Match, notice: BudgetNotice) -> Route:
    """Whether a sink wants a budget's notice; one that asks for scopes or causes of anomalies wants none."""
    if not match.budgets or match.scope is not None or match.cause is not None:
        return Route.OTHER_SCOPE
    if match.org_id is not None and notice.org_id not in match.org_id:
        return Route.OTHER_ORG
    if match.agent_id is not None and not (notice.scope is Scope.AGENT and notice.name in match.agent_id):
        return Route.OTHER_AGENT
    if match.severity_floor is Severity.CRITICAL and notice.severity is not Severity.CRITICAL:
        return Route.BELOW_FLOOR
    return Route.SEND


def budget_channel(sink: Sink, environment: Environment, link: str | None, now_ms: Callable[[], int]) -> TellBudget:
    """How a sink is told.

    Raises:
        SinksError: A secret is not there.
    """
    if isinstance(sink, AppriseSink):
        return _apprise(sink.address.read(environment), link)
    if isinstance(sink, EmailSink):
        mailer = Mailer(
            sink, None if sink.password is None else sink.password.read(environment), Texts(None, None, link)
        )
        return lambda notice: mailer.send(mail(sink, notice, link=link))
    pool = pool_of(sink.timeout_s, allow_local=sink.allow_local)
    if isinstance(sink, SlackSink):
        return _slack(sink, sink.token.read(environment), pool, link)
    build: Callable[[BudgetNotice], HttpMessage]
    if isinstance(sink, AlertmanagerSink):
        address, labels = f"{sink.url.rstrip('/')}/api/v2/alerts", sink.labels

        def build(notice: BudgetNotice) -> HttpMessage:
            return HttpMessage(address, _JSON, alerts(notice, now_ms=now_ms(), labels=labels, link=link))

    elif isinstance(sink, WebhookSink):
        url, secret = sink.url, None if sink.secret is None else sink.secret.read(environment)

        def build(notice: BudgetNotice) -> HttpMessage:
            return webhook(url, notice, secret=secret, now_ms=now_ms(), link=link)

    else:
        assert isinstance(sink, PagerDutySink)  # noqa: S101  # there is no other kind
        pager, key = sink.url, sink.routing_key.read(environment)

        def build(notice: BudgetNotice) -> HttpMessage:
            return pagerduty(pager, notice, routing_key=key, link=link)

    return lambda notice: post(pool, build(notice), allow_local=sink.allow_local)


def page(link: str | None, notice: BudgetNotice) -> str | None:
    """The dashboard's page of budgets, if there is one."""
    if link is None:
        return None
    names = {"scope": notice.scope.value, "org_id": notice.org_id, "name": notice.name}
    return f"{link.rstrip('/')}/budgets?{urlencode({name: value for name, value in names.items() if value})}"


def alerts(notice: BudgetNotice, *, now_ms: int, labels: dict[str, str], link: str | None) -> list[dict[str, Any]]:
    """A notice as alerts of Alertmanager's v2 API, which end with the period: nobody has to renew them.

    The one of the other severity is ended by the same request; to end one that never was is nothing.
    """
    found = []
    for severity in Severity:
        firing = severity is notice.severity
        alert: dict[str, Any] = {
            "labels": {
                **labels,
                "alertname": "BurnlineBudget",
                "severity": severity.value,
                "scope": notice.scope.value,
                "org_id": notice.org_id,
                "name": notice.name,
                "budget": notice.budget,
            },
            "annotations": {"summary": notice.summary, "threshold_percent": str(notice.threshold_percent)},
            "startsAt": rfc3339(min(notice.reached_at, now_ms)),
            "endsAt": rfc3339(max(notice.period_end, now_ms) if firing else now_ms),
        }
        if address := page(link, notice):
            alert["generatorURL"] = address
        found.append(alert)
    return found


def webhook(url: str, notice: BudgetNotice, *, secret: str | None, now_ms: int, link: str | None) -> HttpMessage:
    """A CloudEvent over HTTP, signed as those of anomalies are."""
    headers = {
        name.replace("ce_", "ce-"): quote(value.decode(), safe=" /:.-") for name, value in cloudevent_headers(notice)
    }
    if address := page(link, notice):
        headers["ce-link"] = address
    body = notice.model_dump_json().encode()
    return signed(HttpMessage(url, headers | _JSON, body), notice.notice_id, secret=secret, now_ms=now_ms)


def pagerduty(url: str, notice: BudgetNotice, *, routing_key: str, link: str | None) -> HttpMessage:
    """PagerDuty's Events API v2: one incident for a subject's budget and period."""
    body: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": "trigger",
        "dedup_key": f"{notice.budget}/{notice.org_id}/{notice.name}/{notice.period_start}"[:255],
        "payload": {
            "summary": notice.summary[:1024],
            "source": f"burnline/{notice.org_id}/{notice.name or notice.scope.value}",
            "severity": notice.severity.value,
            "timestamp": datetime.fromtimestamp(notice.reached_at / 1000, UTC).isoformat(),
            "group": notice.org_id,
            "class": "budget",
            "custom_details": json.loads(notice.model_dump_json()),
        },
    }
    if address := page(link, notice):
        body["links"] = [{"href": address, "text": "Budgets on Burnline's dashboard"}]
    return HttpMessage(url, _JSON, body)


def mail(sink: EmailSink, notice: BudgetNotice, *, link: str | None) -> EmailMessage:
    """A notice as a mail; the same notice always has the same id."""
    found = EmailMessage()
    found["Subject"] = " ".join(f"Burnline: {_title(notice)}".split())
    found["From"] = sink.sender
    found["To"] = ", ".join(sink.to)
    found["Date"] = format_datetime(datetime.fromtimestamp(notice.reached_at / 1000, UTC))
    found["Message-ID"] = f"<{notice.notice_id}@{DOMAIN}>"
    found["Auto-Submitted"] = "auto-generated"
    found.set_content("\n\n".join(filter(None, (notice.summary, page(link, notice)))) + "\n")
    return found


def _title(notice: BudgetNotice) -> str:
    return f"{notice.threshold_percent} % of the budget of {notice.scope} {notice.org_id} {notice.name}".rstrip()


def _slack(sink: SlackSink, token: str, pool: urllib3.PoolManager, link: str | None) -> TellBudget:
    def ask(message: HttpMessage) -> Result:
        return post(pool, message, allow_local=sink.allow_local)

    def tell(notice: BudgetNotice) -> Result:
        text = "\n".join(filter(None, (escaped(notice.summary), page(link, notice))))
        return call(sink, token, ask, "chat.postMessage", {"channel": sink.channel, "text": text})[0]

    return tell


def _apprise(address: str, link: str | None) -> TellBudget:
    from apprise import Apprise, NotifyType

    told = Apprise()
    if not told.add(address):
        return lambda _: Result(sent=False, hopeless=True, detail="Apprise does not know an address of this kind")

    def tell(notice: BudgetNotice) -> Result:
        kind = NotifyType.FAILURE if notice.severity is Severity.CRITICAL else NotifyType.WARNING
        body = "\n".join(filter(None, (notice.summary, page(link, notice))))
        done = told.notify(body=body, title=f"Burnline: {_title(notice)}", notify_type=kind)
        return Result(sent=bool(done), detail="sent" if done else "Apprise could not deliver it")

    return tell
