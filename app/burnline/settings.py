"""The one settings object: environment first, then an optional TOML file, then defaults.

Every setting is read from `BURNLINE_<NAME>`, or from `<name>` in the TOML file that `BURNLINE_CONFIG` (or `--config`)
names. All mistakes are collected and reported at once by `load_settings`.
"""

import os
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from burnline.addresses import is_origin, is_trusted_url
from burnline.bootstrap import canonical_brokers
from burnline.ledger.bounds import MAX_DUPLICATE_IDS

ENV_PREFIX = "BURNLINE_"
SLICE_S = 10
"""Length of a tumbling slice; windows are whole numbers of slices."""

# Read by other parts of the system, and so no typing mistakes when they stand in the environment.
_FOREIGN = {"CONFIG", "NOTIFY_SINKS", "MCP_API_URL", "MCP_TOKEN"}
_FOREIGN_PREFIXES = ("TEST_", "BENCH_", "FAULT_")

_DATABASE = re.compile(r"[0-9]{1,5}", re.ASCII)
_LINK_NAME = re.compile(r"\w+_SERVICE_(HOST|PORT(_\w+)?)|\w+_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?")
_LINK_VALUE = re.compile(r"(tcp|udp|sctp)://\S+:\d+")

Port = Annotated[int, Field(ge=0, le=65535)]
Usd = Annotated[Decimal, Field(ge=0, le=1_000_000_000, max_digits=22, decimal_places=12)]
WindowSeconds = Annotated[int, Field(ge=SLICE_S, le=86_400, multiple_of=SLICE_S)]


_SWITCHES = frozenset({"seed_api"})
"""Settings that are on or off: `true` and `false`, in TOML without quotes, too."""


