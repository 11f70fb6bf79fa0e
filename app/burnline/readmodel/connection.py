"""How Burnline's clients reach Redis: one translation of the settings."""

from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Disconnected

from burnline.settings import Settings

TIMEOUT_S = 5.0
"""How long to wait for a connection, and for an answer."""


def connect(
    settings: Settings,
    *,
    timeout_s: float = TIMEOUT_S,
    max_connections: int | None = None,
    only_reads: bool = False,
) -> Redis:
    """A client, not connected yet; answers come as bytes. Close it with `aclose`.

    Nothing is tried again behind the caller's back, as who writes must know whether it was done. What only reads is
    tried once more, on a new connection, where the old one is found broken: when Redis has started anew, each idle
    connection of before would otherwise fail one reader. An answer that is late (`timeout_s`) is not asked for again.

    Raises:
        redis.exceptions.RedisError: From its methods, when Redis is away, slow or refuses.
    """
    return Redis.from_url(
        settings.redis_url,
        **login(settings),
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        max_connections=max_connections,
        retry=Retry(NoBackoff(), 1 if only_reads else 0, supported_errors=(Disconnected,)),
        client_name="burnline",
    )


def login(settings: Settings) -> dict[str, Any]:
    """What every client of Redis says of itself, as redis-py calls it: user, password, and files for TLS."""
    password = settings.redis_password
    files = {
        "ssl_ca_certs": settings.redis_ssl_ca_location,
        "ssl_certfile": settings.redis_ssl_certificate_location,
        "ssl_keyfile": settings.redis_ssl_key_location,
    }
    return {
        "username": settings.redis_username,
        "password": None if password is None else password.get_secret_value(),
        **{name: str(path) for name, path in files.items() if path is not None},
    }
