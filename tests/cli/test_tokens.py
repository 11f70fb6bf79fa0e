"""`burnline tokens`: made once and shown once, listed without secrets, revoked for good, on a real Redis."""

import re
import time

import pytest
import redis

from burnline.api.access.setup import why_not_listen
from burnline.embedded.ports import free_ports
from burnline.settings import load_settings
from tests.cli.reach import objects, run, words

DAY_MS = 86_400_000


@pytest.fixture
def client(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> redis.Redis:
    monkeypatch.setenv("BURNLINE_REDIS_URL", redis_url)
    return redis.Redis.from_url(redis_url)


def test_the_secret_is_shown_once_and_kept_nowhere(client: redis.Redis) -> None:
    made = run("tokens", "create", "--name", "ci", "--role", "editor", "--org", "acme")
    text = made.stdout.strip()
    assert re.fullmatch(r"bl_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", text)
    assert "editor of acme" in made.stderr
    secret = text.split("_", 2)[2]
    assert secret not in run("tokens", "list").stdout
    assert secret.encode() not in b"".join(bytes(value) for value in client.hgetall("burnline:tokens").values())  # type: ignore[arg-type]  # bytes


def test_as_json(client: redis.Redis) -> None:
    before = time.time_ns() // 1_000_000
    (made,) = objects("tokens", "create", "--name", "ci", "--org", "b", "--org", "a", "--expires-in", "90d")
    assert made["token"].split("_")[1] == made["id"]
    assert (made["role"], made["orgs"], made["state"]) == ("viewer", ["a", "b"], "active")
    assert 0 <= made["expires_at"] - before - 90 * DAY_MS < 60_000
    (listed,) = objects("tokens", "list")
    assert listed == {name: value for name, value in made.items() if name != "token"}
    assert "sha256" not in listed


def test_a_list_for_people(client: redis.Redis) -> None:
    assert "no tokens" in run("tokens", "list").stdout
    run("tokens", "create", "--name", "first", "--role", "admin")
    run("tokens", "create", "--name", "second", "--expires-in", "30m")
    lines = [words(line) for line in run("tokens", "list").stdout.splitlines() if line.strip()]
    assert re.search(r"first admin all organisations .* never active", lines[-2])
    assert re.search(r"second viewer all organisations .* active", lines[-1])


def test_revoked_is_for_good(client: redis.Redis) -> None:
    (made,) = objects("tokens", "create", "--name", "ci")
    assert "is revoked" in words(run("tokens", "revoke", made["id"]).stdout)
    (again,) = objects("tokens", "revoke", made["id"])
    assert again["state"] == "revoked"
    assert [one["state"] for one in objects("tokens", "list")] == ["revoked"]


def test_one_that_is_not_there(client: redis.Redis) -> None:
    assert "no token ffffffffffff" in words(run("tokens", "revoke", "f" * 12, code=1).stderr)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--name", ""),
        ("--name", "a\nb"),
        ("--name", "ci", "--role", "owner"),
        ("--name", "ci", "--org", ""),
        ("--name", "ci", "--expires-in", "0d"),
        ("--name", "ci", "--expires-in", "90"),
        ("--name", "ci", "--expires-in", "1y"),
        (),
    ],
    ids=["no name", "line end", "role", "org", "no time", "no unit", "unit", "nothing"],
)
def test_what_cannot_be_made(client: redis.Redis, arguments: tuple[str, ...]) -> None:
    run("tokens", "create", *arguments, code=2)
    assert objects("tokens", "list") == []


def test_redis_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNLINE_REDIS_URL", f"redis://127.0.0.1:{free_ports(1)[0]}/0")
    assert "does not answer" in words(run("tokens", "list", code=1).stderr)


def test_the_api_does_not_listen_where_anyone_could_call_it(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BURNLINE_API_HOST", "192.0.2.1")
    said = words(run("api", code=2).stderr)
    assert "does not listen on 192.0.2.1" in said
    assert "burnline tokens create" in said
    assert "BURNLINE_OIDC_ISSUER" in said


def test_where_it_may_listen(client: redis.Redis, redis_url: str) -> None:
    elsewhere = {"api_host": "192.0.2.1", "redis_url": redis_url}
    assert why_not_listen(load_settings(redis_url=redis_url)) is None
    assert why_not_listen(load_settings(**elsewhere, oidc_issuer="https://id.example.com", oidc_audience="b")) is None
    assert why_not_listen(load_settings(**elsewhere)) is not None
    run("tokens", "create", "--name", "ci")
    assert why_not_listen(load_settings(**elsewhere)) is None


def test_with_redis_away_it_may_start_as_it_lets_nobody_in() -> None:
    away = f"redis://127.0.0.1:{free_ports(1)[0]}/0"
    assert why_not_listen(load_settings(api_host="192.0.2.1", redis_url=away)) is None
