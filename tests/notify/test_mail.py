"""Mails of an anomaly are one thread, and what comes of a server's answers."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_string
from typing import Any

import pytest

from burnline.detection.anomaly import Anomaly, Severity, State
from burnline.notify.channels import channel
from burnline.notify.delivery import Result
from burnline.notify.mail import DOMAIN
from burnline.notify.messages import made_up
from burnline.notify.places import MemoryPlaces
from burnline.notify.sinks import EmailSink

NOW = 1_764_000_000_000


class Server(socketserver.ThreadingTCPServer):
    """Takes mails by SMTP; `answers` are what it says to MAIL, RCPT or DATA instead of yes."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers = answers
        self.mails: list[str] = []
        super().__init__(("127.0.0.1", 0), _Session)


class _Session(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline().decode().strip():
            word = line[:4].upper()
            refusal = self.server.answers.get(word)
            if refusal == "hang up":
                return
            if word == "DATA" and refusal is None:
                self.wfile.write(b"354 go on\r\n")
                body = iter(lambda: self.rfile.readline().decode().rstrip("\r\n"), ".")
                self.server.mails.append("\n".join(body))
            self.wfile.write(f"{refusal or ('221 bye' if word == 'QUIT' else '250 yes')}\r\n".encode())
            if word == "QUIT":
                return


@contextmanager
def smtp(**answers: str) -> Iterator[Server]:
    with Server(answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(10)


def told(server: Server, notice: Anomaly, **changes: Any) -> Result:
    port = server.server_address[1]
    fields: dict[str, Any] = {
        "name": "mail", "kind": "email", "host": "127.0.0.1", "port": port, "tls": "none", "from": "burn@x.example",
        "to": ["ada@x.example", "ben@x.example"], "allow_local": True, "timeout_s": 5,
    }  # fmt: skip
    sink = EmailSink.model_validate(fields | changes)
    return channel(sink, {}, "https://burn.example", lambda: NOW, MemoryPlaces())(notice)


def notice(revision: int) -> Anomaly:
    return made_up(list(State)[revision - 1], Severity.CRITICAL, revision, NOW, "made-up")


def test_the_mails_of_an_anomaly_are_one_thread() -> None:
    with smtp() as server:
        for revision in (1, 2, 3):
            assert told(server, notice(revision)).sent
        first, *others = map(message_from_string, server.mails)
    assert first["Message-ID"] == f"<made-up.1@{DOMAIN}>"
    assert first["In-Reply-To"] is None
    for mail in others:
        assert mail["In-Reply-To"] == mail["References"] == first["Message-ID"]
        assert mail["Subject"] == f"Re: {first['Subject']}"
    assert len({mail["Message-ID"] for mail in (first, *others)}) == 3
    assert (first["To"], first["Auto-Submitted"]) == ("ada@x.example, ben@x.example", "auto-generated")
    assert "https://burn.example/anomalies/made-up" in first.get_payload()


@pytest.mark.parametrize(
    ("answers", "hopeless", "why"),
    [
        pytest.param({"MAIL": "451 later"}, False, "answered 451", id="later"),
        pytest.param({"MAIL": "550 never"}, True, "answered 550", id="never"),
        pytest.param({"DATA": "452 full"}, False, "answered 452", id="full"),
        pytest.param({"RCPT": "450 busy"}, False, "refuses the recipients", id="recipients that are busy"),
        pytest.param({"RCPT": "550 nobody"}, True, "refuses the recipients", id="no such recipients"),
        pytest.param({"RSET": "451 what?", "MAIL": "550 never"}, True, "answered 550", id="never, and confused"),
        pytest.param({"DATA": "hang up"}, False, "127.0.0.1: ", id="hangs up"),
    ],
)
def test_what_comes_of_a_refusal(answers: dict[str, str], why: str, *, hopeless: bool) -> None:
    with smtp(**answers) as server:
        result = told(server, notice(1))
    assert (result.sent, result.hopeless) == (False, hopeless)
    assert why in result.detail


def test_a_mail_that_was_taken_is_sent_whatever_the_server_says_of_the_end() -> None:
    with smtp(QUIT="500 what?") as server:
        assert told(server, notice(1)).sent
        assert len(server.mails) == 1


def test_this_machine_is_asked_only_where_that_is_meant() -> None:
    with smtp() as server:
        result = told(server, notice(1), allow_local=False)
        assert (result.sent, server.mails) == (False, [])
    assert "allow_local" in result.detail


def test_a_session_of_many_lines_cannot_add_a_header() -> None:
    odd = notice(1).model_copy(update={"session_id": "s\r\nBcc: eve@x.example"})
    with smtp() as server:
        assert told(server, odd).sent
        assert message_from_string(server.mails[0])["Bcc"] is None
