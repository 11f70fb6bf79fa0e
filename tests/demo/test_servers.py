"""Which servers a run stands on: named ones as they are, others out of wheels, and what cannot be used said clearly."""

from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from burnline.demo.servers import (
    BrokerContradiction,
    BrokerKind,
    Embedded,
    RedisUnusable,
    check_redis,
    names_a_broker,
    names_a_redis,
    start_servers,
)
from burnline.readmodel.keys import Control
from burnline.settings import load_settings

NAMED = {"kafka_bootstrap_servers": "127.0.0.1:9092", "redis_url": "redis://127.0.0.1:6379/0"}


@pytest.mark.parametrize(
    ("how", "named"), [("environment", True), ("file", True), ("nothing", False)], ids=lambda value: str(value)
)
def test_servers_are_named_by_environment_or_file(
    *, how: str, named: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if how == "environment":
        for name, value in NAMED.items():
            monkeypatch.setenv(f"BURNLINE_{name.upper()}", value)
    elif how == "file":
        config = tmp_path / "burnline.toml"
        config.write_text("".join(f'{name} = "{value}"\n' for name, value in NAMED.items()))
        monkeypatch.setenv("BURNLINE_CONFIG", str(config))
    settings = load_settings()
    assert (names_a_broker(settings), names_a_redis(settings)) == (named, named)


@pytest.mark.parametrize("name", ["redis_username", "redis_password"])
def test_who_can_log_in_has_a_redis(name: str) -> None:
    assert names_a_redis(load_settings(**{name: "somebody"}))


def test_what_was_named_is_not_started() -> None:
    with ExitStack() as stack:
        assert start_servers(stack, load_settings(**NAMED), None, print) == Embedded()


@pytest.mark.parametrize("kind", BrokerKind)
def test_a_kind_of_broker_beside_a_named_one_is_a_contradiction(kind: BrokerKind) -> None:
    with (
        ExitStack() as stack,
        pytest.raises(BrokerContradiction, match=rf"--broker {kind} .*=127\.0\.0\.1:9092 names one"),
    ):
        start_servers(stack, load_settings(**NAMED), kind, print)


def test_valkey_comes_out_of_the_wheel_and_goes_with_the_run() -> None:
    settings = load_settings(kafka_bootstrap_servers=NAMED["kafka_bootstrap_servers"])
    with ExitStack() as stack:
        embedded = start_servers(stack, settings, None, print)
        assert (embedded.bootstrap_servers, embedded.no_redis) == (None, None)
        assert embedded.redis_url is not None
        own = load_settings(redis_url=embedded.redis_url)
        check_redis(own)
    with pytest.raises(RedisUnusable, match=f"^Redis at {embedded.redis_url} cannot be used: "):
        check_redis(own)


@pytest.mark.parametrize("key", ["generation", "building"])
def test_a_prefix_that_holds_a_projection_is_refused(key: str, redis_url: str) -> None:
    settings = load_settings(redis_url=redis_url, redis_prefix="team:")
    with redis.Redis.from_url(redis_url) as client:
        client.set(Control("others:").generation, "1")
        client.hset(Control("team:").tokens, "1", "{}")
        check_redis(settings)
        client.set(getattr(Control("team:"), key), "1")
    with pytest.raises(RedisUnusable, match="holds a projection under team: already"):
        check_redis(settings)
