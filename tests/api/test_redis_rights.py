"""Projector, API and command line on a Redis with users: each with the commands of the table, and behind TLS."""

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from burnline.api.access.roles import Role
from burnline.api.access.setup import token_client, token_file
from burnline.api.access.tokens import mint
from burnline.embedded.ports import LOOPBACK
from burnline.readmodel.commands import COMMANDS, user_line
from burnline.readmodel.connection import connect
from burnline.readmodel.store import AUDIT_START, Store
from burnline.settings import Settings, SettingsError, load_settings
from tests.api import live
from tests.faults.proxy import TcpProxy, Tls
from tests.kafka.certificates import Authority

PASSWORD = "a password of tests"  # noqa: S105  # pragma: allowlist secret
PREFIX = "burnline:"
READ = ("sessions", "anomalies", "baselines", "budgets", "valuation-rates")
PLACES = {"finops.sessions/0": 0}


@pytest.fixture
def admin(redis_url: str) -> Iterator["redis.Redis"]:
    """May do everything; the users are gone afterwards."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        for name in COMMANDS:
            client.execute_command(*user_line(name, name, PREFIX).split(), f">{PASSWORD}")
        client.acl_log_reset()
        yield client
        client.acl_deluser(*COMMANDS)


def as_user(redis_url: str, name: str, **own: object) -> Settings:
    return load_settings(redis_url=redis_url, redis_username=name, redis_password=PASSWORD, **own)


def refused(admin: "redis.Redis") -> list[tuple[str, str]]:
    return [(str(one["username"]), str(one["object"])) for one in admin.acl_log()]


async def keep(settings: Settings) -> None:
    """What a projector does to Redis in its turns."""
    async with connect(settings) as client:
        store = Store(client, settings.redis_prefix, "me")
        await store.lead()
        await store.ask_for_rebuild()
        generation = str(await store.begin(PLACES))
        await store.retire_unknown()
        await store.offsets(generation)
        await store.seen(generation, {0: 5})
        await store.seen_ms_ago(generation)
        await store.switch(generation)
        await store.lead()
        await store.audit(generation, AUDIT_START)
        await store.tidy(generation)
        await store.sweep()
        await store.policy()
        await store.set_unfit(None)
        await store.release()


def test_the_projector_has_what_it_needs(redis_url: str, admin: "redis.Redis") -> None:
    asyncio.run(keep(as_user(redis_url, "projector")))
    assert refused(admin) == []


def test_the_api_only_reads(redis_url: str, projection: live.Projection, admin: "redis.Redis") -> None:
    with live.live_api(redis_url, redis_username="api", redis_password=PASSWORD) as api:
        for path in READ:
            api.get(f"/{path}")
    assert refused(admin) == []
    with (
        redis.Redis.from_url(redis_url, username="api", password=PASSWORD) as client,
        pytest.raises(redis.exceptions.NoPermissionError),
    ):
        client.set(f"{PREFIX}gen", "mine")


def test_tokens_are_the_operators(redis_url: str, admin: "redis.Redis") -> None:
    settings = as_user(redis_url, "operator")
    _, record = mint("somebody", Role.VIEWER, frozenset(["acme"]), now_ms=1, expires_at=None)
    with token_client(settings) as client:
        tokens = token_file(client, settings)
        tokens.add(record)
        assert tokens.revoke(record.id, 2) is not None
        assert tokens.all()[0].revoked_at == 2
    assert refused(admin) == []


def test_over_tls_with_a_certificate_that_is_looked_at(redis_url: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own, secret = authority.issue("redis")
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.ca))
    server.load_cert_chain(own, secret)
    server.verify_mode = ssl.CERT_REQUIRED
    port = int(redis_url.rsplit(":", 1)[1].split("/")[0])
    proxy = TcpProxy((LOOPBACK, port), tls=Tls(server, None))
    mine, key = authority.issue("projector")
    files = {"redis_ssl_certificate_location": mine, "redis_ssl_key_location": key}
    try:
        url = f"rediss://{LOOPBACK}:{proxy.port}/0"
        trusting = load_settings(redis_url=url, redis_ssl_ca_location=authority.ca, **files)
        with token_client(trusting) as client:
            assert client.ping()
        asyncio.run(keep(trusting))
        with (
            token_client(load_settings(redis_url=url, **files)) as client,
            pytest.raises(redis.exceptions.ConnectionError, match="certificate verify failed"),
        ):
            client.ping()
        with (
            token_client(load_settings(redis_url=url, redis_ssl_ca_location=authority.ca)) as client,
            pytest.raises(redis.exceptions.ConnectionError),
        ):
            client.ping()
    finally:
        proxy.stop()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"redis_ssl_ca_location": "/ca.pem"}, "redis_ssl_ca_location=/ca.pem is for rediss://"),
        (
            {"redis_url": "rediss://h/0", "redis_ssl_certificate_location": "/c.pem"},
            "redis_ssl_key_location is missing",
        ),
        (
            {"redis_url": "rediss://h/0", "redis_ssl_key_location": "/k.pem"},
            "redis_ssl_certificate_location is missing",
        ),
    ],
    ids=["without TLS", "no key", "no certificate"],
)
def test_files_for_tls_that_cannot_be_used(settings: dict[str, str], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        load_settings(**settings)
