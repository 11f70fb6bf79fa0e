"""Slack: one message for each anomaly, changed in place; what people should hear is also said in its thread."""

import json
import logging
from typing import Any

from burnline.detection.anomaly import Anomaly, Severity, State
from burnline.detection.notes import Notes
from burnline.notify.channel import Ask, Channel
from burnline.notify.delivery import Result
from burnline.notify.messages import HttpMessage
from burnline.notify.places import Place, Places
from burnline.notify.sinks import SlackSink
from burnline.notify.texts import Text, Texts

_PASSING = {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
_GONE = {"message_not_found", "edit_window_closed", "cant_update_message", "thread_not_found"}
"""The message cannot be changed any more: there is to be another one."""
_COLOURS = {Severity.WARNING: "#ecb22e", Severity.CRITICAL: "#e01e5a"}
_CALM = "#2eb67d"

_log = logging.getLogger(__name__)


def slack(sink: SlackSink, token: str, texts: Texts, places: Places, ask: Ask) -> Channel:
    """How Slack is told."""
    there = _Slack(sink, token, texts, places, ask)
    return Channel(there.tell, there.said, closes=True)


class _Slack:
    def __init__(self, sink: SlackSink, token: str, texts: Texts, places: Places, ask: Ask) -> None:
        self._sink = sink
        self._token = token
        self._texts = texts
        self._places = places
        self._ask = ask

    def tell(self, notice: Anomaly, notes: Notes) -> Result:
        """Post or change the message; a change alone is heard by nobody, so what rises is said in its thread, too."""
        text, name = self._texts.of(notice, notes), self._name(notice)
        place = self._places.get(name)
        if place is not None:
            result, gone = self._changed(place, notice, text)
            if not gone:
                loud = result.sent and notice.state is not State.RESOLVED
                return self._reply(place, text) if loud else result
        if notice.state is State.RESOLVED:
            return Result(sent=True, detail="there is no message to change")
        return self._posted(name, notice, text)

    def said(self, notice: Anomaly, notes: Notes) -> Result:
        """Change the message, if there is one."""
        place = self._places.get(self._name(notice))
        if place is None:
            return Result(sent=True, detail="there is no message to change")
        result, gone = self._changed(place, notice, self._texts.of(notice, notes))
        return Result(sent=True, detail="the message is gone") if gone else result

    def _name(self, notice: Anomaly) -> str:
        return f"{self._sink.name}/{notice.anomaly_id}"

    def _posted(self, name: str, notice: Anomaly, text: Text) -> Result:
        result, answer = self._call("chat.postMessage", {"channel": self._sink.channel, **_message(notice, text)})
        if result.sent:
            place = Place(channel=str(answer["channel"]), ts=str(answer["ts"]))
            if why := self._places.put(name, place):
                _log.warning("sink %s: where a message stands is not kept: %s", self._sink.name, why)
        return result

    def _changed(self, place: Place, notice: Anomaly, text: Text) -> tuple[Result, bool]:
        result, answer = self._call("chat.update", {**place.model_dump(), **_message(notice, text)})
        return result, answer.get("error") in _GONE

    def _reply(self, place: Place, text: Text) -> Result:
        body = {"channel": place.channel, "thread_ts": place.ts, "reply_broadcast": True, "text": escaped(text.title)}
        return self._call("chat.postMessage", body)[0]

    def _call(self, method: str, body: dict[str, Any]) -> tuple[Result, dict[str, Any]]:
        return call(self._sink, self._token, self._ask, method, body)


def call(sink: SlackSink, token: str, ask: Ask, method: str, body: dict[str, Any]) -> tuple[Result, dict[str, Any]]:
    """Ask a method of Slack's Web API; what came of it, and the answer: Slack refuses with a status of 200, too."""
    headers = {"content-type": "application/json; charset=utf-8", "authorization": f"Bearer {token}"}
    result = ask(HttpMessage(f"{sink.url.rstrip('/')}/{method}", headers, body))
    if not result.sent:
        return result, {}
    try:
        answer = json.loads(result.answer)
    except ValueError:
        return Result(sent=False, detail=f"{method}: no JSON came back"), {}
    if isinstance(answer, dict) and answer.get("ok") is True:
        return result, answer
    error = str(answer.get("error")) if isinstance(answer, dict) else "no object came back"
    refused = Result(sent=False, detail=f"{method}: {error[:100]}", hopeless=error not in _PASSING)
    return refused, {"error": error}


def escaped(text: str) -> str:
    """Text that Slack takes for text: no mention and no link can be made of what a publisher wrote."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _message(notice: Anomaly, text: Text) -> dict[str, Any]:
    colour = _CALM if notice.state is State.RESOLVED else _COLOURS[notice.severity]
    body = {"color": colour, "text": escaped(text.body), "fallback": escaped(text.title)}
    return {"text": escaped(text.title), "attachments": [body], "unfurl_links": False}
