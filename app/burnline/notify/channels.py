"""How each kind of sink is told of notices, and of what people say of them."""

import json
from collections.abc import Callable
from urllib.parse import quote

from burnline.detection.anomaly import Anomaly
from burnline.detection.notes import Notes
from burnline.notify import messages
from burnline.notify.channel import NOTHING_TO_SAY, Ask, Channel
from burnline.notify.delivery import Result, pool_of, post
from burnline.notify.mail import Mailer
from burnline.notify.messages import HttpMessage
from burnline.notify.places import Places
from burnline.notify.sinks import AlertmanagerSink, AppriseSink, EmailSink, PagerDutySink, Sink, SlackSink, WebhookSink
from burnline.notify.slack import slack
from burnline.notify.texts import Texts

Environment = dict[str, str]
_JSON = {"content-type": "application/json"}


def channel(
    sink: Sink, environment: Environment, link: str | None, now_ms: Callable[[], int], places: Places
) -> Channel:
    """How a sink is told.

    Args:
        sink: Which.
        environment: Where secrets may stand.
        link: Address of the dashboard.
        now_ms: The wall clock, epoch milliseconds.
        places: Where its messages stand, if it changes them in place.

    Raises:
        SinksError: A secret is not there.
    """
    if isinstance(sink, AppriseSink):
        return _apprise(sink.address.read(environment), Texts(sink.title, sink.text, link))
    if isinstance(sink, EmailSink):
        password = None if sink.password is None else sink.password.read(environment)
        return Channel(Mailer(sink, password, Texts(sink.title, sink.text, link)).tell)
    pool = pool_of(sink.timeout_s, allow_local=sink.allow_local)

    def ask(message: HttpMessage) -> Result:
        return post(pool, message, allow_local=sink.allow_local)

    if isinstance(sink, SlackSink):
        return slack(sink, sink.token.read(environment), Texts(sink.title, sink.text, link), places, ask)
    if isinstance(sink, AlertmanagerSink):
        return _alertmanager(sink, ask, link, now_ms)
    if isinstance(sink, WebhookSink):
        url, secret = sink.url, None if sink.secret is None else sink.secret.read(environment)
        return Channel(lambda notice, _: ask(messages.webhook(url, notice, secret=secret, now_ms=now_ms(), link=link)))
    return _pagerduty(sink, sink.routing_key.read(environment), ask, link)


def each(ask: Ask, wanted: list[HttpMessage]) -> Result:
    """Ask for one after the other, up to the first that fails; asked for again, all of them do no harm."""
    result = NOTHING_TO_SAY
    for message in wanted:
        result = ask(message)
        if not result.sent:
            break
    return result


def _pagerduty(sink: PagerDutySink, key: str, ask: Ask, link: str | None) -> Channel:
    def tell(notice: Anomaly, notes: Notes) -> Result:
        return each(ask, messages.pagerduty(sink.url, notice, routing_key=key, link=link, notes=notes))

    def said(notice: Anomaly, notes: Notes) -> Result:
        message = messages.pagerduty_acknowledges(sink.url, notice, routing_key=key, notes=notes)
        return NOTHING_TO_SAY if message is None else ask(message)

    return Channel(tell, said, closes=True)


def _alertmanager(sink: AlertmanagerSink, ask: Ask, link: str | None, now_ms: Callable[[], int]) -> Channel:
    api = f"{sink.url.rstrip('/')}/api/v2"

    def tell(notice: Anomaly, _: Notes) -> Result:
        body = messages.alerts(notice, now_ms=now_ms(), labels=sink.labels, link=link)
        return ask(HttpMessage(f"{api}/alerts", _JSON, body))

    def said(notice: Anomaly, notes: Notes) -> Result:
        mine = quote(f'anomaly_id="{notice.anomaly_id}"')
        found = ask(HttpMessage(f"{api}/silences?filter={mine}", {}, None, "GET"))
        if not found.sent:
            return found
        wanted = messages.silences(notice, notes, now_ms=now_ms())
        steps = []
        for held in json.loads(found.answer):
            head = str(held["comment"]).partition(".")[0]
            if held["status"]["state"] == "expired" or not head.startswith("Burnline: "):
                continue
            if head in wanted:
                steps.append(
                    HttpMessage(f"{api}/silences", _JSON, {"id": held["id"], **wanted.pop(head).body(now_ms())})
                )
            else:
                steps.append(HttpMessage(f"{api}/silence/{held['id']}", {}, None, "DELETE"))
        steps += [HttpMessage(f"{api}/silences", _JSON, silence.body(now_ms())) for silence in wanted.values()]
        return each(ask, steps)

    return Channel(tell, said, closes=True, silences=True)


def _apprise(address: str, texts: Texts) -> Channel:
    from apprise import Apprise, NotifyType

    told = Apprise()
    if not told.add(address):
        refused = Result(sent=False, hopeless=True, detail="Apprise does not know an address of this kind")
        return Channel(lambda *_: refused)
    kinds = {"critical": NotifyType.FAILURE, "warning": NotifyType.WARNING}

    def tell(notice: Anomaly, notes: Notes) -> Result:
        text = texts.of(notice, notes)
        kind = NotifyType.SUCCESS if notice.state.value == "resolved" else kinds[notice.severity.value]
        done = told.notify(body=text.body, title=text.title, notify_type=kind)
        return Result(sent=bool(done), detail="sent" if done else "Apprise could not deliver it")

    return Channel(tell)
