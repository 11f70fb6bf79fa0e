"""E-mail by SMTP: the mails of an anomaly are one thread, by ids that every notifier makes alike."""

import smtplib
import ssl
from contextlib import closing, suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

from burnline.detection.anomaly import Anomaly
from burnline.detection.notes import Notes
from burnline.notify.delivery import Result, leads_home
from burnline.notify.sinks import EmailSink
from burnline.notify.texts import Text, Texts

DOMAIN = "burnline.invalid"
"""Right-hand side of the mails' ids (RFC 2606: nobody's)."""


def mail(sink: EmailSink, notice: Anomaly, text: Text) -> EmailMessage:
    """A notice as a mail; the same notice always has the same id, and all but the first refer to the first."""
    found = EmailMessage()
    first, own = (f"<{notice.anomaly_id}.{revision}@{DOMAIN}>" for revision in (1, notice.revision))
    subject = f"Burnline: {notice.org_id} / {notice.agent_id}, {notice.session_id}"
    found["Subject"] = " ".join(subject.split()) if notice.revision == 1 else f"Re: {' '.join(subject.split())}"
    found["From"] = sink.sender
    found["To"] = ", ".join(sink.to)
    found["Date"] = format_datetime(datetime.fromtimestamp(notice.updated_at / 1000, UTC))
    found["Message-ID"] = own
    if notice.revision > 1:
        found["In-Reply-To"] = found["References"] = first
    found["Auto-Submitted"] = "auto-generated"
    found.set_content(f"{text.title}\n\n{text.body}\n")
    return found


class Mailer:
    """Sends mails, a connection for each: they are few."""

    def __init__(self, sink: EmailSink, password: str | None, texts: Texts) -> None:
        """Take what is needed; nothing is connected yet."""
        self._sink = sink
        self._password = password
        self._texts = texts

    def tell(self, notice: Anomaly, notes: Notes) -> Result:
        """One attempt."""
        return self.send(mail(self._sink, notice, self._texts.of(notice, notes)))

    def send(self, message: EmailMessage) -> Result:
        """One attempt at a mail."""
        sink = self._sink
        refused = None if sink.allow_local else leads_home(f"smtp://{sink.host}")
        if refused:
            return Result(sent=False, detail=refused)
        try:
            with closing(self._connected()) as server:
                server.send_message(message)
                with suppress(smtplib.SMTPException, OSError):  # it has the mail by now
                    server.quit()
        except smtplib.SMTPResponseException as error:
            said = (
                error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
            )
            return Result(
                sent=False, detail=f"{sink.host} answered {error.smtp_code}: {said[:200]}",
                hopeless=500 <= error.smtp_code < 600,
            )  # fmt: skip
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            return Result(
                sent=False, detail=f"{sink.host} refuses the recipients", hopeless=all(code >= 500 for code in codes)
            )
        except (smtplib.SMTPException, OSError) as error:
            return Result(sent=False, detail=f"{sink.host}: {type(error).__name__}")
        return Result(sent=True, detail="sent")

    def _connected(self) -> smtplib.SMTP:
        sink, context = self._sink, ssl.create_default_context()
        server: smtplib.SMTP
        if sink.tls == "tls":
            server = smtplib.SMTP_SSL(sink.host, sink.port, timeout=sink.timeout_s, context=context)
        else:
            server = smtplib.SMTP(sink.host, sink.port, timeout=sink.timeout_s)
        try:
            if sink.tls == "starttls":
                server.starttls(context=context)
            if sink.username is not None and self._password is not None:
                server.login(sink.username, self._password)
        except BaseException:
            server.close()
            raise
        return server
