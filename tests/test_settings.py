"""The settings: where they come from, all mistakes at once, bounds, contradictions, and secrets that stay secret."""

import json
import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from redis import Redis
from typer.testing import CliRunner

from burnline.cli.root import cli
from burnline.settings import ENV_PREFIX, Settings, SettingsError, load_settings, unknown_variables

SECRET = "hunter2-Ünïcode"  # noqa: S105  # only a test's
SASL = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "KAFKA_SASL_USERNAME": "burnline",
    "KAFKA_SASL_PASSWORD": SECRET,
    "KAFKA_SSL_KEY_PASSWORD": SECRET,
}


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith(ENV_PREFIX)]:
        monkeypatch.delenv(name)


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets variables, given without their prefix."""

    def set_all(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(ENV_PREFIX + name, value)

    return set_all


@pytest.fixture
def toml(env: Callable[..., None], tmp_path: Path) -> Callable[[str], Path]:
    """Writes a TOML file and names it in the environment."""

    def write(text: str) -> Path:
        path = tmp_path / "burnline.toml"
        path.write_text(text, encoding="utf-8")
        env(CONFIG=str(path))
        return path

    return write


def mistakes(**overrides: Any) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(**overrides)
    return caught.value.mistakes


def test_defaults() -> None:
    settings = load_settings()
    assert settings == Settings()
    assert settings.kafka_bootstrap_servers == "127.0.0.1:9092"
    assert (settings.topic_prefix, settings.partitions, settings.flush_interval_ms) == ("finops.", 4, 1_000)
    assert (settings.short_window_s, settings.long_window_s, settings.resolve_after_s) == (60, 300, 180)
    assert (settings.baseline_usd_per_hour, settings.anomaly_multiplier) == (Decimal(1), Decimal(5))
    assert (settings.minimum_spend_usd, settings.critical_factor) == (Decimal("0.05"), Decimal(3))
    assert settings.metrics_port == 9464


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_settings().partitions = 8  # type: ignore[misc]  # that it cannot be done is the point


class TestPrecedence:
    """Arguments before the environment before the file before the defaults."""

    def test_environment(self, env: Callable[..., None]) -> None:
        env(PARTITIONS="8", TOPIC_PREFIX="")
        settings = load_settings()
        assert (settings.partitions, settings.topic_prefix) == (8, "")

    def test_file(self, toml: Callable[[str], Path]) -> None:
        toml('partitions = 8\nlog_level = "debug"\nbaseline_usd_per_hour = "0.1"')
        settings = load_settings()
        assert (settings.partitions, settings.log_level) == (8, "debug")
        assert settings.baseline_usd_per_hour == Decimal("0.1")
        assert settings.topic_prefix == "finops."

    @pytest.mark.parametrize("written", ["true", '"true"'])
    def test_a_switch(self, toml: Callable[[str], Path], written: str) -> None:
        toml(f"seed_api = {written}")
        assert load_settings().seed_api == "true"

    def test_environment_before_file(self, toml: Callable[[str], Path], env: Callable[..., None]) -> None:
        toml("partitions = 8\nreplication_factor = 3")
        env(PARTITIONS="16")
        settings = load_settings()
        assert (settings.partitions, settings.replication_factor) == (16, 3)

    def test_argument_before_environment(self, toml: Callable[[str], Path], env: Callable[..., None]) -> None:
        toml("partitions = 8")
        env(PARTITIONS="16")
        assert load_settings(partitions=32).partitions == 32

    def test_no_file_is_named(self, env: Callable[..., None]) -> None:
        env(CONFIG="")
        assert load_settings() == Settings()

    def test_a_float_in_the_file_is_the_decimal_that_was_written(self, toml: Callable[[str], Path]) -> None:
        toml("baseline_usd_per_hour = 0.1")
        assert load_settings().baseline_usd_per_hour == Decimal("0.1")


class TestAllMistakesAtOnce:
    """One run of `burnline check` shows everything that has to be mended."""

    def test_values_and_names(self, env: Callable[..., None]) -> None:
        env(PARTITIONS="0", LOG_LEVEL="loud", SHORT_WINDOW_S="55", BASELINE_USD_PER_HOUR="NaN", PARTITONS="4", X="")
        found = mistakes()
        assert found[:2] == ["BURNLINE_PARTITONS: there is no such setting", "BURNLINE_X: there is no such setting"]
        assert sorted(sentence.partition(":")[0] for sentence in found[2:]) == [
            "BURNLINE_BASELINE_USD_PER_HOUR=NaN",
            "BURNLINE_LOG_LEVEL=loud",
            "BURNLINE_PARTITIONS=0",
            "BURNLINE_SHORT_WINDOW_S=55",
        ]

    def test_file_and_environment(self, toml: Callable[[str], Path], env: Callable[..., None]) -> None:
        toml("partitions = -1\nflush_intervall_ms = 5")
        env(METRICS_PORT="http", TPOIC_PREFIX="x")
        found = " ".join(mistakes())
        for name in ("BURNLINE_PARTITIONS=-1", "flush_intervall_ms", "BURNLINE_METRICS_PORT=http", "TPOIC_PREFIX"):
            assert name in found

    def test_no_switch_for_a_number(self, toml: Callable[[str], Path]) -> None:
        toml("metrics_port = true")
        assert mistakes() == ["BURNLINE_METRICS_PORT=True: true and false are no values of this setting"]

    def test_missing_file_beside_other_mistakes(self, tmp_path: Path, env: Callable[..., None]) -> None:
        env(CONFIG=str(tmp_path / "none.toml"), PARTITIONS="0")
        assert len(mistakes()) == 2

    def test_contradictions(self, env: Callable[..., None]) -> None:
        env(
            LONG_WINDOW_S="50",
            WINDOW_RETENTION_S="100",
            MIN_INSYNC_REPLICAS="2",
            KAFKA_SECURITY_PROTOCOL="SASL_PLAINTEXT",
            KAFKA_SSL_KEY_LOCATION="key.pem",
        )
        assert mistakes() == [
            "long_window_s=50 is shorter than short_window_s=60",
            "window_retention_s=100 is less than long_window_s + resolve_after_s = 230",
            "min_insync_replicas=2 exceeds replication_factor=1",
            "SASL_PLAINTEXT needs kafka_sasl_username and kafka_sasl_password",
            "kafka_ssl_certificate_location and kafka_ssl_key_location go together",
        ]

    def test_the_error_holds_every_sentence(self, env: Callable[..., None]) -> None:
        env(PARTITIONS="0", X="1")
        with pytest.raises(SettingsError) as caught:
            load_settings()
        assert str(caught.value).splitlines() == caught.value.mistakes
        assert len(caught.value.mistakes) == 2


class TestFile:
    """The file itself can be wrong."""

    @pytest.mark.parametrize("name", ["missing.toml", "."])
    def test_no_such_file(self, name: str, env: Callable[..., None], tmp_path: Path) -> None:
        env(CONFIG=str(tmp_path / name))
        assert mistakes() == [f"BURNLINE_CONFIG={tmp_path / name}: no such file"]

    @pytest.mark.parametrize("text", ["partitions", "= 4", '[a\nb = "', "partitions = 4\npartitions = 5"])
    def test_no_toml(self, text: str, toml: Callable[[str], Path]) -> None:
        path = toml(text)
        (found,) = mistakes()
        assert found.startswith(f"BURNLINE_CONFIG={path}: ")
        assert "line" in found

    def test_no_text(self, toml: Callable[[str], Path]) -> None:
        path = toml("")
        path.write_bytes(b'topic_prefix = "\xff"')
        (found,) = mistakes()
        assert found.startswith(f"BURNLINE_CONFIG={path}: ")

    @pytest.mark.parametrize("text", ["colour = 1", "[kafka]\nbootstrap_servers = 'x:1'"], ids=["name", "table"])
    def test_unknown_names(self, text: str, toml: Callable[[str], Path]) -> None:
        toml(text)
        assert len(mistakes()) == 1


BOUNDS = [
    ("partitions", 1, 1_024),
    ("replication_factor", 1, 9),
    ("session_timeout_ms", 1_000, 300_000),
    ("flush_interval_ms", 50, 60_000),
    ("max_clock_skew_ms", 0, 86_400_000),
    ("duplicate_ids_per_session", 0, 16_384),
    ("metrics_port", 0, 65_535),
    ("metrics_label_limit", 1, 100_000),
]


@pytest.mark.parametrize(("name", "least", "most"), BOUNDS, ids=[name for name, *_ in BOUNDS])
def test_bounds(name: str, least: int, most: int) -> None:
    for value in (least, most):
        assert getattr(load_settings(**{name: str(value)}), name) == value
    for value in (least - 1, most + 1):
        (found,) = mistakes(**{name: str(value)})
        assert found.startswith(f"BURNLINE_{name.upper()}={value}: ")


@pytest.mark.parametrize("name", ["short_window_s", "long_window_s", "window_retention_s", "resolve_after_s"])
@pytest.mark.parametrize("value", ["0", "5", "9", "11", "-60", "61.5", "86410", "soon"])
def test_windows_are_whole_slices(name: str, value: str) -> None:
    assert any(found.startswith(f"BURNLINE_{name.upper()}={value}: ") for found in mistakes(**{name: value}))


def test_the_smallest_and_the_largest_windows() -> None:
    windows = {"short_window_s": 10, "long_window_s": 10, "resolve_after_s": 10, "window_retention_s": 20}
    assert load_settings(**windows).window_retention_s == 20
    windows = {"long_window_s": 86_390, "resolve_after_s": 10, "window_retention_s": 86_400}
    assert load_settings(**windows).long_window_s == 86_390


MONEY = [
    (
        "baseline_usd_per_hour",
        ["0", "0.000000000001", "1e3", "999999999.999999999999"],
        ["-0.01", "0.0000000000001", "1000000001"],
    ),
    ("minimum_spend_usd", ["0", "0.05"], ["-1", "a", "", "NaN", "Infinity", "0.0000000000001"]),
    ("anomaly_multiplier", ["0.000001", "1000000"], ["0", "-1", "0.0000001", "1000001", "NaN", "inf"]),
    ("critical_factor", ["1", "1.5", "1000000"], ["0.999999", "0", "1.0000001", "1000001", "NaN"]),
]


@pytest.mark.parametrize(("name", "good", "bad"), MONEY, ids=[name for name, *_ in MONEY])
def test_exact_numbers(name: str, good: list[str], bad: list[str]) -> None:
    for text in good:
        assert getattr(load_settings(**{name: text}), name) == Decimal(text)
    for text in bad:
        assert len(mistakes(**{name: text})) == 1


NAMES = [
    ("app_id", ["burnline", "a.b_c-1", "x" * 100], ["", "x" * 101, "a b", "ä", "a/b", "a\n"]),
    ("topic_prefix", ["", "finops.", "x" * 100], ["x" * 101, "a b", "ü", "a/"]),
    ("group_instance_id", ["worker-0", "x" * 200], ["", "x" * 201, "a b"]),
    ("log_level", ["debug", "info", "warning", "error"], ["", "warn", "INFO", "critical"]),
    ("log_format", ["text", "json"], ["", "JSON", "logfmt"]),
    ("kafka_security_protocol", ["PLAINTEXT", "SSL"], ["", "ssl", "TLS"]),
    ("kafka_sasl_mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"], ["GSSAPI", "scram-sha-256"]),
    ("kafka_bootstrap_servers", ["a:1", "a:1,b:2"], [""]),
    ("metrics_host", ["0.0.0.0", "::"], [""]),  # noqa: S104  # nothing is bound here
]


@pytest.mark.parametrize(("name", "good", "bad"), NAMES, ids=[name for name, *_ in NAMES])
def test_names(name: str, good: list[str], bad: list[str]) -> None:
    for text in good:
        assert getattr(load_settings(**{name: text}), name) == text
    for text in bad:
        assert len(mistakes(**{name: text})) == 1


LINKS = {
    "API_SERVICE_HOST": "10.0.0.1",
    "API_SERVICE_PORT": "8080",
    "API_SERVICE_PORT_HTTP": "8080",
    "API_PORT": "tcp://10.0.0.1:8080",
    "API_PORT_8080_TCP": "tcp://10.0.0.1:8080",
    "API_PORT_8080_TCP_PROTO": "tcp",
    "API_PORT_8080_TCP_PORT": "8080",
    "API_PORT_8080_TCP_ADDR": "10.0.0.1",
    "METRICS_PORT": "tcp://[fd00::1]:9464",
    "PORT": "tcp://10.0.0.2:80",
    "SERVICE_HOST": "10.0.0.2",
    "SERVICE_PORT": "80",
    "PORT_80_UDP_ADDR": "10.0.0.2",
}


class TestServiceLinks:
    """Kubernetes puts the address of a service called `burnline-api` into every container beside it."""

    @pytest.mark.parametrize("name", LINKS)
    def test_one_is_passed_over(self, env: Callable[..., None], name: str) -> None:
        env(**{name: LINKS[name]})
        assert load_settings() == Settings()

    def test_a_setting_beside_them_is_read(self, env: Callable[..., None], toml: Callable[[str], Path]) -> None:
        toml("api_port = 8081")
        env(**LINKS, PARTITIONS="7")
        settings = load_settings()
        assert (settings.api_port, settings.metrics_port, settings.partitions) == (8081, 9464, 7)

    @pytest.mark.parametrize(
        ("name", "value"), [("API_PORT", "tcp"), ("API_PORT", "tcp://h"), ("API_HOSTS", "tcp://h:1"), ("APP_PORT", "1")]
    )
    def test_a_mistake_is_still_one(self, env: Callable[..., None], name: str, value: str) -> None:
        env(**{name: value})
        assert len(mistakes()) == 1


CONTRADICTIONS = [
    ({"long_window_s": 60}, {"long_window_s": 50}),
    ({"window_retention_s": 480}, {"window_retention_s": 470}),
    ({"resolve_after_s": 300}, {"resolve_after_s": 310}),
    ({"min_insync_replicas": 2, "replication_factor": 2}, {"min_insync_replicas": 3, "replication_factor": 2}),
    (
        {"kafka_security_protocol": "SASL_SSL", "kafka_sasl_username": "u", "kafka_sasl_password": "p"},
        {"kafka_security_protocol": "SASL_SSL", "kafka_sasl_username": "u"},
    ),
    (
        {"kafka_security_protocol": "SSL"},
        {"kafka_security_protocol": "SASL_SSL", "kafka_sasl_username": "u", "kafka_sasl_password": ""},
    ),
    (
        {"kafka_ssl_certificate_location": "c.pem", "kafka_ssl_key_location": "k.pem"},
        {"kafka_ssl_certificate_location": "c.pem"},
    ),
]


@pytest.mark.parametrize(("good", "bad"), CONTRADICTIONS, ids=[str(bad) for _, bad in CONTRADICTIONS])
def test_settings_fit_together(good: dict[str, Any], bad: dict[str, Any]) -> None:
    assert load_settings(**good).model_dump(mode="json", include=set(good)).keys() == good.keys()
    assert len(mistakes(**bad)) == 1


class TestUnknownVariables:
    """A variable with our prefix that nothing reads is most likely misspelt."""

    @pytest.mark.parametrize("name", ["BURNLINE_PARTITION", "BURNLINE_", "BURNLINE_KAFKA", "BURNLINE_TESTS_X"])
    def test_named(self, name: str) -> None:
        assert unknown_variables({name: "x"}) == [f"{name}: there is no such setting"]

    @pytest.mark.parametrize(
        "name",
        [
            "BURNLINE_PARTITIONS",
            "BURNLINE_CONFIG",
            "BURNLINE_REDIS_URL",
            "BURNLINE_API_PORT",
            "BURNLINE_TEST_BROKER",
            "BURNLINE_FAULT_SEED",
            "BURNLINE_BENCH_EVENTS",
            "PATH",
            "XBURNLINE_PARTITION",
        ],
    )
    def test_not_named(self, name: str) -> None:
        assert unknown_variables({name: "x"}) == []

    def test_sorted(self) -> None:
        assert [found[:10] for found in unknown_variables({"BURNLINE_Z": "", "BURNLINE_A": ""})] == [
            "BURNLINE_A",
            "BURNLINE_Z",
        ]


class TestSecrets:
    """Passwords reach the clients and nobody else."""

    def test_they_are_there(self, env: Callable[..., None]) -> None:
        env(**SASL)
        settings = load_settings()
        assert settings.kafka_sasl_password == SecretStr(SECRET)
        assert settings.kafka_ssl_key_password == SecretStr(SECRET)

    def test_not_where_settings_are_printed(self, env: Callable[..., None]) -> None:
        env(**SASL)
        settings = load_settings()
        for shown in (repr(settings), str(settings), settings.model_dump_json(), str(settings.model_dump())):
            assert SECRET not in shown

    @pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "json"])
    def test_not_by_check(self, options: list[str], env: Callable[..., None]) -> None:
        env(**SASL)
        result = CliRunner().invoke(cli, ["check", *options])
        assert result.exit_code == 0
        assert "burnline" in result.output
        assert SECRET not in result.output

    def test_not_when_something_else_is_wrong(self, env: Callable[..., None]) -> None:
        env(**SASL, PARTITIONS="0")
        assert SECRET not in "".join(mistakes())
        env(**SASL, PARTITIONS="4", MIN_INSYNC_REPLICAS="9")
        assert SECRET not in "".join(mistakes())

    @pytest.mark.parametrize(
        "text",
        [
            f'kafka_sasl_password = ["{SECRET}"]',
            f'kafka_ssl_key_password = {{value = "{SECRET}"}}',
            f'kafka_sasl_pasword = "{SECRET}"',
            f'kafka_sasl_password = "{SECRET}',
            f'kafka_sasl_password = "{SECRET}"\nkafka_sasl_password = "{SECRET}"',
        ],
        ids=["array", "table", "misspelt", "no end", "twice"],
    )
    def test_not_when_they_are_wrong(self, text: str, toml: Callable[[str], Path]) -> None:
        toml(text)
        assert SECRET not in "".join(mistakes())

    def test_not_in_an_unknown_variable(self, env: Callable[..., None]) -> None:
        env(KAFKA_SASL_PASWORD=SECRET)
        assert mistakes() == ["BURNLINE_KAFKA_SASL_PASWORD: there is no such setting"]

    def test_not_in_a_traceback(self, env: Callable[..., None]) -> None:
        env(**SASL, PARTITIONS="0")
        with pytest.raises(SettingsError) as caught:
            load_settings()
        assert SECRET not in str(caught.value)


class TestCheck:
    """`burnline check` on the command line."""

    def test_good(self, env: Callable[..., None]) -> None:
        env(PARTITIONS="8")
        result = CliRunner().invoke(cli, ["check", "--json"])
        assert result.exit_code == 0
        assert json.loads(result.stdout)["partitions"] == 8

    def test_bad(self, env: Callable[..., None]) -> None:
        env(PARTITIONS="0", LOG_LEVEL="[red]loud", X="1")
        result = CliRunner().invoke(cli, ["check"])
        assert result.exit_code == 2
        assert result.stdout == ""
        for name in ("BURNLINE_PARTITIONS=0", "BURNLINE_LOG_LEVEL=[red]loud", "BURNLINE_X"):
            assert name in result.stderr

    def test_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "settings.toml"
        path.write_text("partitions = 16")
        monkeypatch.setenv("BURNLINE_CONFIG", "")  # so that what the command sets is taken back
        result = CliRunner().invoke(cli, ["--config", str(path), "check", "--json"])
        assert json.loads(result.stdout)["partitions"] == 16


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("redis://h:6379/abc", "'abc' is no number of a database"),
        ("redis://h:6379/-1", "'-1' is no number"),
        ("redis://h:6379/0/1", "'0/1' is no number"),
        ("redis://h:6379/1e3", "'1e3' is no number"),
        ("redis://h:6379?db=x", "'x' is no number"),
        ("redis://h:6379?db=", "'' is no number"),
        ("redis://h:6379/0?db=1", "two databases"),
        ("redis://h:6379/0?socket_timeout=1", "'socket_timeout' is no option"),
        ("redis://h:6379/0#1", "nothing behind #"),
        ("redis://a,b:6379/0", "one server"),
        ("redis://h:6379/ 0", "blanks"),
        ("redis://h:6379/\u0663", "outside of ASCII"),
        ("valkey://h:6379/0", "redis_url is none such as"),
        ("h:6379", "redis_url is none such as"),
        ("redis://::1:6379/0", "redis_url is none such as"),
        ("redis://h:0/0", "redis_url is none such as"),
        ("redis://h:65536/0", "redis_url is no URL"),
        ("redis://u:secret@h:6379/0", "belong in redis_username and redis_password"),
    ],
)
def test_an_address_of_redis_that_its_client_would_misread_is_refused(url: str, why: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        load_settings(redis_url=url)
    assert why in str(wrong.value)
    assert "secret" not in str(wrong.value)


@pytest.mark.parametrize(
    ("url", "database"),
    [
        ("redis://h:6379", 0),
        ("redis://h:6379/", 0),
        ("redis://h:6379/0", 0),
        ("redis://h/15", 15),
        ("rediss://[::1]:6380/2", 2),
        ("redis://h:6379?db=3", 3),
        ("unix:///tmp/redis.sock", 0),
        ("unix:///tmp/redis.sock?db=1", 1),
    ],
)
def test_an_address_of_redis_means_the_database_that_its_client_takes(url: str, database: int) -> None:
    client = Redis.from_url(load_settings(redis_url=url).redis_url)
    assert client.connection_pool.connection_kwargs.get("db", 0) == database
