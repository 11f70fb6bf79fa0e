"""The sinks file: where notices go, which of them, and with which secrets."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from burnline.detection.anomaly import Severity, State
from burnline.detection.learned.rules import Cause
from burnline.detection.subject import AnomalyScope
from burnline.notify.muting import MuteTime
from burnline.notify.texts import Texts

_Names = Annotated[list[str], Field(max_length=100)]


class SinksError(ValueError):
    """The file cannot be used; `mistakes` lists every reason."""

    def __init__(self, mistakes: list[str]) -> None:
        """Take every mistake, each a sentence."""
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


class Secret(BaseModel):
    """A secret by where it stands; never in the file itself, a topic or the log."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Path | None = None
    env: Annotated[str | None, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.file is None) == (self.env is None):
            raise ValueError("give one of file and env")
        return self

    def read(self, environment: dict[str, str]) -> str:
        """The secret's text.

        Raises:
            SinksError: It is not there.
        """
        if self.env is not None:
            found = environment.get(self.env, "")
            where = f"the environment variable {self.env}"
        else:
            assert self.file is not None  # noqa: S101  # one of them is there
            try:
                found = self.file.read_text("utf-8").strip()
            except OSError as error:
                raise SinksError([f"secret file {self.file}: {error.strerror}"]) from error
            where = f"the file {self.file}"
        if not found:
            raise SinksError([f"{where} holds no secret"])
        return found


class Match(BaseModel):
    """Which notices a sink wants. Lists are any of; what is absent is everything."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    org_id: _Names | None = None
    agent_id: _Names | None = None
    severity_floor: Severity = Severity.WARNING
    scope: Annotated[list[AnomalyScope] | None, Field(min_length=1)] = None
    cause: Annotated[
        list[Cause] | None, Field(min_length=1, description="Only what the learned rules tell has a cause.")
    ] = None
    states: Annotated[list[State], Field(min_length=1)] = list(State)
    budgets: Annotated[bool, Field(description="Whether it is told of thresholds of budgets, too.")] = True


class _Sink(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="Part of its consumer group's name.")]
    match: Match = Match()
    mute: Annotated[
        list[MuteTime], Field(description="When it is told nothing; what is open afterwards is told then.")
    ] = []
    give_up_after_s: Annotated[float, Field(gt=0, le=604_800, description="Then a notice is parked.")] = 3_600
    max_age_s: Annotated[
        float, Field(gt=0, description="A notice written longer ago is passed over: a new sink hears no history.")
    ] = 86_400
    timeout_s: Annotated[float, Field(gt=0, le=120)] = 10
    allow_local: Annotated[
        bool, Field(description="Whether it may lead to this machine or its link: loopback, link-local.")
    ] = False


class AlertmanagerSink(_Sink):
    """Prometheus Alertmanager, by its v2 API."""

    kind: Literal["alertmanager"]
    url: Annotated[str, Field(pattern=r"^https?://")]
    labels: dict[str, str] = {}

    @model_validator(mode="after")
    def _mutes_there(self) -> Self:
        if self.mute:
            raise ValueError("mute: Alertmanager has mute times of its own (mute_time_intervals of its routes)")
        return self


class WebhookSink(_Sink):
    """Any HTTP endpoint: a CloudEvent in binary mode, signed as Standard Webhooks does."""

    kind: Literal["webhook"]
    url: Annotated[str, Field(pattern=r"^https?://")]
    secret: Secret | None = None


class PagerDutySink(_Sink):
    """PagerDuty, Events API v2."""

    kind: Literal["pagerduty"]
    url: Annotated[str, Field(pattern=r"^https?://")] = "https://events.pagerduty.com/v2/enqueue"
    routing_key: Secret


class _ForPeople(_Sink):
    """One that is told in words: a title and a text, Jinja templates each."""

    title: Annotated[str | None, Field(max_length=1_000)] = None
    text: Annotated[str | None, Field(max_length=20_000)] = None

    @model_validator(mode="after")
    def _templates(self) -> Self:
        Texts.checked(self.title, self.text)
        return self


class SlackSink(_ForPeople):
    """Slack by a bot's token: one message for each anomaly, changed in place over its life."""

    kind: Literal["slack"]
    token: Secret
    channel: Annotated[str, Field(min_length=1, description="Id of the channel, such as C0123456789.")]
    url: Annotated[str, Field(pattern=r"^https?://")] = "https://slack.com/api"


class EmailSink(_ForPeople):
    """E-mail by SMTP; the mails of an anomaly are one thread."""

    kind: Literal["email"]
    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65_535)] = 587
    tls: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password: Secret | None = None
    sender: Annotated[str, Field(alias="from", min_length=3)]
    to: Annotated[list[str], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("give both of username and password, or none")
        return self


class AppriseSink(_ForPeople):
    """Teams, Discord, a Slack webhook and a hundred others, by the address that Apprise gives them."""

    kind: Literal["apprise"]
    address: Secret


Sink = Annotated[
    AlertmanagerSink | WebhookSink | PagerDutySink | SlackSink | EmailSink | AppriseSink, Field(discriminator="kind")
]


class Sinks(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    link: Annotated[
        str | None, Field(pattern=r"^https?://", description="Address of the dashboard, for links in notices.")
    ] = None
    sinks: Annotated[list[Sink], Field(min_length=1)]

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        names = [sink.name for sink in self.sinks]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two sinks are called {', '.join(twice)}")
        return self


_FILE = TypeAdapter(Sinks)


def read_sinks(path: Path) -> Sinks:
    """The sinks of a TOML file.

    Raises:
        SinksError: It cannot be read, or something in it is wrong; every mistake is listed.
    """
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SinksError([f"{path}: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SinksError([f"{path}: {error}"]) from error
    try:
        return _FILE.validate_python(content)
    except ValidationError as error:
        mistakes = [f"{path}: {'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
        raise SinksError(mistakes) from None