class SettingsError(ValueError):
    """One or more settings are wrong; `mistakes` holds a sentence for each."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(mistakes))


class Settings(BaseSettings):
    """Everything an operator can set. Units are in the names; secrets are never printed."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, extra="forbid", frozen=True, validate_default=True)

    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How to talk to the brokers."
    )
    kafka_bootstrap_servers: str = Field("127.0.0.1:9092", min_length=1, description="Brokers, host:port, by commas.")
    kafka_ssl_ca_location: Path | None = Field(None, description="CA bundle (PEM) behind the brokers' certificates.")
    kafka_ssl_certificate_location: Path | None = Field(None, description="Client certificate (PEM).")
    kafka_ssl_key_location: Path | None = Field(None, description="Client key (PEM).")
    kafka_ssl_key_password: SecretStr | None = Field(None, description="Password of the client key.")
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "PLAIN", description="SASL mechanism, for the SASL_ protocols."
    )
    kafka_sasl_username: str | None = Field(None, description="SASL user.")
    kafka_sasl_password: SecretStr | None = Field(None, description="SASL password.")

    app_id: str = Field(
        "burnline",
        pattern=r"^[A-Za-z0-9._-]{1,100}$",
        description="Consumer group, and the stem of the transactional ids. Workers with one id share the work.",
    )
    topic_prefix: str = Field("finops.", pattern=r"^[A-Za-z0-9._-]{0,100}$", description="Stands before every topic.")
    usage_topic: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9._-]{1,200}$",
        description="Full name of the topic with usage events, where it is another one than the prefix says: for a "
        "second set of sums beside the first. Not set: `usage` behind the prefix.",
    )
    partitions: int = Field(4, ge=1, le=1024, description="Partitions of usage, sessions, anomalies and dead-letters.")
    replication_factor: int = Field(1, ge=1, le=9, description="Replicas of each topic that Burnline creates.")
    min_insync_replicas: int = Field(1, ge=1, le=9, description="Replicas that must have a write before it counts.")
    group_instance_id: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9._-]{1,200}$",
        description="Static group membership: a stable name per worker, so that a quick restart keeps its partitions.",
    )
    session_timeout_ms: int = Field(
        10_000, ge=1_000, le=300_000, description="A worker silent for this long loses its partitions."
    )
    flush_interval_ms: int = Field(
        1_000, ge=50, le=60_000, description="How often ledgers, notices and progress are written."
    )

    judge_by: Literal["log_time", "event_time"] = Field(
        "log_time",
        description="What moves windows on: when the log took the events, or their own times, as if it had taken each "
        "as it happened. The latter is for replays, on topics of their own.",
    )
    max_clock_skew_ms: int = Field(
        300_000, ge=0, le=86_400_000, description="How far ahead of when the log took it an event's time may be."
    )
    duplicate_ids_per_session: int = Field(
        64,
        ge=0,
        le=MAX_DUPLICATE_IDS,
        description="At least so many newest events of a session are known as duplicates.",
    )
    duplicate_ids_per_partition: int = Field(
        250_000, ge=0, le=50_000_000, description="And of all sessions of a partition: at least so many."
    )
    event_id_scope: Literal["session", "org"] = Field(
        "session",
        description="In what an event id is unique. org: a fork that repeats its parent's events counts them once, as "
        "far as both are on one partition.",
    )
    short_window_s: WindowSeconds = Field(60, description="Short burn window.")
    long_window_s: WindowSeconds = Field(300, description="Long burn window.")
    window_retention_s: WindowSeconds = Field(
        600,
        description="How long slices are held; events older than that when the log takes them are in the totals alone.",
    )
    baseline_usd_per_hour: Usd = Field(Decimal("1.00"), description="Baseline of an agent that has none of its own.")
    anomaly_multiplier: Annotated[Decimal, Field(gt=0, le=1_000_000, decimal_places=6)] = Field(
        Decimal(5), description="A burn above baseline × this is an anomaly."
    )
    critical_factor: Annotated[Decimal, Field(ge=1, le=1_000_000, decimal_places=6)] = Field(
        Decimal(3), description="Critical from this many times the anomaly threshold."
    )
    minimum_spend_usd: Usd = Field(Decimal("0.05"), description="Least spend in the long window for an anomaly.")
    recovery_factor: Annotated[Decimal, Field(gt=0, le=1, decimal_places=6)] = Field(
        Decimal("0.8"), description="An anomaly is over only below this part of the line that opened it."
    )
    resolve_after_s: WindowSeconds = Field(180, description="Resolved when the short window was below that so long.")

    learned: Literal["off", "suggest", "auto"] = Field(
        "suggest",
        description="What `burnline detect` does: nothing; show what the learned rules find, and send it to nobody; or "
        "tell of every agent without a baseline of its own, in place of the line above.",
    )
    detect_metrics_port: Port = Field(
        9468, description="Port of the detector's /metrics, /healthz and /readyz; 0 takes a free one."
    )
    budgets_metrics_port: Port = Field(
        9469, description="Port of /metrics, /healthz and /readyz of `burnline budgets run`; 0 takes a free one."
    )
    notify_metrics_port: Port = Field(
        9466, description="Port of /metrics, /healthz and /readyz of `burnline notify run`; 0 takes a free one."
    )
    otel_metrics_port: Port = Field(
        9467, description="Port of /metrics, /healthz and /readyz of `burnline otel`; 0 takes a free one."
    )
    registry_metrics_port: Port = Field(
        9470, description="Port of /metrics, /healthz and /readyz of `burnline registry`; 0 takes a free one."
    )
    free_providers: str | None = Field(
        None,
        min_length=1,
        description="Providers that cost nothing, by commas, such as ollama,vllm: machines of one's own. Rates that "
        "are set go before it.",
    )

    catalogue_refresh: str | None = Field(
        None,
        min_length=1,
        description="A file or an http(s) address with genai-prices' data.json: once a day it comes into force as the "
        "catalogue of prices, for all workers. Not set: nothing is fetched, and `burnline rates import` does it.",
    )

    retire_after_s: int = Field(
        86_400,
        ge=0,
        le=31_536_000,
        description="A session idle for so long gives up its ledger; its sums stay in a closed rollup. 0: never.",
    )
    rollup_retention_days: int = Field(
        400,
        ge=1,
        le=36_500,
        description="How long the sums per quarter of an hour are kept: all that reports can show.",
    )

    maven_repository: str | None = Field(
        None,
        min_length=1,
        description="Address of the Maven repository from which `burnline up` and `burnline demo --broker apache` "
        "fetch Apache Kafka, such as a company's mirror. Not set: Maven Central.",
    )

    redis_url: str = Field(
        "redis://127.0.0.1:6379/0",
        min_length=1,
        description="Redis or Valkey of the read side: redis://, rediss:// (TLS) or unix://; no password in it.",
    )
    redis_username: str | None = Field(None, description="Redis user (ACL).")
    redis_password: SecretStr | None = Field(None, description="Password of Redis, or of the Redis user.")
    redis_ssl_ca_location: Path | None = Field(
        None, description="CA bundle (PEM) behind Redis' certificate, with rediss://; the system's if not set."
    )
    redis_ssl_certificate_location: Path | None = Field(
        None, description="Client certificate (PEM) for a Redis that asks for one."
    )
    redis_ssl_key_location: Path | None = Field(None, description="Its key (PEM).")
    redis_prefix: str = Field(
        "burnline:", pattern=r"^[A-Za-z0-9._:-]{1,100}$", description="Stands before every key in Redis."
    )
    projector_metrics_port: Port = Field(
        9465, description="Port of the projector's /metrics, /healthz and /readyz; 0 takes a free one."
    )

    api_requests_per_s: int = Field(
        200,
        ge=0,
        le=1_000_000,
        description="Requests per second of one caller, after a first burst of as many. 0: any.",
    )
    api_max_body_bytes: int = Field(65_536, ge=1_024, le=16_777_216, description="Longest body of a request.")
    api_max_ingest_bytes: int = Field(
        4_194_304, ge=1_024, le=67_108_864, description="Longest body of a request that brings usage in."
    )
    api_cors_origins: str | None = Field(
        None,
        min_length=1,
        description="Origins whose pages may call the API from a browser, by commas; none if not set.",
    )
    oidc_issuer: str | None = Field(None, description="OpenID Connect issuer whose JWTs are let in: their iss.")
    oidc_audience: str | None = Field(None, min_length=1, description="What must stand in aud of a JWT.")
    oidc_jwks_url: str | None = Field(
        None, description="Where the issuer's keys are; by its discovery document if not set."
    )
    oidc_client_id: str | None = Field(
        None, min_length=1, description="The dashboard's client at the issuer: browsers sign in there (code flow)."
    )
    oidc_client_secret: SecretStr | None = Field(
        None, min_length=1, description="Secret of that client; a public client has none, and PKCE alone."
    )
    oidc_scopes: str = Field(
        "openid profile email", min_length=6, description="Scopes that a sign-in asks for; openid has to be one."
    )
    oidc_redirect_url: str | None = Field(
        None,
        description="Where the issuer sends browsers back to: the dashboard's address with /sign-in/callback. "
        "By the address that the browser asked if not set.",
    )
    oidc_role_claim: str = Field(
        "burnline_role",
        min_length=1,
        description="Claim with a role (viewer, editor, admin) or a list of them; dots lead into objects.",
    )
    oidc_orgs_claim: str = Field(
        "burnline_orgs", min_length=1, description="Claim with the organisations that are seen; none without it."
    )
    oidc_all_orgs_value: str | None = Field(
        None, min_length=1, description="Value in that claim that means every organisation; nothing does if not set."
    )

    api_host: str = Field("127.0.0.1", min_length=1, description="Address of the REST API.")
    api_port: Port = Field(8080, description="Port of the REST API; 0 takes a free one.")

    seed_api: Literal["false", "true"] = Field(
        "false",
        description="Whether the API also answers below /seed, in the shapes of the system that Burnline grew from: "
        "bare arrays, camelCase, doubles.",
    )
    active_after_s: int = Field(
        900,
        ge=SLICE_S,
        le=31_536_000,
        description="A session counts as active for so long after its newest event, in event time.",
    )

    otel_spans_topic: str = Field(
        "otlp_spans", pattern=r"^[A-Za-z0-9._-]{1,200}$", description="Where the Collector writes spans; full name."
    )
    otel_logs_topic: str = Field(
        "otlp_logs",
        pattern=r"^[A-Za-z0-9._-]{1,200}$",
        description="Where the Collector writes log records; full name.",
    )
    otel_default_org: str = Field(
        "default", min_length=1, max_length=256, description="Organisation of telemetry that names none."
    )
    otel_session_fallback: Literal["agent-day", "trace"] = Field(
        "agent-day",
        description="What a session is where telemetry names no conversation: all that an agent did on a day (UTC), "
        "or a trace.",
    )

    schema_registry_url: str | None = Field(
        None,
        min_length=1,
        description="Schema registry of `burnline registry`, with its path; several by commas, tried in turn. "
        "No password in it.",
    )
    schema_registry_auth_file: Path | None = Field(
        None, description="File with user:password, or with a bearer token, for the schema registry."
    )
    schema_registry_ca_location: Path | None = Field(
        None, description="CA bundle (PEM) behind the schema registry's certificate; what certifi has if not set."
    )
    framed_topic: str = Field(
        "usage-framed",
        pattern=r"^[A-Za-z0-9._-]{1,200}$",
        description="Where values stand that were written with a schema registry; full name.",
    )

    metrics_host: str = Field("127.0.0.1", min_length=1, description="Address of /metrics, /healthz and /readyz.")
    metrics_port: Port = Field(9464, description="Port of /metrics, /healthz and /readyz; 0 takes a free one.")
    metrics_label_limit: int = Field(
        100, ge=1, le=100_000, description="Distinct values per label (org, agent, model); the rest is 'other'."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe line logged.")
    log_format: Literal["text", "json"] = Field(
        "text", description="Lines of the log as text, or each as a JSON object, for programs."
    )
    worker_data_dir: Path | None = Field(None, description="Folder for Faust's own files; a temporary one if not set.")
    kernel: Literal["auto", "native", "python"] = Field(
        "auto", description="How ledgers are counted: by the C kernel if it was built (auto), only by it, or by Python."
    )

    @field_validator("*", mode="before")
    @classmethod
    def _no_switch(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, bool) and info.field_name in _SWITCHES:
            return str(value).lower()
        if isinstance(value, bool):  # TOML has them, and pydantic would take true for 1
            raise ValueError("true and false are no values of this setting")  # noqa: TRY004  # pydantic reports these
        return value

    @field_validator("kafka_bootstrap_servers")
    @classmethod
    def _one_spelling(cls, value: str, info: ValidationInfo) -> str:
        # The protocol is missing where it is itself wrong, which is told then.
        return canonical_brokers(value, info.data.get("kafka_security_protocol", "PLAINTEXT"))

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        mistakes = []
        if self.long_window_s < self.short_window_s:
            mistakes.append(f"long_window_s={self.long_window_s} is shorter than short_window_s={self.short_window_s}")
        least = self.long_window_s + self.resolve_after_s
        if self.window_retention_s < least:
            mistakes.append(
                f"window_retention_s={self.window_retention_s} is less than long_window_s + resolve_after_s = {least}"
            )
        if self.min_insync_replicas > self.replication_factor:
            mistakes.append(
                f"min_insync_replicas={self.min_insync_replicas} exceeds replication_factor={self.replication_factor}"
            )
        named = self.kafka_sasl_username and self.kafka_sasl_password
        if self.kafka_security_protocol.startswith("SASL") and not named:
            mistakes.append(f"{self.kafka_security_protocol} needs kafka_sasl_username and kafka_sasl_password")
        if (self.kafka_ssl_certificate_location is None) != (self.kafka_ssl_key_location is None):
            mistakes.append("kafka_ssl_certificate_location and kafka_ssl_key_location go together")
        mistakes += _redis_mistakes(self.redis_url)
        mistakes += _redis_tls_mistakes(self)
        mistakes += _registry_mistakes(self.schema_registry_url)
        mistakes += _access_mistakes(self)
        if mistakes:
            raise SettingsError(mistakes)
        return self

    @property
    def free_provider_names(self) -> list[str]:
        """The names of `free_providers`, one by one."""
        return [name.strip() for name in (self.free_providers or "").split(",") if name.strip()]

    @property
    def cors_origins(self) -> list[str]:
        """The origins of `api_cors_origins`, one by one."""
        return [origin.strip() for origin in (self.api_cors_origins or "").split(",") if origin.strip()]

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # the library calls it by these names
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order of precedence: arguments, environment, TOML file."""
        file = os.environ.get(ENV_PREFIX + "CONFIG")
        toml = (TomlConfigSettingsSource(settings_cls, file),) if file else ()
        if isinstance(env_settings, EnvSettingsSource):
            links = {name.lower() for name in service_links(os.environ)}
            env_settings.env_vars = {name: value for name, value in env_settings.env_vars.items() if name not in links}
        return (init_settings, env_settings, *toml)


def _access_mistakes(settings: Settings) -> Iterator[str]:
    if (settings.oidc_issuer is None) != (settings.oidc_audience is None):
        yield "oidc_issuer and oidc_audience go together"
    if settings.oidc_jwks_url is not None and settings.oidc_issuer is None:
        yield "oidc_jwks_url needs oidc_issuer and oidc_audience"
    if settings.oidc_client_id is not None and settings.oidc_issuer is None:
        yield "oidc_client_id needs oidc_issuer and oidc_audience"
    if settings.oidc_client_id is None and (settings.oidc_client_secret or settings.oidc_redirect_url):
        yield "oidc_client_secret and oidc_redirect_url need oidc_client_id"
    if "openid" not in settings.oidc_scopes.split():
        yield f"oidc_scopes={settings.oidc_scopes!r} does not hold openid"
    if settings.oidc_redirect_url is not None and not settings.oidc_redirect_url.endswith("/sign-in/callback"):
        yield f"oidc_redirect_url={settings.oidc_redirect_url} does not end with /sign-in/callback"
    back = settings.oidc_redirect_url
    if back is not None and not is_trusted_url(back):
        yield f"oidc_redirect_url={back} is neither https:// nor http:// of this machine: who is between could sign in"
    for name in ("oidc_issuer", "oidc_jwks_url"):
        url = getattr(settings, name)
        if url is not None and not is_trusted_url(url):
            yield f"{name}={url} is neither https:// nor http:// of this machine: who is between could forge keys"
    for origin in settings.cors_origins:
        if not is_origin(origin):
            yield f"api_cors_origins: {origin!r} is no origin such as https://finance.example.com"


def _redis_tls_mistakes(settings: Settings) -> Iterator[str]:
    own, key = settings.redis_ssl_certificate_location, settings.redis_ssl_key_location
    files = {"ca": settings.redis_ssl_ca_location, "certificate": own, "key": key}
    for name, path in files.items():
        if path is not None and not settings.redis_url.startswith("rediss://"):
            yield f"redis_ssl_{name}_location={path} is for rediss://, redis_url is {settings.redis_url}"
    if (own is None) != (key is None):
        missing = "key" if key is None else "certificate"
        yield f"redis_ssl_{missing}_location is missing: a certificate and its key belong together"


def _redis_mistakes(url: str) -> list[str]:
    # The URL is shown where secrets are not, so it must not hold one; nor does a mistake in it repeat it.
    try:
        parts = urlsplit(url)
        if parts.password is not None or parts.username is not None or "password=" in parts.query:
            return ["redis_url holds a user or password: they belong in redis_username and redis_password"]
        whole = parts.path if parts.scheme == "unix" else parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError as error:
        return [f"redis_url is no URL: {error}"]
    if parts.scheme not in {"redis", "rediss", "unix"} or not whole:
        return ["redis_url is none such as redis://host:6379/0, rediss://host:6379/0 or unix:///path/to/socket"]
    return _redis_spelling(url, parts)


def _redis_spelling(url: str, parts: SplitResult) -> list[str]:
    """What redis-py would pass over in silence: it reads a database that it cannot read as 0."""
    if any(character.isspace() or character in "\"'" for character in url) or not url.isascii():
        return ["redis_url holds blanks, quotes or letters outside of ASCII"]
    if parts.fragment or "," in parts.netloc:
        return ["redis_url names one server, and nothing behind #"]
    stated = [] if parts.scheme == "unix" else [parts.path.removeprefix("/")]
    options = parse_qsl(parts.query, keep_blank_values=True)
    if any(name != "db" for name, _ in options):
        return [
            f"redis_url: {min(name for name, _ in options if name != 'db')!r} is no option here; db is the only one"
        ]
    stated += [value for _, value in options]
    wrong = [database for database in stated if database and not _DATABASE.fullmatch(database)]
    if wrong or (options and not all(value for _, value in options)):
        return [f"redis_url: {(wrong or [''])[0]!r} is no number of a database"]
    if len({int(database) for database in stated if database}) > 1:
        return ["redis_url names two databases: one behind the host, another by db"]
    return []


def _registry_mistakes(urls: str | None) -> Iterator[str]:
    for url in (urls or "").split(",") if urls else ():
        try:
            parts = urlsplit(url.strip())
            whole = parts.scheme in {"http", "https"} and parts.hostname and (parts.port is None or parts.port > 0)
        except ValueError as error:
            yield f"schema_registry_url is no URL: {error}"
            continue
        if parts.username is not None or parts.password is not None:
            yield "schema_registry_url holds a user or password: they belong in schema_registry_auth_file"
        elif not whole:
            yield "schema_registry_url is none such as https://registry.example.com:8081"


def load_settings(**overrides: Any) -> Settings:
    """Read and validate all settings.

    Args:
        overrides: Values that go before the environment and the file.

    Raises:
        SettingsError: With a sentence for every setting that is wrong, unknown or contradictory.
    """
    file = os.environ.get(ENV_PREFIX + "CONFIG")
    mistakes = unknown_variables(os.environ)
    if file and not Path(file).is_file():  # pydantic-settings passes over a missing file in silence
        mistakes.append(f"{ENV_PREFIX}CONFIG={file}: no such file")
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        mistakes += [sentence for item in error.errors() for sentence in _sentences(item)]
    except ValueError as error:  # the TOML file does not parse
        mistakes.append(f"{ENV_PREFIX}CONFIG={file}: {error}")
    if mistakes:
        raise SettingsError(mistakes)
    return settings


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """A sentence for each `BURNLINE_` variable that is no setting: most are typing mistakes."""
    known = {name.upper() for name in Settings.model_fields} | _FOREIGN
    links = service_links(environ)
    names = [name.removeprefix(ENV_PREFIX) for name in environ if name.startswith(ENV_PREFIX) and name not in links]
    return [
        f"{ENV_PREFIX}{name}: there is no such setting"
        for name in sorted(names)
        if name not in known and not name.startswith(_FOREIGN_PREFIXES)
    ]


def service_links(environ: Mapping[str, str]) -> list[str]:
    """Variables that look like ours and are Kubernetes' or Docker's: where a service named `burnline-…` answers.

    They are set in every container beside that service, whether anybody wants them or not, and say nothing to Burnline.
    """
    return [
        name
        for name, value in environ.items()
        if name.startswith(ENV_PREFIX)
        and (_LINK_NAME.fullmatch(name) or (name.endswith("_PORT") and _LINK_VALUE.fullmatch(value)))
    ]


def _sentences(item: Any) -> list[str]:
    wrapped = item.get("ctx", {}).get("error")
    if isinstance(wrapped, SettingsError):
        return wrapped.mistakes
    name = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return [f"{os.environ.get(ENV_PREFIX + 'CONFIG', 'argument')}: {name}: there is no such setting"]
    secret = "SecretStr" in str(Settings.model_fields[name].annotation)
    value = "" if secret or (name == "kafka_bootstrap_servers" and "@" in str(item["input"])) else f"={item['input']}"
    return [f"{ENV_PREFIX}{name.upper()}{value}: {item['msg'].removeprefix('Value error, ')}"]
